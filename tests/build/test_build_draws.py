"""A Dropout is said to drop where ONNX Runtime answers twice otherwise, and a constant says so."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.build.draws import training

TRUE, FALSE, NONE, HALF = (np.array(item) for item in (True, False, np.float32(0.0), np.float32(0.5)))
SIZE = 256


def constant(name: str, array: np.ndarray) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))


def model(
    *nodes: onnx.NodeProto, weights: tuple[onnx.TensorProto, ...] = (), functions: tuple = ()
) -> onnx.ModelProto:
    """Nodes of `x` that make `y`."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIZE]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions)


def dropout(*inputs: str, source: str = "x", target: str = "y") -> onnx.NodeProto:
    return helper.make_node("Dropout", [source, *inputs], [target])


def varies(made: onnx.ModelProto) -> bool:
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {"x": np.ones(SIZE, np.float32)}
    first, second = (session.run(None, feed)[0] for _ in range(2))
    return not np.array_equal(first, second)


@pytest.mark.parametrize("as_nodes", [False, True])
@pytest.mark.parametrize(
    ("inputs", "constants", "drops"),
    [
        ((), {}, False),
        (("r",), {"r": HALF}, False),
        (("r", "t"), {"r": HALF, "t": FALSE}, False),
        (("r", "t"), {"r": NONE, "t": TRUE}, False),
        (("r", "t"), {"r": HALF, "t": TRUE}, True),
        (("", "t"), {"t": TRUE}, True),
    ],
)
def test_a_dropout_that_drops_answers_twice_otherwise(inputs, constants, drops, as_nodes) -> None:
    if as_nodes:
        made = model(*(constant(*item) for item in constants.items()), dropout(*inputs))
    else:
        made = model(
            dropout(*inputs), weights=tuple(numpy_helper.from_array(a, n) for n, a in constants.items())
        )
    assert bool(training(made)) is drops
    assert varies(made) is drops


def within(*nodes: onnx.NodeProto, weights: tuple[onnx.TensorProto, ...] = ()) -> onnx.NodeProto:
    """An If that runs these nodes, which make `z` of `x`."""
    value = helper.make_tensor_value_info("z", TensorProto.FLOAT, [SIZE])
    then = helper.make_graph(nodes, "then", [], [value], weights)
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "else", [], [value])
    return helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)


def function(*nodes: onnx.NodeProto, inputs: tuple[str, ...] = ("x",)) -> onnx.FunctionProto:
    return helper.make_function("mine", "Own", [*inputs], ["y"], nodes, [helper.make_opsetid("", 17)])


ON, OFF = (numpy_helper.from_array(array, "t") for array in (TRUE, FALSE))


@pytest.mark.parametrize(
    ("made", "drops"),
    [
        (model(constant("c", TRUE), within(dropout("", "t", target="z"), weights=(ON,))), True),
        (model(constant("c", TRUE), within(dropout("", "t", target="z"), weights=(OFF,))), False),
        (model(constant("c", TRUE), constant("t", TRUE), within(dropout("", "t", target="z"))), True),
        (
            model(
                helper.make_node("Own", ["x"], ["y"], domain="mine"),
                functions=(function(constant("t", TRUE), dropout("", "t")),),
            ),
            True,
        ),
        (  # names of a function are its own
            model(
                dropout("", "t", target="d"),
                helper.make_node("Own", ["d"], ["y"], domain="mine"),
                weights=(ON,),
                functions=(function(constant("t", FALSE), dropout("", "t")),),
            ),
            True,
        ),
        (model(helper.make_node("Identity", ["o"], ["t"]), dropout("", "t"),
               weights=(numpy_helper.from_array(FALSE, "o"),)), False),
        (model(helper.make_node("Constant", [], ["r"], value_float=0.0), dropout("r", "t"), weights=(ON,)),
         False),
        (model(helper.make_node("Dropout", ["x", "", "t"], ["y"], domain="mine"), weights=(ON,)), False),
    ],
)  # fmt: skip
def test_scopes_domains_and_what_is_computed_are_told_apart(made, drops) -> None:
    assert bool(training(made)) is drops
    if "mine" not in {node.domain for node in made.graph.node} or made.functions:
        assert varies(made) is drops


def broken(**fields: object) -> onnx.TensorProto:
    return onnx.TensorProto(name="t", dims=[1], **fields)


@pytest.mark.parametrize(
    "weight",
    [
        helper.make_tensor("t", TensorProto.STRING, [1], [b"caf\xe9"]),
        broken(data_type=TensorProto.BOOL),
        broken(data_type=99),
        broken(data_type=TensorProto.BOOL, data_location=TensorProto.EXTERNAL),
        helper.make_tensor("t", TensorProto.BOOL, [2], [True, True]),
    ],
)
def test_a_constant_that_cannot_be_read_tells_nothing(weight) -> None:
    assert training(model(dropout("", "t"), weights=(weight,))) == ()


def test_a_constant_that_an_attribute_of_a_function_gives_tells_nothing() -> None:
    node = helper.make_node("Constant", [], ["t"])
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR, ref_attr_name="val")
    called = helper.make_node("Own", ["x"], ["y"], domain="mine")
    assert training(model(called, functions=(function(node, dropout("", "t")),))) == ()
