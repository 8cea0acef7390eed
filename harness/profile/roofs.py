"""Measure the roofs: matrix products by type and additions by working set, by the runtime that is profiled.

Each is a model of its own in a fresh worker, with the provider, threads and cores of the case. All are
measured in several rounds, so that a disturbance falls on different ones, and the best of the rounds is the
roof: it is a maximum. What was measured is kept in the cache and read back for the same machine, runtime and
session.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.case import Case, plain
from harness.core.errors import CaseError, Failed, StoreError
from harness.core.record import Observation
from harness.core.sampling import Sampling
from harness.plan import plan_model
from harness.profile.model import Bandwidth, Kernel, Roofs
from harness.profile.stored import roofs_from_json
from harness.run.bench import Bench
from harness.store.files import write_file

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the products and the additions are.

    A product of matrices with `side` rows and columns takes milliseconds of one core: of sides from 128 to
    1024, those from 256 to 768 reached most. `working_sets`: bytes that one addition moves -> additions in a
    call, so many that a call's own part is small.
    """

    side: int = 512
    working_sets: Mapping[int, int] = field(
        default_factory=lambda: {1 << 18: 64, 1 << 22: 8, 1 << 25: 2, 3 << 26: 1}
    )


ROUNDS = 3
"""How often each roof is measured."""

SAMPLING = Sampling(warmup_calls=2, warmup_s=0.05, seconds=0.1, min_calls=5)
"""Of one roof in one round; starting its worker takes longer."""

BEST = 0.1
"""Quantile of the calls that is the roof: what was reached without a disturbance, more than once."""

OPERATORS = {Kernel.FP32: "MatMul", Kernel.FP16: "MatMul", Kernel.INT8: "MatMulInteger"}


def roofs_of(
    bench: Bench,
    case: Case,
    folder: Path,
    work: Path,
    runtime: str,
    *,
    again: bool = False,
    sizes: Sizes = Sizes(),
) -> Roofs:
    """Return the roofs of the session of `case`, kept in `folder` or measured now.

    `runtime` is the distribution and version that ran. Raises CaseError where they cannot be measured,
    StoreError.
    """
    asked = bench.asked(case)
    known = {
        "machine": str(bench.machine["machine"]),
        "runtime": runtime,
        "provider": case.session.provider.name,
        "threads": asked.cores.threads,
        "cores": list(asked.cores.worker),
    }
    session = plain(replace(case.session, graph_opt="all", custom_ops=()))
    key = json.dumps([known, session, asdict(sizes), ROUNDS], sort_keys=True, default=str)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if not again and (kept := _read(path)) is not None:
        return kept
    found = _measure(bench, case, work, known, sizes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(asdict(found)))
    except OSError as error:
        raise StoreError(f"{path}: the roofs cannot be kept: {error.strerror}") from error
    return found


def _read(path: Path) -> Roofs | None:
    try:
        return roofs_from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or of another version of the harness
        return None


def _measure(bench: Bench, case: Case, work: Path, known: Mapping[str, Any], sizes: Sizes) -> Roofs:
    reached: dict[Kernel, float] = {}
    missing: dict[Kernel, str] = {}
    moved = dict.fromkeys(sizes.working_sets, 0.0)
    for _ in range(ROUNDS):
        for kernel in [kernel for kernel in OPERATORS if kernel not in missing]:  # what failed fails again
            try:
                flops_per_s = _flops_per_s(bench, case, work, kernel, sizes.side)
                reached[kernel] = max(reached.get(kernel, 0.0), flops_per_s)
            except CaseError as error:
                missing[kernel] = str(error)
        if not reached:
            raise Failed(next(iter(missing.values())))
        for size, times in sizes.working_sets.items():
            seconds, _ = _time(bench, case, work / f"roof-{size}.onnx", additions(size // 12, times))
            moved[size] = max(moved[size], size * times / seconds)
    return Roofs(
        **{**known, "cores": tuple(known["cores"])},
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        flops_per_s=reached,
        bandwidths=tuple(Bandwidth(size, bytes_per_s) for size, bytes_per_s in moved.items()),
        missing={kernel: why for kernel, why in missing.items() if kernel not in reached},
    )


def _flops_per_s(bench: Bench, case: Case, work: Path, kernel: Kernel, side: int) -> float:
    """Measure a matrix product. Raises CaseError, also where the runtime runs other operators for it."""
    seconds, ran = _time(bench, case, work / f"roof-{kernel}.onnx", product(kernel, side))
    if set(ran) != {OPERATORS[kernel]}:
        instead = ", ".join(sorted(ran)) or "operators that it does not name"
        raise Failed(f"the runtime runs it as {instead}")
    return 2.0 * side**3 / seconds


def _time(bench: Bench, case: Case, path: Path, model: onnx.ModelProto) -> tuple[float, tuple[str, ...]]:
    """Return the seconds of a call of `model` under the session of `case`, and the operators that ran."""
    import numpy as np
    import onnx

    if not path.exists():
        onnx.save(model, path)
    (own,) = plan_model(path).cases
    session = replace(case.session, graph_opt="all", custom_ops=())

    def read(seen: Observation, _: Path) -> tuple[float, tuple[str, ...]]:
        samples = seen.timing.get("samples_ns")
        if not samples or "proof" not in seen.passes:
            raise Failed(str((seen.error or {}).get("message", "the worker left no times")))
        return float(np.quantile(samples, BEST)) * 1e-9, tuple(seen.proof.get("operators", ()))

    asked = {"passes": ("timing", "proof"), "sampling": SAMPLING, "distinct": 1}
    return bench.probe(replace(own, session=session), read, **asked)


def product(kernel: Kernel, side: int) -> onnx.ModelProto:
    """Make the product of a matrix with a constant one, which a runtime may pack in advance."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    draw = np.random.default_rng(0)
    types: dict[Kernel, tuple[int, int, np.ndarray]] = {
        Kernel.FP32: (
            TensorProto.FLOAT,
            TensorProto.FLOAT,
            draw.standard_normal((side, side)).astype(np.float32),
        ),
        Kernel.FP16: (
            TensorProto.FLOAT16,
            TensorProto.FLOAT16,
            draw.standard_normal((side, side)).astype(np.float16),
        ),
        Kernel.INT8: (
            TensorProto.UINT8,
            TensorProto.INT32,
            draw.integers(-64, 64, (side, side)).astype(np.int8),
        ),
    }
    read, made, weight = types[kernel]
    chain = [(OPERATORS[kernel], ["x", "w"], "y")]
    return _model(chain, {"x": (read, side)}, made, [numpy_helper.from_array(weight, "w")], (1, side))


def additions(elements: int, times: int) -> onnx.ModelProto:
    """Make a chain of additions of one vector; each reads two and writes one."""
    side = max(1, elements)
    names = ["x", *(f"h{number}" for number in range(1, times)), "y"]
    chain = [("Add", [names[at], "c"], names[at + 1]) for at in range(times)]
    return _model(chain, {"x": (1, side), "c": (1, side)}, 1, [])


def _model(
    chain: list[tuple[str, list[str], str]],
    inputs: Mapping[str, tuple[int, int]],
    made: int,
    weights: list[onnx.TensorProto],
    shape: tuple[int, ...] = (1,),
) -> onnx.ModelProto:
    from onnx import helper

    nodes = [
        helper.make_node(op, read, [wrote], f"n{number}") for number, (op, read, wrote) in enumerate(chain)
    ]
    values = [
        helper.make_tensor_value_info(name, kind, [*shape, width]) for name, (kind, width) in inputs.items()
    ]
    width = next(iter(inputs.values()))[1]
    result = helper.make_tensor_value_info("y", made, [*shape, width])
    graph = helper.make_graph(nodes, "roof", values, [result], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
