"""A model is said to draw random numbers exactly where ONNX Runtime answers twice otherwise."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.build.reading import read_model

TRUE, FALSE, NONE, HALF = (np.array(item) for item in (True, False, np.float32(0.0), np.float32(0.5)))
SIZE = 256


def model(op: str, *inputs: str, written: str = "weights", **constants: np.ndarray):
    """One operator of `x`, whose other inputs are weights, or written as Constant nodes."""
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in tensors]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIZE]) for name in ("x", "y")]
    as_nodes = written == "nodes"
    nodes = [*(made if as_nodes else ()), helper.make_node(op, ["x", *inputs], ["y"])]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], [] if as_nodes else tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("written", ["weights", "nodes"])
@pytest.mark.parametrize(
    ("op", "inputs", "constants", "found"),
    [
        ("RandomNormalLike", (), {}, ("RandomNormalLike",)),
        ("Dropout", (), {}, ()),
        ("Dropout", ("r",), {"r": HALF}, ()),
        ("Dropout", ("r", "t"), {"r": HALF, "t": FALSE}, ()),
        ("Dropout", ("r", "t"), {"r": NONE, "t": TRUE}, ()),
        ("Dropout", ("r", "t"), {"r": HALF, "t": TRUE}, ("Dropout",)),
        ("Dropout", ("", "t"), {"t": TRUE}, ("Dropout",)),
    ],
)
def test_what_draws_is_what_answers_twice_otherwise(op, inputs, constants, found, written) -> None:
    made = model(op, *inputs, written=written, **constants)
    assert read_model(made).draws == found
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {"x": np.ones(SIZE, np.float32)}
    first, second = (session.run(None, feed)[0] for _ in range(2))
    assert np.array_equal(first, second) is not bool(found)


def test_a_dropout_that_an_input_switches_may_draw() -> None:
    made = model("Dropout", "", "t")
    made.graph.input.append(helper.make_tensor_value_info("t", TensorProto.BOOL, []))
    assert read_model(made).draws == ("Dropout",)
