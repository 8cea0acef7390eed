"""Cutting graphs: what lies between tensors, and tensors that are outputs too."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build.cut import cut, expose, part, reads
from harness.core.errors import Failed

WEIGHT = numpy_helper.from_array(np.full(4, 2, np.float32), "w")


def chain() -> onnx.ModelProto:
    """``y = relu(w * x) + x``, with its negation ``n`` beside it."""
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("Neg", ["m"], ["n"]),
        helper.make_node("Add", ["r", "x"], ["y"]),
    ]
    return make_model(nodes, [value("x", ["N", 4])], [value("y", ["N", 4]), value("n", ["N", 4])], [WEIGHT])


def run(model: onnx.ModelProto, **feeds: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(found) for found in session.run(None, feeds)]


def test_what_lies_between_two_tensors_computes_what_the_whole_graph_does() -> None:
    part = cut(chain(), ["m"], ["y"], {"m": value("m", ["N", 4])})
    assert [node.op_type for node in part.graph.node] == ["Relu", "Add"]
    assert [item.name for item in part.graph.input] == ["m", "x"]
    assert not part.graph.initializer
    x = np.array([[-1, 0, 1, 2]], np.float32)
    assert run(part, m=2 * x, x=x)[0].tolist() == run(chain(), x=x)[0].tolist()


def test_weights_go_with_the_nodes_that_read_them() -> None:
    part = cut(chain(), ["x"], ["m"])
    assert [item.name for item in part.graph.initializer] == ["w"]
    assert run(part, x=np.ones((1, 4), np.float32))[0].tolist() == [[2, 2, 2, 2]]


def test_an_input_that_nothing_needs_is_left_out() -> None:
    part = cut(chain(), ["m", "x"], ["n"], {"m": value("m", ["N", 4])})
    assert [item.name for item in part.graph.input] == ["m"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        (["x"], ["q"], "cannot be cut at 'q': no such tensor"),
        (["z"], ["y"], "cannot be cut at 'z': no such tensor"),
        (["m"], ["y"], "cannot be cut at 'm': its type and shape are not known"),
    ],
)
def test_a_cut_that_cannot_be_made_names_the_tensor(
    inputs: list[str], outputs: list[str], reason: str
) -> None:
    with pytest.raises(Failed) as caught:
        cut(chain(), inputs, outputs)
    assert str(caught.value).startswith(reason)


def test_exposed_tensors_are_outputs_once_behind_the_models_own() -> None:
    model = chain()
    expose(model, ["m", "y"])
    assert [item.name for item in model.graph.output] == ["y", "n", "m"]
    assert [array.tolist() for array in run(model, x=np.ones((1, 4), np.float32))][2] == [[2, 2, 2, 2]]


def test_what_a_branch_takes_from_outside_is_read_by_its_node() -> None:
    def branch(op: str) -> onnx.GraphProto:
        node = helper.make_node(op, ["outer", "own"], ["made"])
        own = numpy_helper.from_array(np.ones(1, np.float32), "own")
        return helper.make_graph([node], op, [], [value("made", None)], [own])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("Add"), else_branch=branch("Mul"))
    assert reads(node) == {"c", "outer"}
    pick = helper.make_node("Relu", ["x"], ["outer"])
    model = make_model([pick, node], [value("x", [1]), value("c", [], TensorProto.BOOL)], [value("y", [1])])
    part = cut(model, ["outer"], ["y"], {"outer": value("outer", [1])})
    assert [item.name for item in part.graph.input] == ["outer", "c"]
    assert run(part, outer=np.full(1, 3, np.float32), c=np.array(True))[0].tolist() == [4]


def test_a_part_without_inputs_or_outputs_takes_the_graphs_own() -> None:
    assert [item.name for item in part(chain(), {"inputs": ["m"]}).graph.output] == ["y", "n"]
    made = part(chain(), {"outputs": ["m"]})
    assert [item.name for item in made.graph.input] == ["x"]
    assert made.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 4  # inferred


def test_a_part_that_does_not_depend_on_where_it_should_begin_is_refused() -> None:
    with pytest.raises(Failed, match="cannot be cut at 'r': none of n depends on it"):
        part(chain(), {"inputs": ["r"], "outputs": ["n"]})
