"""Which tensors two arms share, how they are seen, and in how many stages."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from models import make_model, value
from onnx import helper, numpy_helper

from harness.explain.model import Scale, SharedTensor, Sight
from harness.explain.stages import infer, stages
from harness.explain.tensors import share, show, sights, steps

SCALES = [
    numpy_helper.from_array(np.array(0.5, np.float32), "s"),
    numpy_helper.from_array(np.array(3, np.uint8), "z"),
]


def node(
    op: str, inputs: str, outputs: str, name: str = "", domain: str = "", **facts: int
) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), name, domain=domain, **facts)


def graph(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", [value("x", [1, 4])], [value("y", [1, 4])], SCALES)


def test_a_tensor_is_seen_by_its_name_and_in_the_blocked_layout_by_its_nodes() -> None:
    source = graph(node("Conv", "x w", "a"), node("Relu", "a", "b"), node("Neg", "b", "y"))
    ran = graph(
        node("Conv", "x reordered", "token_0", "b_nchwc", "com.microsoft.nchwc"),
        node("ReorderOutput", "token_0", "plain", "ReorderOutput", "com.microsoft.nchwc"),
        node("Neg", "plain", "y"),
    )
    assert sights(ran, source, {"b": 24}) == {
        "b": Sight("b", "token_0", channels=24),
        "y": Sight("y", "y"),
    }
    assert list(sights(ran, source, {})) == ["y"]  # how many of its channels are real is not known


def test_a_node_with_the_channels_last_stands_for_what_its_output_is_quantized_to() -> None:
    source = graph(
        node("Conv", "x w", "a", "/conv"), node("Relu", "a", "b"), node("QuantizeLinear", "b s z", "q")
    )
    ran = graph(node("QLinearConv", "x", "_token_2", "/conv_token_5", "com.microsoft", channels_last=1))
    assert sights(ran, source, {"q": 8}) == {
        "q": Sight("q", "_token_2", scale=Scale("s", "z", None, "b"), channels_last=True)
    }


def test_a_quantized_tensor_meets_the_real_one_that_it_stands_for() -> None:
    scale = Scale("s", "z", None, "b")
    plain, quantized = Sight("b", "b"), Sight("q", "q", scale=scale)
    assert share({"b": plain}, {"q": quantized}) == [SharedTensor("b", plain, quantized)]
    both = {"b": plain, "q": quantized}
    assert share(both, {"q": quantized}) == [SharedTensor("q", quantized, quantized)]


def test_what_is_shown_is_the_real_values_and_the_graph_computes_as_before() -> None:
    model = make_model(
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
        [value("x", [1, 4])],
        [value("y", [1, 4])],
        SCALES,
    )
    names = show(model, model.graph, [Sight("q", "q", scale=Scale("s", "z", None, "x"))])
    assert names == {"q": "seen:q"}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    y, seen = session.run(None, {"x": np.array([[0.4, 1, 2, 2.6]], np.float32)})
    assert y.tolist() == seen.tolist() == [[0.5, 1.0, 2.0, 2.5]]


def test_the_way_to_a_tensor_goes_back_to_the_nearest_that_are_seen() -> None:
    ran = graph(node("Neg", "x", "a", "n1"), node("Neg", "a", "hidden"), node("Add", "hidden x", "y", "add"))
    found = steps(ran, [Sight("a", "a"), Sight("y", "y")], ["x"])
    assert (found["y"].ops, found["y"].nodes) == (("Neg", "Add"), ("(hidden)", "add"))
    assert sorted(found["y"].inputs) == ["a", "x"]


def test_stages_hold_what_memory_does_and_a_large_tensor_is_one_of_its_own() -> None:
    shared = [SharedTensor(name, Sight(name, name), Sight(name, name)) for name in "abcde"]
    made = stages(shared, {"a": 5, "b": 5, "c": 100, "e": 1}, calls=1, most_bytes=80)
    assert ["".join(item.name for item in stage) for stage in made] == ["ab", "c", "de"]


def test_shapes_follow_from_what_was_fed() -> None:
    model = make_model(
        [node("Neg", "x", "a"), node("Relu", "a", "y")], [value("x", ["N", 4])], [value("y", ["N", 4])]
    )
    assert infer(model, {"x": [3, 4]}) == {"a": (3, 4), "y": (3, 4)}
