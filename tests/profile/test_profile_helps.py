"""What would help and what was left unfused, with exact numbers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.profile.fusions import fusions, left
from harness.profile.helps import helps
from harness.profile.model import (
    Bandwidth,
    Bias,
    Bound,
    Fusion,
    Graph,
    GraphNode,
    HelpKind,
    Kernel,
    LeftPattern,
    Place,
    Roofs,
    Work,
)

NONE = Bias(200, 0.0, 0.0, 0.0)
ROOFS = Roofs(
    machine="pc", runtime="onnxruntime 1.32.0", provider="cpu", threads=1, cores=(0,), measured_at="",
    flops_per_s={Kernel.FP32: 1e11, Kernel.INT8: 4e11}, bandwidths=(Bandwidth(1000, 1e10),),
)  # fmt: skip


def node(name: str, op: str, us: int) -> dict[str, Any]:
    return {"name": name, "op": op, "us": [us] * 4, "times": [1] * 4}


def graph(*nodes: tuple[str, str, str], weights: str = "", outputs: str = "") -> Graph:
    made = tuple(GraphNode(outs, op, tuple(ins.split()), tuple(outs.split())) for op, ins, outs in nodes)
    return Graph(made, ("x",), dict.fromkeys(weights.split(), 4), tuple(outputs.split()))


SEEN = {"nodes": [node("m", "MatMul", 400), node("a", "Add", 200), node("t", "Transpose", 100)]}
WORKS = (
    Work(1e7, 1_200_000, Kernel.FP32),  # 120 µs to move
    Work(1e5, 1_500_000, Kernel.FP32),  # 150 µs to move
    Work(0.0, 500_000, Kernel.FP32),
)


def test_what_would_help_is_ordered_by_what_it_can_win_at_most() -> None:
    found = helps(SEEN, WORKS, NONE, ROOFS, (LeftPattern("MatMul+Add", ("m", "a")),), 950e-6)
    assert [(item.kind, item.target, round(item.bound_s * 1e6)) for item in found] == [
        (HelpKind.LOWER_PRECISION, "MatMul", 300),
        (HelpKind.FASTER_KERNEL, "MatMul", 280),
        (HelpKind.LESS_BESIDE, "", 250),
        (HelpKind.FUSE, "MatMul+Add", 200),
        (HelpKind.FEWER_MOVES, "Transpose", 100),
    ]
    assert [item.call_share for item in found] == pytest.approx([30 / 95, 28 / 95, 25 / 95, 20 / 95, 10 / 95])
    assert (found[0].bound, found[0].to, found[3].nodes) == (Bound.MEMORY, "int8", 2)


def test_without_roofs_only_what_needs_none_is_named() -> None:
    found = helps(SEEN, WORKS, NONE, None, (), 1000e-6)
    assert [item.kind for item in found] == [HelpKind.LESS_BESIDE, HelpKind.FEWER_MOVES]


def test_what_is_below_a_hundredth_of_the_call_is_not_named() -> None:
    seen = {"nodes": [node("t", "Transpose", 9), node("m", "MyOp", 990)]}
    works = (Work(0.0, 1000, Kernel.FP32), Work(None, None, reason="MyOp has no formula"))
    assert helps(seen, works, NONE, ROOFS, (), 999e-6) == ()


def test_nodes_that_are_too_short_matter_where_there_are_several_threads() -> None:
    seen = {"nodes": [node(f"a{at}", "Add", 10) for at in range(8)]}
    works = (Work(100.0, 20_000, Kernel.FP32),) * 8  # 2 µs to move
    kinds = {item.kind for item in helps(seen, works, NONE, ROOFS, (), 80e-6)}
    assert HelpKind.FEWER_THREADS not in kinds
    two = Roofs(
        machine="pc", runtime="", provider="cpu", threads=2, cores=(0, 1), measured_at="",
        flops_per_s=ROOFS.flops_per_s, bandwidths=ROOFS.bandwidths,
    )  # fmt: skip
    (item,) = (
        item for item in helps(seen, works, NONE, two, (), 80e-6) if item.kind is HelpKind.FEWER_THREADS
    )
    assert (item.nodes, item.bound_s) == (8, pytest.approx(64e-6))


def test_fusions_are_nodes_that_stand_for_several() -> None:
    ran = graph(("Conv", "x w", "r"), ("Conv", "r v", "s"), ("Gemm", "s u", "y"))
    places = {
        "r": Place(("Conv", "Relu"), ("c", "r")),
        "s": Place(("Conv", "Relu"), ("d", "s")),
        "y": Place(("Gemm",), ("y",)),
    }
    assert fusions(ran, places) == (Fusion(("Conv", "Relu"), "Conv", ("r", "s")),)


LEFT = {
    "Conv+BatchNormalization": graph(("Conv", "x w", "c"), ("BatchNormalization", "c s b m v", "y")),
    "Conv+Relu": graph(("Conv", "x w", "c"), ("Relu", "c", "y")),
    "MatMul+Add": graph(("MatMul", "x w", "m"), ("Add", "m b", "y"), weights="w b"),
    "Gelu": graph(("Div", "x c", "d"), ("Erf", "d", "e"), ("Add", "e o", "a"), ("Mul", "a x", "y")),
    "LayerNormalization": graph(
        ("Sub", "x u", "s"), ("Pow", "s two", "p"), ("ReduceMean", "p", "v"), ("Add", "v eps", "w"),
        ("Sqrt", "w", "r"), ("Div", "s r", "y"),
    ),
    "Attention": graph(
        ("MatMul", "q k", "s"), ("Div", "s c", "d"), ("Add", "d mask", "e"), ("Softmax", "e", "p"),
        ("MatMul", "p v", "y"),
    ),
    "Q/DQ": graph(
        ("DequantizeLinear", "x s z", "a"), ("DequantizeLinear", "w s z", "b"), ("Conv", "a b", "c"),
        ("QuantizeLinear", "c s z", "y"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("pattern", LEFT)
def test_a_pattern_that_is_still_several_nodes_is_left(pattern: str) -> None:
    assert [item.pattern for item in left(LEFT[pattern])] == [pattern]


def test_no_pattern_is_left_where_a_value_between_is_read_elsewhere() -> None:
    assert left(graph(("Conv", "x w", "c"), ("Relu", "c", "y"), ("Add", "c y", "z"))) == ()
    assert left(graph(("Conv", "x w", "c"), ("Relu", "c", "y"), outputs="c y")) == ()
    assert left(graph(("MatMul", "x w", "m"), ("Add", "m x", "y"))) == ()
    assert left(graph(("MatMul", "q k", "s"), ("Softmax", "s", "y"))) == ()
