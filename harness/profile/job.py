"""Profile the cases of a plan: a worker each, and one for the chain that shows what the profile adds."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import measure
from harness.build.scratch import scratch
from harness.core.case import Case
from harness.core.errors import CaseError, Failed, InputError
from harness.core.listener import Listener
from harness.core.record import Observation
from harness.core.sampling import Sampling
from harness.core.suite import Plan
from harness.plan import plan_model
from harness.profile import memory
from harness.profile.decide import bias_of, rows, spans
from harness.profile.model import Bias, By, Graph, GraphNode, Place, Profile, Profiles
from harness.profile.origin import places
from harness.profile.trace import chrome_trace
from harness.run.bench import Bench, OpenBench, open_bench
from harness.run.job import resolve_rolling_runtimes

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
    listener: Listener | None = None,
    opening: OpenBench = open_bench,
) -> Profiles:
    """Profile every case of `plan`. Raises InputError where data is wrong, StoreError."""
    plan, listener = resolve_rolling_runtimes(plan), listener or Listener()
    machine = measure.describe_machine()
    found: list[Profile] = []
    missing: dict[str, str] = {}
    known: dict[Any, Bias] = {}
    with scratch() as work:
        bench = opening(replace(plan.suite, sampling=SAMPLING), cache_dir, work, machine)
        for number, case in enumerate(plan.cases, 1):
            listener.start_stage("profile", case.key, number, len(plan.cases))
            try:
                seen = bench.profile(case, _read)
                if case.session not in known:
                    known[case.session] = calibrate(bench, case, work)
                found.append(_conclude(case, seen, by, known[case.session], str(machine["machine"])))
                outcome = "profiled"
            except CaseError as error:
                missing[case.key] = outcome = str(error)
            listener.end_stage(outcome, 0.0)
    return Profiles(tuple(found), missing)


def write_trace(found: Profiles, path: Path) -> None:
    """Write the last call of every case as a chrome trace. Raises InputError."""
    try:
        path.write_text(json.dumps(chrome_trace(found.profiles)))
    except OSError as error:
        raise InputError(f"--trace {path}: {error.strerror}; name a file in an existing folder") from error


def _conclude(case: Case, read: Seen, by: By, bias: Bias, machine: str) -> Profile:
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
    return Profile(
        case=case.key,
        runtime=f"{seen.runtime.get('distribution')} {seen.runtime.get('version')}",
        machine=machine,
        by=by,
        p50_s=_median(seen.timing["samples_ns"]) * 1e-9,
        profiled_p50_s=_median(part["run_us"]) * 1e-6,
        calls=len(part["run_us"]),
        bias=bias,
        rows=rows(part, found, bias, by),
        memory=held,
        spans=spans(part, found),
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
    return Graph(
        nodes=tuple(
            GraphNode(node.name, node.op_type, tuple(node.input), tuple(node.output)) for node in graph.node
        ),
        inputs=tuple(item.name for item in graph.input),
        weights={item.name: _bytes(item) for item in graph.initializer},
        outputs=tuple(item.name for item in graph.output),
    )


def _bytes(tensor: onnx.TensorProto) -> int:
    import onnx

    try:
        width = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError):
        return 0
    return math.prod(tensor.dims) * width
