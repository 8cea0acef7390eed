"""Which outputs are classes, read off the last thing that a graph does."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build.classes import class_axes
from harness.build.contents import contents

Node = helper.make_node
WEIGHT = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")


def graph(
    *nodes: onnx.NodeProto, shape: tuple[str | int, ...] = ("n", 4), opset: int = 17
) -> onnx.ModelProto:
    """A model that ends in these nodes, after a product."""
    nodes = (Node("MatMul", ["x", "w"], ["h"]), *nodes)
    return make_model(list(nodes), [value("x", ["n", 4])], [value("y", list(shape))], [WEIGHT], opset=opset)


@pytest.mark.parametrize(
    ("nodes", "axes"),
    [
        ([Node("Softmax", ["h"], ["y"])], {"y": -1}),
        ([Node("Softmax", ["h"], ["y"], axis=1)], {"y": 1}),
        ([Node("LogSoftmax", ["h"], ["y"], axis=-1)], {"y": -1}),
        ([Node("Hardmax", ["h"], ["y"])], {"y": -1}),
        ([Node("ArgMax", ["h"], ["y"], axis=1, keepdims=0)], {"y": 1}),
        ([Node("ArgMin", ["h"], ["y"])], {"y": 0}),
        ([Node("Softmax", ["h"], ["s"]), Node("Cast", ["s"], ["c"], to=10), Node("Identity", ["c"], ["y"])],
         {"y": -1}),
        ([Node("Softmax", ["h"], ["s"]), Node("QuantizeLinear", ["s", "a", "b"], ["q"]),
          Node("DequantizeLinear", ["q", "a", "b"], ["y"])], {"y": -1}),
        # no classes: an embedding, a map, several answers at once, scores that are computed on
        ([Node("Identity", ["h"], ["y"])], {}),
        ([Node("Sigmoid", ["h"], ["y"])], {}),
        ([Node("Softmax", ["h"], ["s"]), Node("MatMul", ["s", "w"], ["y"])], {}),
        ([Node("Softmax", ["h"], ["s"]), Node("Transpose", ["s"], ["y"])], {}),
        ([Node("Div", ["h", "w"], ["y"])], {}),
        # over the samples of a batch
        ([Node("Softmax", ["h"], ["y"], axis=0)], {}),
        ([Node("LogSoftmax", ["h"], ["y"], axis=-2)], {}),
    ],
)  # fmt: skip
def test_classes_are_known_by_the_last_operator(nodes: list[onnx.NodeProto], axes: dict[str, int]) -> None:
    assert class_axes(graph(*nodes)) == axes


def written_out(axes: int | tuple[int, ...], above: str = "e", opset: int = 17) -> onnx.ModelProto:
    """A softmax as converters write it out."""
    model = graph(
        Node("Exp", ["h"], ["e"]),
        Node("ReduceSum", ["e", "axes"], ["t"]),
        Node("Expand", ["t", "size"], ["b"]),
        Node("Div", [above, "b"], ["y"]),
        opset=opset,
    )
    model.graph.initializer.append(numpy_helper.from_array(np.atleast_1d(np.array(axes, np.int64)), "axes"))
    return model


def test_a_softmax_that_is_written_out_is_one() -> None:
    assert class_axes(written_out(-1)) == {"y": -1}
    assert class_axes(written_out((1, 2))) == {}
    assert class_axes(written_out(0)) == {}
    assert class_axes(written_out(-1, above="h")) == {}


@pytest.mark.parametrize(
    ("axis", "shape", "axes"),
    [
        (1, ("n", 10), {"y": 1}),
        (1, ("n", 10, 1, 1), {"y": 1}),
        (1, ("n", 10, 7), {}),
        (-1, ("n", 7, 10), {"y": -1}),
    ],
)
def test_an_old_softmax_is_over_all_axes_from_its_own_on(
    axis: int, shape: tuple[str | int, ...], axes: dict[str, int]
) -> None:
    model = graph(Node("Softmax", ["h"], ["y"], axis=axis), shape=shape, opset=11)
    assert class_axes(model) == axes


def test_each_output_is_judged_by_itself() -> None:
    nodes = [
        Node("Softmax", ["x"], ["p"]),
        Node("MatMul", ["x", "w"], ["embedding"]),
        Node("ArgMax", ["p"], ["label"], axis=-1, keepdims=0),
    ]
    outputs = [value("embedding", ["n", 4]), value("p", ["n", 4]), value("label", ["n"], TensorProto.INT64)]
    assert class_axes(make_model(nodes, [value("x", ["n", 4])], outputs, [WEIGHT])) == {"p": -1, "label": -1}


def test_a_classifier_gives_labels_and_scores() -> None:
    node = Node("LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml")
    outputs = [value("label", ["n"], TensorProto.INT64), value("scores", ["n", 3])]
    model = make_model([node], [value("x", ["n", 4])], outputs, domains=("ai.onnx.ml",))
    assert class_axes(model) == {"label": -1, "scores": -1}


def test_a_graph_that_runs_in_a_circle_or_reads_nothing_has_no_classes() -> None:
    circle = [Node("Identity", ["b"], ["y"]), Node("Cast", ["y"], ["b"], to=1)]
    assert class_axes(make_model(circle, [], [value("y", ["n", 4])])) == {}
    assert class_axes(make_model([Node("Identity", [], ["y"])], [], [value("y", ["n", 4])])) == {}
    assert class_axes(make_model([Node("Div", ["x"], ["y"])], [], [value("y", ["n", 4])])) == {}


INT64, UINT8, FLOAT = TensorProto.INT64, TensorProto.UINT8, TensorProto.FLOAT


@pytest.mark.parametrize(
    ("nodes", "kind", "what"),
    [
        ([Node("Cast", ["h"], ["y"], to=INT64)], INT64, {"y": "quantities"}),
        ([Node("Cast", ["h"], ["c"], to=INT64), Node("Mul", ["c", "c"], ["y"])], INT64, {"y": "quantities"}),
        ([Node("Round", ["h"], ["r"]), Node("Cast", ["r"], ["y"], to=UINT8)], UINT8, {}),
        ([Node("ArgMax", ["h"], ["y"])], INT64, {}),
        ([Node("ArgMax", ["h"], ["a"]), Node("Cast", ["a"], ["y"], to=UINT8)], UINT8, {"y": "labels"}),
        ([Node("ArgMax", ["h"], ["a"]), Node("Cast", ["a"], ["y"], to=FLOAT)], FLOAT, {"y": "labels"}),
        (
            [
                Node("ArgMax", ["h"], ["a"]),
                Node("Cast", ["a"], ["f"], to=FLOAT),
                Node("Cast", ["f"], ["y"], to=INT64),
            ],
            INT64,
            {},
        ),
        ([Node("TopK", ["h", "k"], ["v", "y"])], INT64, {"y": "indices"}),
        ([Node("TopK", ["h", "one"], ["v", "y"])], INT64, {}),
        (
            [Node("TopK", ["h", "k"], ["v", "i"]), Node("Cast", ["i"], ["y"], to=FLOAT)],
            FLOAT,
            {"y": "indices"},
        ),
        ([Node("TopK", ["h", "k"], ["y", "i"])], FLOAT, {}),
        ([Node("NonZero", ["h"], ["z"]), Node("Transpose", ["z"], ["y"])], INT64, {"y": "indices"}),
        ([Node("NonMaxSuppression", ["h", "w"], ["y"])], INT64, {"y": "indices"}),
        ([Node("Unique", ["h"], ["u", "y"])], INT64, {"y": "indices"}),
        ([Node("Greater", ["h", "w"], ["g"]), Node("Cast", ["g"], ["y"], to=INT64)], INT64, {}),
    ],
)
def test_integers_are_labels_unless_they_were_rounded(
    nodes: list[onnx.NodeProto], kind: int, what: dict[str, str]
) -> None:
    model = graph(*nodes)
    model.graph.output[0].type.tensor_type.elem_type = kind
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))
    assert contents(model, list(model.graph.node)) == what
