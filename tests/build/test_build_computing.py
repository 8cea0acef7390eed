"""The floating-point type that operators compute on, whatever the constants are stored as."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build.computing import computing_types

Node = helper.make_node
HALF, SINGLE, DOUBLE = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE


def constant(name: str, dtype: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def types(nodes: list[onnx.NodeProto], *weights: onnx.TensorProto, x: int = SINGLE) -> dict[str, int]:
    """What the operators of a model with these constants compute on; `x` is the type of its input."""
    model = make_model(nodes, [value("x", ["n", 4], x)], [value("y", ["n", 4])], weights)
    return computing_types(model, model.graph.node)


@pytest.mark.parametrize(
    "on_the_way",
    [
        [Node("Cast", ["w16"], ["w"], to=SINGLE)],
        [Node("CastLike", ["w16", "x"], ["w"])],
        [Node("Transpose", ["w16"], ["t"]), Node("Cast", ["t"], ["w"], to=SINGLE)],
        [Node("Cast", ["w16"], ["c"], to=SINGLE), Node("Reshape", ["c", "s"], ["w"])],
        [
            Node("Slice", ["w16", "a", "b"], ["p"]),
            Node("Cast", ["p"], ["i"], to=SINGLE),
            Node("Identity", ["i"], ["w"]),
        ],
        [Node("Concat", ["w16", "w16"], ["p"], axis=0), Node("Cast", ["p"], ["w"], to=SINGLE)],
    ],
)
def test_halves_that_are_cast_before_they_are_read_are_not_computed_on(
    on_the_way: list[onnx.NodeProto],
) -> None:
    found = types([*on_the_way, Node("MatMul", ["x", "w"], ["y"])], constant("w16", "f2", 4, 4))
    assert found["float16"] == 0
    assert found["float32"] >= 16


def test_an_embedding_that_is_gathered_in_halves_and_cast_is_not_computed_on() -> None:
    nodes = [
        Node("Gather", ["table", "ids"], ["e"]),
        Node("Cast", ["e"], ["f"], to=SINGLE),
        Node("MatMul", ["f", "w"], ["y"]),
    ]
    found = types(nodes, constant("table", "f2", 1000, 4), constant("w", "f4", 4, 4))
    assert found == {"float16": 0, "float32": 4016}
    in_halves = [nodes[0], Node("MatMul", ["e", "w"], ["y"])]
    assert types(in_halves, constant("table", "f2", 9, 4), constant("w", "f2", 4, 4)) == {"float16": 52}


def test_what_is_cast_to_halves_is_computed_in_halves() -> None:
    nodes = [Node("Cast", ["w32"], ["w"], to=HALF), Node("MatMul", ["x", "w"], ["y"])]
    assert types(nodes, constant("w32", "f4", 4, 4), x=HALF) == {"float16": 16, "float32": 0}


def test_double_is_a_type_of_its_own() -> None:
    assert types([Node("MatMul", ["x", "w"], ["y"])], constant("w", "f8", 4, 4), x=DOUBLE) == {"float64": 16}


def test_most_elements_decide_where_types_are_mixed() -> None:
    nodes = [
        Node("MatMul", ["x", "w"], ["h"]),
        Node("Cast", ["h"], ["i"], to=HALF),
        Node("MatMul", ["i", "v"], ["y"]),
    ]
    assert types(nodes, constant("w", "f4", 4, 4), constant("v", "f2", 4, 9)) == {
        "float16": 36,
        "float32": 16,
    }


def test_weights_in_constant_nodes_count() -> None:
    nodes = [
        Node("Constant", [], ["w"], value=constant("c", "f2", 4, 4)),
        Node("Cast", ["w"], ["v"], to=SINGLE),
    ]
    assert types([*nodes, Node("MatMul", ["x", "v"], ["y"])]) == {"float16": 0, "float32": 16}
    assert types([nodes[0], Node("MatMul", ["x", "w"], ["y"])], x=HALF) == {"float16": 16}


def test_without_constants_operators_are_counted_by_what_they_read() -> None:
    assert types([Node("Relu", ["x"], ["y"])], x=HALF) == {"float16": 1}
    cast = [Node("Cast", ["x"], ["c"], to=HALF), Node("Relu", ["c"], ["h"]), Node("Neg", ["h"], ["y"])]
    assert types(cast) == {"float16": 2}


def test_integers_are_not_taken_for_floats() -> None:
    nodes = [Node("QuantizeLinear", ["x", "s"], ["q"]), Node("ConvInteger", ["q", "w"], ["y"])]
    assert types(nodes, constant("s", "f4"), constant("w", "u1", 8, 4, 1, 1)) == {"float32": 1}
    assert types([Node("ArgMax", ["x"], ["i"]), Node("Add", ["i", "i"], ["y"])]) == {"float32": 1}
