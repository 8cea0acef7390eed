"""What is read back from a file: opset, precision, operators, and what an input may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from models import make_model, relu, save_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build import files
from harness.build.check import first_line
from harness.build.hints import hints
from harness.build.reading import classify, read_onnx
from harness.core.inputs import Input
from harness.core.vocabulary import is_quantized


@pytest.mark.parametrize(
    ("operators", "elements", "precision"),
    [
        ({"Conv"}, {"float32": 10}, "fp32"),
        ({"Conv"}, {}, "fp32"),
        ({"Conv"}, {"int64": 4}, "fp32"),
        ({"Conv"}, {"float16": 10, "float32": 9}, "fp16"),
        ({"Conv"}, {"float16": 9, "float32": 10}, "fp32"),
        ({"Conv"}, {"bfloat16": 10}, "bf16"),
        ({"Conv"}, {"float64": 10}, "fp64"),
        ({"Conv"}, {"int8": 10, "float32": 1}, "fp32"),  # integers, but nothing computes on them
        ({"QLinearConv"}, {"uint8": 10, "float32": 1}, "int8"),
        ({"ConvInteger"}, {"int8": 10}, "int8"),
        ({"DequantizeLinear"}, {"int4": 10, "float32": 1}, "int4"),
        ({"DequantizeLinear"}, {"int8": 10, "uint16": 1}, "int8"),
        ({"DequantizeLinear"}, {"uint16": 10}, "int16"),
        ({"MatMulNBits"}, {"int4": 1, "uint8": 100}, "int4"),
        ({"QuantizeLinear"}, {"float32": 10}, "int8"),
    ],
)
def test_a_precision_is_named_by_operators_and_constants(
    operators: set[str], elements: dict[str, int], precision: str
) -> None:
    assert classify(operators, elements) == precision


@pytest.mark.parametrize("op_type", ["QLinearMatMul", "MatMulInteger", "QGemm", "DynamicQuantizeLinear"])
def test_quantized_operators_are_known(op_type: str) -> None:
    assert is_quantized(op_type)


@pytest.mark.parametrize("op_type", ["Conv", "MatMul", "Cast", "QuickGelu"])
def test_others_are_not_taken_for_quantized(op_type: str) -> None:
    assert not is_quantized(op_type)


def tensor(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def embedding(*nodes: onnx.NodeProto, tables: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    return make_model(list(nodes), [], [], [tensor(name, *shape) for name, shape in tables.items()])


def hint(item: Input, model: onnx.ModelProto) -> Input:
    (found,) = hints([item], model)
    return found


IDS = Input("ids", "int64", ("batch", "sequence"))


def test_indices_of_a_table_lie_within_it() -> None:
    graph = embedding(helper.make_node("Gather", ["words", "ids"], ["y"]), tables={"words": (100, 8)})
    assert hint(IDS, graph) == Input("ids", "int64", ("batch", "sequence"), low=0, high=100)


def test_the_smallest_table_bounds_an_index() -> None:
    graph = embedding(
        helper.make_node("Gather", ["words", "ids"], ["y"]),
        helper.make_node("Gather", ["few", "ids"], ["z"]),
        tables={"words": (100, 8), "few": (7, 8)},
    )
    assert hint(IDS, graph).high == 7


def test_indices_are_followed_through_casts_and_tables_through_dequantization() -> None:
    graph = embedding(
        helper.make_node("DequantizeLinear", ["words", "scale"], ["table"]),
        helper.make_node("Cast", ["ids"], ["i"], to=TensorProto.INT32),
        helper.make_node("Unsqueeze", ["i", "axes"], ["j"]),
        helper.make_node("Gather", ["table", "j"], ["y"]),
        tables={"words": (100, 8)},
    )
    assert hint(IDS, graph).high == 100


def test_the_axis_that_is_gathered_counts() -> None:
    graph = embedding(helper.make_node("Gather", ["words", "ids"], ["y"], axis=1), tables={"words": (100, 8)})
    assert hint(IDS, graph).high == 8


def test_an_input_that_indexes_no_constant_is_not_bounded() -> None:
    graph = embedding(helper.make_node("Gather", ["x", "ids"], ["y"]), tables={})
    assert hint(IDS, graph) == IDS


def test_a_float_is_not_taken_for_an_index() -> None:
    graph = embedding(helper.make_node("Gather", ["words", "x"], ["y"]), tables={"words": (100, 8)})
    assert hint(Input("x", "float32", (2,)), graph) == Input("x", "float32", (2,))


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32"])
def test_a_mask_is_ones(dtype: str) -> None:
    item = Input("attention_mask", dtype, ("batch", "sequence"))
    assert hint(item, embedding(tables={})).fill == 1


def test_a_segment_is_zero_or_one() -> None:
    item = hint(Input("token_type_ids", "int64", ("batch", "sequence")), embedding(tables={}))
    assert (item.low, item.high, item.fill) == (0, 2, None)


def test_nodes_of_subgraphs_are_counted(tmp_path: Path) -> None:
    branch = helper.make_graph([helper.make_node("Neg", ["x"], ["n"])], "b", [], [value("n", None)])
    choice = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    inputs = [value("c", [], TensorProto.BOOL), value("x", [None, "n", 3])]
    path = save_model(tmp_path / "m.onnx", [choice], inputs, [value("y", [None, "n", 3])])
    reading = read_onnx(path)
    assert reading.operators == {"If": 1, "Neg": 2}
    assert reading.inputs == (Input("c", "bool", ()), Input("x", "float32", (None, "n", 3)))


def test_tidying_drops_only_the_operator_sets_that_nothing_uses(tmp_path: Path) -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    domains = ("com.microsoft", "ai.onnx.ml")
    path = save_model(tmp_path / "m.onnx", [node], [value("x", [2])], [value("y", [2])], domains=domains)
    files.tidy(path)
    assert [(item.domain, item.version) for item in onnx.load(path).opset_import] == [
        ("", 17),
        ("com.microsoft", 1),
    ]


def test_an_error_is_told_in_its_first_line_that_says_something() -> None:
    assert first_line(ValueError("\n\n  too   many\nlines")) == "too many"
    assert first_line(KeyError()) == "KeyError"
    assert first_line("x" * 400) == "x" * 299 + "…"


@pytest.mark.parametrize(
    ("facts", "least"),
    [({"opset": 7}, 4), ({"opset": 18}, 8), ({"opset": 20}, 9), ({"opset": 21}, 10), ({"opset": 17}, 8)],
)
def test_a_file_asks_for_the_oldest_ir_that_its_opset_was_released_with(
    facts: dict[str, int], least: int, tmp_path: Path
) -> None:
    onnx.save(relu(ir_version=10, **facts), tmp_path / "m.onnx")
    files.lower_ir(tmp_path / "m.onnx")
    assert onnx.load(tmp_path / "m.onnx").ir_version == least


@pytest.mark.parametrize(
    ("kind", "least"), [("INT4", 10), ("FLOAT8E4M3FN", 9), ("FLOAT4E2M1", 11), ("FLOAT", 8)]
)
def test_types_that_came_later_keep_the_ir_that_brought_them(kind: str, least: int) -> None:
    model = relu(ir_version=11)
    model.graph.initializer.add(name="w", data_type=getattr(onnx.TensorProto, kind), dims=[0])
    assert files.least_ir(model) == least
