"""Profile the cases of a plan: a worker each, and one for the chain that shows what the profile adds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import measure, store
from harness.build.naming import named
from harness.build.scratch import scratch
from harness.core.case import Case, plain
from harness.core.errors import CaseError, Failed, InputError, StoreError
from harness.core.listener import Listener
from harness.core.record import Observation
from harness.core.sampling import Sampling
from harness.core.suite import Plan
from harness.core.units import count
from harness.plan import plan_model
from harness.profile import memory
from harness.profile.decide import bias_of, rows, spans
from harness.profile.flops import work as operation_work
from harness.profile.fusions import fusions, left
from harness.profile.helps import helps
from harness.profile.model import (
    Bias,
    By,
    Graph,
    GraphNode,
    Place,
    Profile,
    Profiles,
    Roofs,
    RoofSource,
    Tensor,
    Work,
)
from harness.profile.operation import operations
from harness.profile.origin import places
from harness.profile.roofline import roofline
from harness.profile.roofs import roofs_of
from harness.profile.stored import StoredProfile, identity
from harness.profile.trace import chrome_trace
from harness.run.bench import Bench, OpenBench, open_bench
from harness.run.job import resolve_rolling_runtimes
from harness.store.files import write_file

if TYPE_CHECKING:
    import onnx

CHAIN = 200
"""Nodes of the chain: a call of it beside its nodes takes a few µs, so a few hundredths of one a node."""

SAMPLING = Sampling(warmup_calls=10, warmup_s=0.05, seconds=0.5, min_calls=20)
"""How p50 is taken unless a suite says more."""

Seen = tuple[Observation, Graph | None, Graph | None]


def profile(
    plan: Plan,
    cache_dir: Path,
    by: By = By.NODE,
    *,
    roofs: RoofSource = RoofSource.KEPT,
    results_dir: Path | None = None,
    listener: Listener | None = None,
    opening: OpenBench = open_bench,
) -> Profiles:
    """Profile every case of `plan`. Raises InputError where data is wrong, StoreError.

    Roofs that `cache_dir` has not, or that are to be measured again, are measured once a session. The
    operators of each case are kept in `results_dir`, where one is given.
    """
    plan, listener = resolve_rolling_runtimes(plan), listener or Listener()
    if results_dir is not None:
        store.check_writable(results_dir)
    machine = measure.describe_machine()
    found: list[Profile] = []
    missing: dict[str, str] = {}
    known: dict[Any, tuple[Bias, Roofs | None, str]] = {}
    with scratch() as work:
        bench = opening(replace(plan.suite, sampling=SAMPLING), cache_dir, work, machine)
        for number, case in enumerate(plan.cases, 1):
            listener.start_stage("profile", case.key, number, len(plan.cases))
            try:
                path, unnamed = _named(Path(bench.built(case).path), work / f"named-{number}")
                changes = {"path": str(path.absolute())} if unnamed else {}
                seen = bench.profile(case, _read, **changes)
                if case.session not in known:
                    bias = calibrate(bench, case, work)
                    runtime = _runtime(seen[0])
                    known[case.session] = (bias, *_roofs(bench, case, cache_dir, work, runtime, roofs))
                works = tuple(map(operation_work, operations(seen[0].parts["profile"], seen[1])))
                name = str(machine["machine"])
                one = _conclude(case, seen, by, name, works, *known[case.session])
                found.append(replace(one, notes=(*one.notes, *_of_names(unnamed))))
                if results_dir is not None:
                    _keep(results_dir, bench, case, seen[0], found[-1], works)
                outcome = "profiled"
            except CaseError as error:
                missing[case.key] = outcome = str(error)
            listener.end_stage(outcome, 0.0)
    return Profiles(tuple(found), missing)


def _named(path: Path, folder: Path) -> tuple[Path, int]:
    """Return the model with a name for each node, and how many had none. Raises StoreError."""
    try:
        return named(path, folder)
    except Failed:  # no ONNX file: the worker says what it makes of it
        return path, 0
    except OSError as error:
        raise StoreError(f"{folder}: a copy with names cannot be written: {error.strerror}") from error


def _of_names(unnamed: int) -> tuple[str, ...]:
    return (f"{count(unnamed, 'node')} without a name: called by the tensor computed",) * bool(unnamed)


def _runtime(seen: Observation) -> str:
    return f"{seen.runtime.get('distribution')} {seen.runtime.get('version')}"


def _roofs(
    bench: Bench, case: Case, cache_dir: Path, work: Path, runtime: str, source: RoofSource
) -> tuple[Roofs | None, str]:
    """Return the roofs of a session, or why there are none."""
    if source is RoofSource.NONE:
        return None, ""
    try:
        again = source is RoofSource.MEASURE
        return roofs_of(bench, case, cache_dir / "roofs", work, runtime, again=again), ""
    except CaseError as error:
        return None, str(error)


def write_trace(found: Profiles, path: Path) -> None:
    """Write the last call of every case as a chrome trace. Raises InputError."""
    try:
        write_file(path, json.dumps(chrome_trace(found.profiles)))
    except OSError as error:
        raise InputError(f"--trace {path}: {error.strerror}; name a file in an existing folder") from error


def _keep(
    results_dir: Path, bench: Bench, case: Case, seen: Observation, found: Profile, works: Sequence[Work]
) -> None:
    """Keep where the time goes by operator, as that of this case, file, runtime and machine."""
    of = identity(
        model_sha256=bench.built(case).sha256,
        session=plain(case.session),
        load=plain(case.load),
        runtime=found.runtime,
        machine=found.machine,
        cores=len(seen.session.get("cores") or ()),
    )
    kept = StoredProfile(
        profiled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        p50_s=found.p50_s,
        operators=rows(seen.parts["profile"], {}, found.bias, By.OP, works, found.roofs),
        roofs=found.roofs,
    )
    store.write_profile(results_dir, of, kept.to_json())


def _conclude(
    case: Case,
    read: Seen,
    by: By,
    machine: str,
    works: Sequence[Work],
    bias: Bias,
    roofs: Roofs | None,
    reason: str,
) -> Profile:
    seen, optimized, source = read
    part = seen.parts["profile"]
    found: dict[str, Place] = {}
    notes, held = [], None
    if optimized is not None:
        held = memory.plan(
            part, optimized, peak=seen.memory.get("peak"), before=seen.memory.get("after_import")
        )
    if optimized is None or source is None:
        notes.append("the optimized graph is not known: nodes have no source, and no weights")
    else:
        found = places(optimized, source)
    kept = left(optimized) if optimized is not None else ()
    p50_s = _median(seen.timing["samples_ns"]) * 1e-9
    return Profile(
        case=case.key,
        runtime=_runtime(seen),
        machine=machine,
        by=by,
        p50_s=p50_s,
        profiled_p50_s=_median(part["run_us"]) * 1e-6,
        calls=len(part["run_us"]),
        bias=bias,
        rows=rows(part, found, bias, by, works, roofs),
        memory=held,
        spans=spans(part, found),
        roofs=roofs,
        roofs_reason=reason,
        roofline=roofline(part, works, bias, roofs),
        helps=helps(part, works, bias, roofs, kept, p50_s),
        fusions=fusions(optimized, found) if optimized else (),
        left=kept,
        notes=tuple(notes),
    )


def _median(values: list[int]) -> float:
    import numpy as np

    return float(np.median(values))


def calibrate(bench: Bench, case: Case, work: Path) -> Bias:
    """Profile the chain under the session of `case`: same runtime, provider and threads."""
    path = work / "calibration.onnx"
    if not path.exists():
        write_chain(path, CHAIN)
    (plain,) = plan_model(path).cases
    # optimization must leave the chain as it is
    session = replace(case.session, graph_opt="disable", custom_ops=())
    seen, _, _ = bench.profile(replace(plain, session=session), _read)
    return bias_of(seen.parts["profile"], seen.timing["samples_ns"], CHAIN)


def write_chain(path: Path, nodes: int) -> None:
    """Write a chain of negations of one number."""
    import onnx
    from onnx import TensorProto, helper

    names = ["x", *(f"h{number}" for number in range(1, nodes)), "y"]
    chain = [helper.make_node("Neg", [names[i]], [names[i + 1]], f"neg{i}") for i in range(nodes)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y"))
    graph = helper.make_graph(chain, "chain", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)


def _read(seen: Observation, path: Path) -> Seen:
    """Check that a worker did both passes, and read the graphs. Raises CaseError."""
    if "profile" not in seen.passes or not seen.timing.get("samples_ns"):
        raise Failed(str((seen.error or {}).get("message", "the worker left no profile")))
    optimized = seen.parts["profile"].get("optimized")
    return seen, read_graph(Path(optimized)) if optimized else None, read_graph(path)


def read_graph(path: Path) -> Graph | None:
    """Read the graph of an .onnx file, without the values of its weights; None where it is none."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except (OSError, DecodeError):
        return None
    inner = list(_subgraphs(graph))
    return Graph(
        nodes=tuple(map(_node, graph.node)),
        inputs=tuple(item.name for item in graph.input),
        weights={item.name: _bytes(item) for item in graph.initializer},
        outputs=tuple(item.name for item in graph.output),
        inner=tuple(_node(node) for part in inner for node in part.node),
        inner_bytes=sum(_bytes(item) for part in inner for item in part.initializer),
        tensors={
            item.name: Tensor(_dtype(item), tuple(item.dims))
            for part in (graph, *inner)
            for item in part.initializer
        },
    )


def _node(node: onnx.NodeProto) -> GraphNode:
    return GraphNode(
        node.name,
        node.op_type,
        tuple(node.input),
        tuple(node.output),
        "" if node.domain == "ai.onnx" else node.domain,
        {item.name: value for item in node.attribute if (value := _attribute(item)) is not None},
    )


def _attribute(item: onnx.AttributeProto) -> Any:
    """Return a number, a text or a list of them; None for tensors and graphs."""
    match item.type:
        case item.INT:
            return item.i
        case item.FLOAT:
            return item.f
        case item.STRING:
            return item.s.decode(errors="replace")
        case item.INTS:
            return list(item.ints)
        case item.FLOATS:
            return list(item.floats)
    return None


def _subgraphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield the bodies of control flow, at any depth."""
    for node in graph.node:
        for item in node.attribute:
            for body in (*([item.g] if item.HasField("g") else []), *item.graphs):
                yield body
                yield from _subgraphs(body)


def _dtype(tensor: onnx.TensorProto) -> str:
    """Return the element type as a profile names it."""
    import onnx

    try:
        return onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    except ValueError:
        return ""


def _bytes(tensor: onnx.TensorProto) -> int:
    import onnx

    try:
        width = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError):
        return 0
    return math.prod(tensor.dims) * width
