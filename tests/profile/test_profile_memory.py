"""Which tensors live at once, with exact bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.profile.job import read_graph
from harness.profile.memory import plan
from harness.profile.model import Graph, GraphNode, LiveTensor


def node(name: str, op: str, inputs: str, outputs: str) -> GraphNode:
    return GraphNode(name, op, tuple(inputs.split()), tuple(outputs.split()))


def ran(name: str, *dims: list[int], dtype: str = "float", **more: Any) -> dict[str, Any]:
    return {"name": name, "outputs": [{"dtype": dtype, "dims": size} for size in dims], **more}


GRAPH = Graph(
    nodes=(
        node("first", "Conv", "x w", "a"),
        node("flat", "Flatten", "a", "f"),
        node("second", "MatMul", "f v", "b"),
        node("third", "Add", "f b", "y"),
    ),
    inputs=("x",),
    weights={"w": 400, "v": 60},
    outputs=("y",),
)
SEEN = {
    "nodes": [
        ran("first", [10, 10], mem_in_use_peak=500),
        ran("flat", [100], mem_in_use_peak=900),
        ran("second", [50]),
        ran("third", [100]),
    ]
}


def test_the_fullest_moment_counts_each_place_once() -> None:
    found = plan(SEEN, GRAPH, peak={"bytes": 5_000}, before={"bytes": 2_000})
    assert found is not None
    # a (400 bytes, read through its view to the end), b (200) and y (400)
    assert (found.at, found.activation_bytes) == ("third", 1000)
    assert found.alive == (LiveTensor("a", 400), LiveTensor("y", 400), LiveTensor("b", 200))
    assert (found.weight_bytes, found.arena_peak_bytes, found.uncounted) == (460, 900, 0)
    assert (found.added_bytes, found.overhead_bytes) == (3_000, 3_000 - 460 - 1000)


def test_a_tensor_dies_with_its_last_reader() -> None:
    graph = Graph(
        (node("p", "Relu", "x", "a"), node("q", "Relu", "a", "b"), node("r", "Relu", "b", "y")), ("x",)
    )
    found = plan({"nodes": [ran("p", [30]), ran("q", [20]), ran("r", [1])]}, graph)
    assert found is not None
    assert (found.at, found.activation_bytes, found.overhead_bytes) == ("q", 200, None)


def test_outputs_of_the_model_live_to_the_end() -> None:
    graph = Graph((node("p", "Relu", "x", "y"), node("q", "Relu", "y", "z")), ("x",), outputs=("y", "z"))
    found = plan({"nodes": [ran("p", [3]), ran("q", [4], dtype="int64")]}, graph)
    assert found is not None
    assert found.activation_bytes == 12 + 32


def test_what_cannot_be_sized_is_counted_as_left_out() -> None:
    seen = {"nodes": [ran("first", [1], dtype="string"), ran("elsewhere", [1]), ran("second", [50])]}
    found = plan(seen, GRAPH)
    assert found is not None
    assert (found.uncounted, found.activation_bytes) == (2, 200)
    assert plan({"nodes": [ran("elsewhere", [1])]}, GRAPH) is None


def test_weights_of_branches_count(tmp_path: Path) -> None:
    """Both are in memory, whichever runs."""
    value = helper.make_tensor_value_info("z", TensorProto.FLOAT, [8])
    branches = [
        helper.make_graph(
            [helper.make_node("Identity", ["w"], ["z"])],
            name,
            [],
            [value],
            [numpy_helper.from_array(np.ones(8, np.float32), "w")],
        )
        for name in ("then", "else")
    ]
    chosen = helper.make_node("If", ["c"], ["y"], "if", then_branch=branches[0], else_branch=branches[1])
    values = [
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [8]),
    ]
    onnx.save(
        helper.make_model(helper.make_graph([chosen], "g", values[:1], values[1:])), tmp_path / "m.onnx"
    )
    graph = read_graph(tmp_path / "m.onnx")
    assert graph is not None
    found = plan({"nodes": [ran("if", [8])]}, graph)
    assert found is not None
    assert found.weight_bytes == 2 * 8 * 4
