"""BF16: what its operators take is cast, the rest stays FP32, and the file answers nearly the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from make import make_artifact
from models import DIGITS_CNN, conv, images, make_model, one_node, value
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from harness.build import build
from harness.build.check import check
from harness.build.precisions.bf16 import BF16
from harness.build.reading import read_onnx
from harness.core.errors import Failed, Unsupported

FLOAT, HALF = TensorProto.FLOAT, TensorProto.BFLOAT16


@pytest.fixture
def convert(tmp_path: Path) -> Any:
    """Convert a model; return what was done, and the file as the checker accepts it."""

    def convert(model: onnx.ModelProto, **options: Any) -> tuple[Any, onnx.ModelProto]:
        base, target = tmp_path / "base.onnx", tmp_path / "model.onnx"
        onnx.save(model, base)
        done = BF16.convert(base, target, BF16.complete("bf16", options), [])
        onnx.checker.check_model(target, full_check=True)
        return done, onnx.load(target)

    return convert


def types(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def casts(model: onnx.ModelProto) -> list[tuple[str, int]]:
    """What is cast, and to which type."""
    nodes = [node for node in model.graph.node if node.op_type == "Cast"]
    return [(node.input[0], node.attribute[0].i) for node in nodes]


def product(**facts: Any) -> onnx.ModelProto:
    """``y = relu(x w)``, [N, 4]."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="product"),
        helper.make_node("Relu", ["h"], ["y"], name="relu"),
    ]
    weights = [numpy_helper.from_array(np.full((4, 4), 1 / 3, np.float32), "w")]
    return make_model(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], weights, **facts)


def test_a_net_is_raised_to_the_opset_of_its_convolutions_and_answers_nearly_the_same(
    convert: Any, tmp_path: Path
) -> None:
    done, model = convert(onnx.load(DIGITS_CNN))
    read = read_onnx(tmp_path / "model.onnx")
    assert (read.precision, read.opset, done["stays_fp32"]) == ("bf16", 22, {})
    assert (tmp_path / "model.onnx").stat().st_size < 0.6 * DIGITS_CNN.stat().st_size
    feed = {"x": images(1)}
    reference = onnxruntime.InferenceSession(DIGITS_CNN).run(None, feed)[0]
    scores = ReferenceEvaluator(model).run(None, feed)[0]
    assert scores.dtype == np.float32
    assert 35 < 10 * np.log10((reference**2).sum() / ((scores - reference) ** 2).sum()) < 60


def test_an_opset_that_has_no_bf16_for_an_operator_is_unsupported(tmp_path: Path) -> None:
    onnx.save(conv(), tmp_path / "conv.onnx")
    with pytest.raises(Unsupported, match="asked for opset 17; bf16 needs 22"):
        build(make_artifact(tmp_path / "conv.onnx", precision="bf16", opset=17), tmp_path / "cache")


def test_weights_are_stored_rounded_and_the_graph_keeps_its_names(convert: Any) -> None:
    done, model = convert(product())
    assert done == {"by": "onnx_ir", "stays_fp32": {}}
    (weight,) = model.graph.initializer
    assert (weight.data_type, len(weight.raw_data)) == (HALF, 2 * 16)
    assert casts(model) == [("x", HALF), ("y_bfloat16", FLOAT)]
    ends = [*model.graph.input, *model.graph.output]
    assert [(item.name, item.type.tensor_type.elem_type) for item in ends] == [("x", FLOAT), ("y", FLOAT)]


@pytest.mark.parametrize("excluded", [{"nodes_to_exclude": ["product"]}, {"op_types_to_exclude": ["MatMul"]}])
def test_what_is_excluded_computes_in_fp32_between_casts(convert: Any, excluded: dict[str, Any]) -> None:
    done, model = convert(product(), **excluded)
    assert (done["stays_fp32"], types(model)) == ({"MatMul": 1}, {"w": FLOAT})
    assert casts(model) == [("h", HALF), ("y_bfloat16", FLOAT)]


def test_a_node_that_is_not_there_is_named(convert: Any) -> None:
    with pytest.raises(Failed, match="no node 'produkt' in the model; did you mean 'product'"):
        convert(product(), nodes_to_exclude=["produkt"])


def test_an_input_that_has_no_such_type_keeps_its_numbers(convert: Any) -> None:
    scales = numpy_helper.from_array(np.array([1, 1, 1.7, 1.7], np.float32), "s")
    nodes = [helper.make_node("Resize", ["x", "", "s"], ["y"])]
    image = ["N", 1, "H", "W"]
    _, model = convert(make_model(nodes, [value("x", image)], [value("y", None)], [scales]))
    assert casts(model) == [("x", HALF), ("y_bfloat16", FLOAT)]
    assert numpy_helper.to_array(model.graph.initializer[0])[2] == np.float32(1.7)


def test_operators_that_name_a_type_name_the_new_one(convert: Any) -> None:
    nodes = [
        helper.make_node("Cast", ["i"], ["f"], to=FLOAT),
        helper.make_node("ConstantOfShape", ["n"], ["c"], value=helper.make_tensor("v", FLOAT, [1], [0.5])),
        helper.make_node("Mul", ["f", "c"], ["y"]),
    ]
    inputs = [value("i", [3], TensorProto.INT64), value("n", [1], TensorProto.INT64)]
    _, model = convert(make_model(nodes, inputs, [value("y", [3])]))
    made = ReferenceEvaluator(model).run(None, {"i": np.array([1, 2, 3]), "n": np.array([3])})
    assert made[0].tolist() == [0.5, 1.0, 1.5]
    assert casts(model) == [("i", HALF), ("y_bfloat16", FLOAT)]
    assert model.opset_import[0].version == 20


def branch(opset: int) -> onnx.ModelProto:
    """``y = x + 1`` or ``x``, by ``flag``."""
    one = numpy_helper.from_array(np.array(1, np.float32), "one")
    add = [helper.make_node("Add", ["x", "one"], ["a"])]
    then = helper.make_graph(add, "then", [], [value("a", ["N", 4])], [one])
    keep = helper.make_graph([helper.make_node("Identity", ["x"], ["k"])], "else", [], [value("k", ["N", 4])])
    node = helper.make_node("If", ["flag"], ["y"], then_branch=then, else_branch=keep)
    inputs = [value("x", ["N", 4]), value("flag", [], TensorProto.BOOL)]
    return make_model([node], inputs, [value("y", ["N", 4])], opset=opset)


@pytest.mark.parametrize("opset", [13, 17])
def test_bodies_take_and_give_what_the_node_around_them_does(convert: Any, opset: int) -> None:
    _, model = convert(branch(opset))
    for flag, expected in ((True, 3.0), (False, 2.0)):
        feed = {"x": np.full((1, 4), 2, np.float32), "flag": np.array(flag)}
        assert ReferenceEvaluator(model).run(None, feed)[0].tolist() == [[expected] * 4]


def test_operators_of_the_runtime_are_cast_where_their_schema_takes_it(convert: Any, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("FusedMatMul", ["x", "w"], ["h"], domain="com.microsoft"),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    weights = [numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")]
    facts = {"domains": ["com.microsoft"]}
    _, model = convert(make_model(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], weights, **facts))
    assert list(types(model).values()) == [HALF]
    assert read_onnx(tmp_path / "model.onnx").precision == "bf16"


def test_a_tensor_whose_type_nobody_knows_is_refused_with_its_maker(convert: Any) -> None:
    nodes = [
        helper.make_node("Odd", ["x"], ["h"], domain="of.nobody"),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    model = make_model(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], domains=["of.nobody"])
    with pytest.raises(Unsupported, match=r"the type of 'h', which Odd of of\.nobody makes, is not known"):
        convert(model)


def test_a_sequence_is_refused(convert: Any) -> None:
    output = helper.make_value_info("y", helper.make_sequence_type_proto(value("", ["N", 4]).type))
    nodes = [helper.make_node("SequenceConstruct", ["x"], ["y"])]
    with pytest.raises(Unsupported, match="'y' is a sequence of FP32"):
        convert(make_model(nodes, [value("x", ["N", 4])], [output]))


def test_a_file_without_a_kernel_on_this_cpu_is_no_broken_file(convert: Any, tmp_path: Path) -> None:
    _, model = convert(one_node("Relu"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5  # of which the checker complains
    onnx.save(model, tmp_path / "stale.onnx")
    assert "differ in dimension 1" in check(tmp_path / "stale.onnx")
