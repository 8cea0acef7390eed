"""Roofs: which one bounds some work, with recorded numbers; how they are kept, with a bench that answers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest

from harness.core.errors import Failed
from harness.core.record import Observation
from harness.profile.decide import rows
from harness.profile.model import Bandwidth, Bias, Bound, By, Kernel, Limit, Roofs, Work
from harness.profile.roofline import bandwidth, limit, ridge, roofline
from harness.profile.roofs import ROUNDS, Sizes, additions, product, roofs_of
from harness.profile.stored import roofs_from_json
from tests.make import make_case

LEVELS = (Bandwidth(1000, 50.0), Bandwidth(10_000, 80.0), Bandwidth(100_000, 20.0), Bandwidth(10**6, 10.0))
ROOFS = Roofs(
    machine="pc", runtime="onnxruntime 1.32.0", provider="cpu", threads=2, cores=(0, 1),
    measured_at="2026-11-29T00:00:00+00:00", flops_per_s={Kernel.FP32: 1e11, Kernel.INT8: 3e11},
    bandwidths=(Bandwidth(1 << 18, 8e10), Bandwidth(1 << 28, 1e10)), missing={Kernel.FP16: "it casts"},
)  # fmt: skip
NONE = Bias(200, 0.0, 0.0, 0.0)
SMALL = Sizes(8, {1200: 2, 2400: 1})


def test_a_bandwidth_is_the_best_that_work_of_this_size_or_larger_reaches() -> None:
    assert [bandwidth(LEVELS, size) for size in (0, 1000, 9_999, 10_000, 99_999, 100_000, 10**7)] == [
        80.0, 80.0, 80.0, 80.0, 80.0, 20.0, 10.0,
    ]  # fmt: skip


def test_the_longer_of_computing_and_moving_is_the_roof() -> None:
    assert limit(Work(2e9, 4_000_000, Kernel.FP32), ROOFS) == Limit(0.02, Bound.COMPUTE)
    assert limit(Work(2e9, 4_000_000, Kernel.INT8), ROOFS) == Limit(pytest.approx(2 / 300), Bound.COMPUTE)
    assert limit(Work(1e6, 80_000, Kernel.FP32), ROOFS) == Limit(pytest.approx(1e-5), Bound.COMPUTE)
    assert limit(Work(1e3, 80_000, Kernel.FP32), ROOFS) == Limit(pytest.approx(1e-6), Bound.MEMORY)
    assert limit(Work(0.0, 0), ROOFS) == Limit(0.0, None)
    assert ridge(ROOFS, Work(1.0, 80_000, Kernel.FP32)) == pytest.approx(1.25)


def test_what_is_not_counted_or_has_no_roof_has_no_limit() -> None:
    assert limit(Work(None, None, reason="no formula"), ROOFS) is None
    assert limit(Work(2e9, 4_000_000, Kernel.FP16), ROOFS) is None
    assert ridge(ROOFS, Work(1.0, 80_000, Kernel.FP16)) is None


def node(name: str, op: str, us: int) -> dict[str, Any]:
    return {"name": name, "op": op, "us": [us] * 4, "times": [1] * 4, "provider": "CPU", "inputs": [],
            "outputs": []}  # fmt: skip


def test_a_model_is_set_against_its_roof_by_the_nodes_that_have_one() -> None:
    seen = {"nodes": [node("c", "Conv", 40_000), node("t", "Transpose", 10_000), node("o", "MyOp", 50_000)]}
    works = (
        Work(2e9, 4_000_000, Kernel.FP32),
        Work(0.0, 80_000_000, Kernel.FP32),
        Work(None, None, reason="no"),
    )
    found = roofline(seen, works, NONE, ROOFS)
    assert (found.flops, found.moved_bytes, found.counted_share) == (2e9, 84_000_000, pytest.approx(0.5))
    assert (found.roof_s, found.counted_s) == (pytest.approx(0.021), pytest.approx(0.05))
    assert found.roof_share == pytest.approx(0.42)
    assert (found.uncounted, found.above) == ({"MyOp": "no"}, ())
    other, conv, move = rows(seen, {}, NONE, By.NODE, works, ROOFS)
    assert (conv.bound, conv.roof_share, conv.intensity) == (Bound.COMPUTE, pytest.approx(0.5), 500.0)
    assert (conv.flops_per_s, conv.bytes_per_s) == (pytest.approx(5e10), pytest.approx(1e8))
    assert (move.bound, move.roof_share) == (Bound.MEMORY, pytest.approx(0.1))
    assert (other.flops, other.uncounted, other.roof_share) == (None, "no", None)


RECORDED = (
    ("Conv", Work(603_979_776.0, 6_365_440, Kernel.FP32), 7673),
    ("Conv", Work(301_989_888.0, 2_244_864, Kernel.FP32), 3917),
    ("MaxPool", Work(1_048_576.0, 5_242_880, Kernel.FP32), 389),
    ("Conv", Work(9_437_184.0, 2_163_968, Kernel.FP32), 312),
    ("FusedGemm", Work(16_777_216.0, 524_800, Kernel.FP32), 244),
    ("MaxPool", Work(262_144.0, 1_310_720, Kernel.FP32), 113),
)
"""Operator, work and µs of the digits network, batch 256: one thread of an AMD EPYC, onnxruntime 1.32."""

MEASURED = replace(
    ROOFS,
    flops_per_s={Kernel.FP32: 85.28e9, Kernel.INT8: 179.7e9},
    bandwidths=(
        Bandwidth(262_144, 64.03e9),
        Bandwidth(4_194_304, 36.81e9),
        Bandwidth(33_554_432, 25.23e9),
        Bandwidth(201_326_592, 22.11e9),
    ),
)
"""The roofs there, in the same minute."""


def test_a_point_above_its_roof_is_found_and_recorded_ones_are_below() -> None:
    seen = {"nodes": [node(op, op, us) for op, _, us in RECORDED]}
    works = [work for _, work, _ in RECORDED]
    found = roofline(seen, works, NONE, MEASURED)
    assert (found.above, found.roof_share) == ((), pytest.approx(0.877, abs=0.001))
    wrong = [replace(works[0], flops=2 * 603_979_776.0), *works[1:]]
    (above,) = roofline(seen, wrong, NONE, MEASURED).above
    assert (above.op, above.roof_share) == ("Conv", pytest.approx(1.846, abs=0.001))


def test_a_node_that_the_profile_makes_uncertain_is_not_called_above_its_roof() -> None:
    seen = {"nodes": [node("a", "Add", 12)]}
    works = (Work(1e6, 80_000, Kernel.FP32),)
    assert len(roofline({"nodes": [node("a", "Add", 5)]}, works, NONE, ROOFS).above) == 1
    assert roofline(seen, works, Bias(200, 8e-6, 1e-6, 0.0), ROOFS).above == ()


def bench(answers: list[int], half: dict[str, int] | None = None) -> Any:
    """A bench whose workers take so many nanoseconds a call, one answer each."""

    def probe(case: Any, read: Any, **asked: Any) -> Any:
        assert (asked["passes"], asked["distinct"]) == (("timing", "proof"), 1)
        if not answers:
            raise Failed("it crashed")
        ran = {"MatMulInteger" if "int8" in case.key else "MatMul": 1}
        ran = half if half and "fp16" in case.key else ran
        timing, proof = {"samples_ns": [answers.pop(0)] * 9}, {"operators": ran}
        return read(Observation(timing=timing, proof=proof, passes=("timing", "proof")), Path())

    cores = SimpleNamespace(threads=2, worker=(0, 1))
    return SimpleNamespace(
        machine={"machine": "pc"}, probe=probe, asked=lambda case: SimpleNamespace(cores=cores)
    )


def test_roofs_are_measured_once_and_read_back(tmp_path: Path) -> None:
    (work := tmp_path / "work").mkdir()
    case, kept = make_case(), tmp_path / "roofs"
    answers = [1000, 2000, 500, 100, 400] * ROUNDS
    first = roofs_of(bench(answers), case, kept, work, "onnxruntime 1.32.0", sizes=SMALL)
    assert list(first.flops_per_s) == [Kernel.FP32, Kernel.FP16, Kernel.INT8]
    assert list(first.flops_per_s.values()) == pytest.approx([1.024e9, 5.12e8, 2.048e9])
    assert first.bandwidths == (Bandwidth(1200, pytest.approx(2.4e10)), Bandwidth(2400, pytest.approx(6e9)))
    again = roofs_of(bench([]), case, kept, work, "onnxruntime 1.32.0", sizes=SMALL)
    assert again == first
    with pytest.raises(Failed, match="it crashed"):
        roofs_of(bench([]), case, kept, work, "onnxruntime 1.31.0", sizes=SMALL)
    answers = [2000] * 5 * ROUNDS
    newer = roofs_of(bench(answers), case, kept, work, "onnxruntime 1.32.0", again=True, sizes=SMALL)
    assert newer.flops_per_s[Kernel.FP32] == pytest.approx(5.12e8)


def test_a_roof_is_the_best_of_three_rounds_over_all_of_them(tmp_path: Path) -> None:
    rounds = [1000, 2000, 900, 100, 400, 500, 3000, 800, 300, 200, 4000, 1000, 800, 50, 800]
    found = roofs_of(bench(rounds), make_case(), tmp_path / "roofs", tmp_path, "ort", sizes=SMALL)
    best = {Kernel.FP32: 500, Kernel.FP16: 1000, Kernel.INT8: 800}
    assert found.flops_per_s == {kernel: pytest.approx(1024 / ns * 1e9) for kernel, ns in best.items()}
    assert found.bandwidths == (
        Bandwidth(1200, pytest.approx(4.8e10)),
        Bandwidth(2400, pytest.approx(1.2e10)),
    )


def test_a_type_that_the_runtime_casts_has_no_roof_and_is_not_measured_again(tmp_path: Path) -> None:
    answers = [1000] * 5 + [1000] * 4 * (ROUNDS - 1)
    half = bench(answers, half={"MatMul": 1, "Cast": 2})
    found = roofs_of(half, make_case(), tmp_path / "roofs", tmp_path, "onnxruntime 1.32.0", sizes=SMALL)
    assert (list(found.flops_per_s), found.missing) == (
        [Kernel.FP32, Kernel.INT8],
        {Kernel.FP16: "the runtime runs it as Cast, MatMul"},
    )
    assert answers == []


def test_roofs_survive_being_written() -> None:
    assert roofs_from_json(json.loads(json.dumps(asdict(ROOFS)))) == ROOFS


@pytest.mark.parametrize("kernel", list(Kernel))
def test_the_models_of_the_roofs_are_valid(kernel: Kernel) -> None:
    onnx.checker.check_model(product(kernel, 8), full_check=True)
    onnx.checker.check_model(additions(12, 3), full_check=True)
    assert [item.op_type for item in additions(12, 3).graph.node] == ["Add"] * 3
