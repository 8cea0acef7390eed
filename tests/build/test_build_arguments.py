"""Values that are tried for graph inputs that are arguments of operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build.hints import arguments, hints
from harness.build.reading import read_model
from harness.core.inputs import Input

Node = helper.make_node
X = value("x", ["n", 12])
IMAGE = value("x", ["n", 3, 16, 16])


def integers(name: str, *shape: int | str) -> Any:
    return value(name, list(shape), TensorProto.INT64)


def constant(name: str, values: Any, dtype: Any = np.int64) -> Any:
    return numpy_helper.from_array(np.array(values, dtype), name)


def tried(nodes: list[Any], inputs: list[Any], weights: Any = (), output: Any = None) -> dict[str, Any]:
    """What is tried for each argument of a model, the first one first."""
    model = make_model(nodes, inputs, [output or value("y", None)], weights)
    return arguments(read_model(model).inputs, model)


@pytest.mark.parametrize(
    ("nodes", "inputs", "first"),
    [
        ([Node("Reshape", ["x", "a"], ["y"])], [X, integers("a", 2)], ("n", -1)),
        ([Node("Reshape", ["x", "a"], ["y"])], [X, integers("a", 3)], ("n", 1, -1)),
        ([Node("Expand", ["x", "a"], ["y"])], [X, integers("a", 3)], (1, "n", 12)),
        ([Node("Tile", ["x", "a"], ["y"])], [X, integers("a", 2)], 1),
        ([Node("Pad", ["x", "a"], ["y"])], [X, integers("a", 4)], 0),
        ([Node("Resize", ["x", "", "a"], ["y"])], [IMAGE, value("a", [4])], (1, 1, 2, 2)),
        ([Node("Resize", ["x", "", "", "a"], ["y"])], [IMAGE, integers("a", 4)], ("n", 3, 32, 32)),
        ([Node("Slice", ["x", "z", "a"], ["y"])], [X, integers("a", 2)], ("n", 12)),
        ([Node("TopK", ["x", "a"], ["y", "i"])], [X, integers("a", 1)], 1),
        ([Node("OneHot", ["i", "a", "v"], ["y"])], [integers("i", "n"), integers("a")], 2),
        ([Node("Range", ["z", "a", "one"], ["y"])], [value("x", ["n", "t"]), integers("a")], ("t",)),
        ([Node("ConstantOfShape", ["a"], ["y"])], [integers("a", 2)], 1),
        ([Node("Squeeze", ["x", "a"], ["y"])], [value("x", ["n", 1, 4]), integers("a", 1)], 1),
        ([Node("Split", ["x", "a"], ["y", "z2"], axis=1)], [X, integers("a", 2)], 6),
    ],
)
def test_the_first_value_of_an_argument_follows_from_what_it_is_an_argument_of(
    nodes: list[Any], inputs: list[Any], first: Any
) -> None:
    weights = [constant("z", [0, 0]), constant("one", 1), constant("v", [0, 1], np.float32)]
    assert tried(nodes, inputs, weights)["a"][0] == first


def test_what_the_next_operator_takes_is_tried_first() -> None:
    nodes = [Node("Reshape", ["x", "a"], ["r"]), Node("MatMul", ["r", "w"], ["y"])]
    weights = [constant("w", np.ones((6, 5)), np.float32)]
    assert tried(nodes, [X, integers("a", 2)], weights)["a"][0] == (-1, 6)
    nodes = [Node("Reshape", ["x", "a"], ["r"]), Node("Conv", ["r", "w"], ["y"])]
    weights = [constant("w", np.ones((2, 3, 2, 2)), np.float32)]
    assert tried(nodes, [value("x", [1, 48]), integers("a", 4)], weights)["a"][0] == (1, 3, 4, 4)


def test_a_declared_output_says_what_a_reshape_makes() -> None:
    output = value("y", ["n", 3, "anything"])
    found = tried([Node("Reshape", ["x", "a"], ["y"])], [X, integers("a", 3)], output=output)
    assert found["a"][0] == ("n", 3, -1)


def test_a_part_of_an_argument_is_followed_through_the_nodes_that_put_it_together() -> None:
    nodes = [
        Node("Shape", ["x"], ["s"], end=2),
        Node("Concat", ["s", "a"], ["sizes"], axis=0),
        Node("Resize", ["x", "", "", "sizes"], ["y"]),
    ]
    assert tried(nodes, [IMAGE, integers("a", 2)])["a"][0] == 32


def test_an_argument_has_no_samples_and_the_data_beside_it_has() -> None:
    model = make_model([Node("Reshape", ["x", "a"], ["y"])], [X, integers("a", 2)], [value("y", None)])
    data, argument = read_model(model).inputs
    assert (data.argument, argument.argument, argument.fill) == ("", "Reshape shape", ("n", -1))


def test_a_number_for_each_sample_is_data() -> None:
    nodes = [Node("ReduceMax", ["a"], ["m"], keepdims=0), Node("Range", ["z", "m", "one"], ["y"])]
    weights = [constant("z", 0), constant("one", 1)]
    assert tried(nodes, [X, integers("a", "n")], weights) == {}


def test_nothing_is_tried_where_nothing_is_known() -> None:
    found = tried([Node("Split", ["x", "a"], ["y", "z"], axis=0)], [value("x", ["t", "t"]), integers("a", 2)])
    assert found == {"a": ()}
    model = make_model(
        [Node("Split", ["x", "a"], ["y", "z"])],
        [value("x", ["t", "t"]), integers("a", 2)],
        [value("y", None)],
    )
    plain = [Input("x", "float32", ("t", "t")), Input("a", "int64", (2,))]
    assert hints(plain, model)[1] == Input("a", "int64", (2,), argument="Split split")


def test_a_whole_number_that_is_divided_by_is_never_zero() -> None:
    inputs = [integers("x", "n", 4), integers("by", "n", 4), value("real", ["n", 4])]
    nodes = [Node("Div", ["x", "by"], ["y"]), Node("Div", ["real", "real"], ["z"])]
    model = make_model(nodes, inputs, [value("y", None, TensorProto.INT64)])
    assert [item.low for item in read_model(model).inputs] == [None, 1, None]
