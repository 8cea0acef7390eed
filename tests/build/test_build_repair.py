"""What ONNX Runtime runs is measured, and what converters stumble over is mended, with a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from make import make_artifact
from models import save_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build import build, repair, unconverted
from harness.build.worker import failure
from harness.core.errors import Failed, Unsupported

Node = helper.make_node


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.random.default_rng(0).standard_normal(shape).astype(np.float32), name)


def write(path: Path, nodes: list[Any], weights: Any = (), **more: Any) -> Path:
    inputs = [value("x", ["n", 8]), *more.pop("inputs", [])]
    outputs = more.pop("outputs", [value("y", None)])
    return save_model(path, nodes, inputs, outputs, weights, producer_name="pen", **more)


def stale(path: Path) -> Path:
    return write(path, [Node("Relu", ["x"], ["y"])], outputs=[value("y", ["n", 9])])


def unsorted(path: Path) -> Path:
    nodes = [Node("Relu", ["h"], ["y"]), Node("MatMul", ["x", "w"], ["h"])]
    return write(path, nodes, [weight("w", 8, 8)])


def nested(path: Path) -> Path:
    """A branch reads ``h`` of the graph around it, which is made behind the If."""
    branches = {
        name: helper.make_graph([Node("Neg", ["h"], [f"{name}_y"])], name, [], [value(f"{name}_y", None)])
        for name in ("then_branch", "else_branch")
    }
    nodes = [Node("If", ["c"], ["y"], **branches), Node("MatMul", ["x", "w"], ["h"])]
    condition = numpy_helper.from_array(np.asarray(True), "c")
    return write(path, nodes, [weight("w", 8, 8), condition])


def fed_weights(path: Path) -> Path:
    inputs = [value("w", [8, 8])]
    return write(
        path, [Node("MatMul", ["x", "w"], ["y"])], [weight("w", 8, 8)], inputs=inputs, opset=9, ir_version=3
    )


def fed_from_outside(path: Path) -> Path:
    """Weights that are inputs too lie in a file of their own."""
    onnx.save(
        onnx.load(fed_weights(path)), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    return path


def function(path: Path) -> Path:
    """A function of the model's own multiplies."""
    opsets = [helper.make_opsetid("", 17)]
    body = helper.make_function(
        "own", "Product", ["a", "b"], ["c"], [Node("MatMul", ["a", "b"], ["c"])], opsets
    )
    write(path, [Node("Product", ["x", "w"], ["y"], domain="own")], [weight("w", 8, 8)], domains=("own",))
    model = onnx.load(path)
    model.functions.append(body)
    onnx.save(model, path)
    return path


def spelled_out(path: Path) -> Path:
    """The domain of ONNX's operators has its name."""
    write(path, [Node("MatMul", ["x", "w"], ["y"], domain="ai.onnx")], [weight("w", 8, 8)])
    model = onnx.load(path)
    model.opset_import[0].domain = "ai.onnx"
    onnx.save(model, path)
    return path


def constant_nodes(path: Path) -> Path:
    nodes = [Node("Constant", [], ["w"], value=weight("", 8, 8)), Node("MatMul", ["x", "w"], ["y"])]
    return write(path, nodes)


@pytest.mark.parametrize("make", [stale, unsorted, nested])
def test_what_onnx_runtime_loads_is_taken_and_the_checkers_complaint_is_a_note(
    make: Any, tmp_path: Path
) -> None:
    built = build(make_artifact(make(tmp_path / "m.onnx")), tmp_path / "cache")
    (note,) = built.notes
    assert note.startswith("onnx.checker complains, ONNX Runtime does not: ")


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (stale, []),
        (unsorted, ["nodes were sorted"]),
        (nested, ["nodes were sorted"]),
        (fed_weights, ["weights were taken out of the inputs"]),
        (fed_from_outside, ["weights were taken out of the inputs"]),
        (constant_nodes, ["Constant nodes became initializers"]),
        (function, ["functions of the model were inlined"]),
        (spelled_out, ["the domain ai.onnx was written as the empty one"]),
    ],
)
def test_a_model_is_mended_where_it_needs_it(make: Any, found: list[str], tmp_path: Path) -> None:
    source = make(tmp_path / "m.onnx")
    other = tmp_path / "other"
    other.mkdir()
    path, done = repair.mend(source, other / "mended.onnx")
    assert list(done) == found
    assert (path == source) is (not found)
    assert repair.mend(path, other / "again.onnx") == (path, ())
    mended = onnx.load(path)  # weights outside the file too
    assert [node.op_type for node in mended.graph.node if node.domain] == []
    assert {item.name for item in mended.graph.input} >= {"x"}


@pytest.mark.parametrize("make", [unsorted, nested, fed_weights, constant_nodes])
@pytest.mark.parametrize("precision", ["fp16", "int8_dynamic", "int8_static"])
def test_a_mended_model_is_converted_and_checks_clean(make: Any, precision: str, tmp_path: Path) -> None:
    built = build(make_artifact(make(tmp_path / "m.onnx"), precision=precision), tmp_path / "cache")
    assert built.precision == precision[:4]
    assert any(note.startswith(f"before {precision}: ") for note in built.notes)
    assert not repair.is_unsorted(onnx.load(built.path))


def test_per_channel_scales_raise_the_opset_and_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("MatMul", ["x", "w"], ["y"])], [weight("w", 8, 8)], opset=12)
    asked = make_artifact(path, precision=("int8_static", {"per_channel": True}))
    built = build(asked, tmp_path / "cache")
    assert built.opset == 13
    assert "int8_static raised the opset from 12 to 13" in built.notes


@pytest.mark.parametrize(
    ("nodes", "weights", "why"),
    [
        ([Node("Relu", ["x"], ["y"])], [], "it has none of Conv, MatMul, Gemm"),
        (
            [Node("Neg", ["x"], ["h"]), Node("Transpose", ["x"], ["t"]), Node("MatMul", ["h", "t"], ["y"])],
            [],
            "1 behind Transpose",
        ),
        (
            [
                Node("Sqrt", ["x"], ["h"]),
                Node("Add", ["x", "x"], ["t"]),
                Node("Transpose", ["t"], ["u"]),
                Node("Exp", ["u"], ["v"]),
                Node("MatMul", ["h", "v"], ["y"]),
            ],
            [],
            "1 computed",
        ),
    ],
)
def test_a_model_of_which_nothing_is_converted_says_why(
    nodes: list[Any], weights: list[Any], why: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "m.onnx", nodes, weights)
    with pytest.raises(Unsupported, match=why):
        build(make_artifact(path, precision="int8_dynamic"), tmp_path / "cache")


def test_a_converter_that_fails_names_who_wrote_the_model(tmp_path: Path) -> None:
    nodes = [Node("Inverse", ["x"], ["h"], domain="mine"), Node("MatMul", ["h", "w"], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, [weight("w", 8, 8)], domains=("mine",))
    with pytest.raises(Failed, match=r"on a model written by pen: .*Inverse.*; .* custom operators.* mine: "):
        build(make_artifact(path, precision="int8_static"), tmp_path / "cache")


def test_the_whole_message_of_a_converter_is_kept_in_one_line_with_what_to_try(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])])
    error = ValueError("first\n  second: node 'a'\n\nthird")
    assert failure("int8_static", path, error, {"op_types": [], "nodes_to_exclude": []}) == (
        "the converter to int8_static failed on a model written by pen: ValueError: first second: node 'a' "
        "third; try to leave out what it names with nodes_to_exclude or op_types, or convert it with the "
        "tool that wrote it"
    )
    assert "fp16 failed" in failure("fp16", path, error)


def test_custom_operators_stay_in_fp32_in_a_conversion_to_fp16(tmp_path: Path) -> None:
    nodes = [Node("Inverse", ["x"], ["h"], domain="mine"), Node("MatMul", ["h", "w"], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, [weight("w", 8, 8)], domains=("mine",))
    built = build(make_artifact(path, precision="fp16"), tmp_path / "cache")
    converted = onnx.load(built.path)
    (inverse,) = [node for node in converted.graph.node if node.op_type == "Inverse"]
    made = {name: node for node in converted.graph.node for name in node.output}
    assert made[inverse.input[0]].attribute[0].i == TensorProto.FLOAT, "it reads what is cast to FP32"
    assert built.custom_domains == ("mine",)


def shared_bias(path: Path) -> Path:
    """The quantizer would copy the bias of two convolutions, and name the copy as another value."""
    kernel = numpy_helper.from_array(np.full((8, 8, 1, 1), 0.1, np.float32), "w")
    nodes = [
        Node("Reshape", ["x", "four"], ["i"]),
        Node("Conv", ["i", "w", "b"], ["c"]),
        Node("Relu", ["c"], ["r"]),
        Node("Conv", ["r", "w", "b"], ["b0"]),
        Node("Transpose", ["b0"], ["t"], perm=[0, 2, 3, 1]),
        Node("Reshape", ["t", "two"], ["y"]),
    ]
    weights = [
        kernel,
        numpy_helper.from_array(np.ones(8, np.float32), "b"),
        numpy_helper.from_array(np.array([-1, 8, 1, 1]), "four"),
        numpy_helper.from_array(np.array([-1, 8]), "two"),
    ]
    return write(path, nodes, weights)


def test_a_bias_of_several_operators_is_copied_before_the_quantizer_does(tmp_path: Path) -> None:
    path = shared_bias(tmp_path / "m.onnx")
    mended, done = repair.mend(path, tmp_path / "mended.onnx")
    assert done == ("a bias of several operators was copied",)
    biases = [node.input[2] for node in onnx.load(mended).graph.node if node.op_type == "Conv"]
    assert biases[0] == "b" and len(set(biases)) == 2
    assert build(make_artifact(path, precision="int8_static"), tmp_path / "cache").precision == "int8"


def test_a_converter_that_writes_a_broken_model_is_named(tmp_path: Path) -> None:
    """The quantizer names a quantized weight as another value is named."""
    nodes = [Node("Relu", ["x"], ["w_quantized"]), Node("MatMul", ["w_quantized", "w"], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, [weight("w", 8, 8)])
    with pytest.raises(Failed, match="the converter to int8_static wrote a broken model: ONNX Runtime does"):
        build(make_artifact(path, precision="int8_static"), tmp_path / "cache")


def test_a_quantizer_that_fails_on_all_operators_is_given_those_with_weights(tmp_path: Path) -> None:
    """A product with NaN has no scale."""
    nan = numpy_helper.from_array(np.full(8, np.nan, np.float32), "nan")
    nodes = [
        Node("Mul", ["x", "nan"], ["h"]),
        Node("MatMul", ["x", "w"], ["q"]),
        Node("Add", ["q", "h"], ["y"]),
    ]
    path = write(tmp_path / "m.onnx", nodes, [weight("w", 8, 8), nan])
    built = build(make_artifact(path, precision="int8_static"), tmp_path / "cache")
    assert built.notes[-1] == (
        "int8_static quantized Conv, MatMul, Gemm alone: on all operators the quantizer fails: scale issue"
    )
    narrowed = built.provenance["precision"]["narrowed"]
    assert narrowed == {"op_types": ["Conv", "MatMul", "Gemm"], "because": "scale issue"}


def branching(path: Path, nodes: list[Any], read: str) -> Path:
    """Two branches multiply what `nodes` make by a weight of the graph around them."""
    branches = {
        name: helper.make_graph([Node("MatMul", [read, "w"], [name])], name, [], [value(name, ["n", 8])])
        for name in ("then_branch", "else_branch")
    }
    chosen = [
        Node("Shape", ["x"], ["s"]),
        Node("Gather", ["s", "zero"], ["n"]),
        Node("Equal", ["n", "zero"], ["none"]),
        Node("If", ["none"], ["y"], **branches),
    ]
    zero = numpy_helper.from_array(np.array(0), "zero")
    return write(path, [*nodes, *chosen], [weight("w", 8, 8), weight("v", 8, 8), zero])


def test_operators_that_a_quantizer_leaves_in_branches_are_counted(tmp_path: Path) -> None:
    path = branching(tmp_path / "m.onnx", [Node("MatMul", ["x", "v"], ["h"])], "h")
    assert unconverted.left(onnx.load(path)) == "MatMul 3 (2 of them in subgraphs)"
    built = build(make_artifact(path, precision="int8_dynamic"), tmp_path / "cache")
    assert "int8_dynamic left weights in floating point: MatMul 2 (2 of them in subgraphs)" in built.notes


@pytest.mark.parametrize(
    ("kind", "operator", "why"),
    [
        ("int8_static", "LSTM", "the quantizer has no rule for LSTM; try int8_dynamic"),
        ("int8_dynamic", "ConvTranspose", "the quantizer has no rule for ConvTranspose; try int8_static"),
        ("int8_static", "GRU", "the quantizer has no rule for GRU"),
        ("int8_static", "MatMul", "the quantizer left out every operator with weights; look at "),
    ],
)
def test_an_operator_that_a_quantizer_has_no_rule_for_is_named(
    kind: str, operator: str, why: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "m.onnx", [Node(operator, ["x", "w"], ["y"])], [weight("w", 8, 8)])
    found = unconverted.why(onnx.load(path), kind)
    assert found.startswith(why) and found.endswith(why.rpartition(";")[2] if "; try" in why else "")


def test_a_model_without_inputs_is_not_calibrated(tmp_path: Path) -> None:
    path = save_model(
        tmp_path / "m.onnx",
        [Node("MatMul", ["w", "w"], ["y"])],
        [],
        [value("y", [8, 8])],
        [weight("w", 8, 8)],
    )
    with pytest.raises(Unsupported, match="calibrated on what is fed, and the model has no inputs"):
        build(make_artifact(path, precision="int8_static"), tmp_path / "cache")


def test_operators_that_are_all_in_branches_are_said_to_be(tmp_path: Path) -> None:
    """A Gather beside the branches picks a size: it is no operator with weights."""
    path = branching(tmp_path / "m.onnx", [], "x")
    with pytest.raises(Unsupported, match="its 2 operators with weights are in subgraphs"):
        build(make_artifact(path, precision="int8_dynamic"), tmp_path / "cache")


def test_model_and_data_that_link_into_one_folder_belong_together(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    source = write(tmp_path / "m.onnx", [Node("MatMul", ["x", "w"], ["y"])], [weight("w", 8, 8)])
    onnx.save(
        onnx.load(source), blobs / "aa", save_as_external_data=True, location="m.data", size_threshold=0
    )
    (blobs / "m.data").rename(blobs / "bb")
    (snapshot / "m.onnx").symlink_to("../../blobs/aa")
    (snapshot / "m.data").symlink_to("../../blobs/bb")
    assert build(make_artifact(snapshot / "m.onnx"), tmp_path / "cache").precision == "fp32"
    (blobs / "bb").rename(tmp_path / "elsewhere")
    (snapshot / "m.data").unlink()
    (snapshot / "m.data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failed, match="outside the model's folder"):
        build(make_artifact(snapshot / "m.onnx"), tmp_path / "cache2")


def test_outputs_keep_the_shapes_that_the_source_declares(tmp_path: Path) -> None:
    """Inferred shapes can be wrong; ONNX Runtime binds outputs by what is declared."""
    nodes = [Node("MatMul", ["x", "w"], ["y"])]
    source = write(tmp_path / "source.onnx", nodes, [weight("w", 8, 4)], outputs=[value("y", ["n", 4])])
    wrong = onnx.load(source)
    wrong.graph.output[0].CopyFrom(value("y", ["n", 1, 4]))
    wrong.graph.value_info.append(value("h", ["n", 1, 8]))
    onnx.save(wrong, converted := tmp_path / "converted.onnx")
    assert repair.keep_output_shapes(converted, source) == (
        "outputs have the shapes that the source declares",
    )
    assert onnx.load(converted) == onnx.load(source)
    assert repair.keep_output_shapes(converted, source) == ()


def test_an_output_without_a_shape_in_the_source_has_none_after_a_conversion(tmp_path: Path) -> None:
    source = write(tmp_path / "m.onnx", [Node("MatMul", ["x", "w"], ["y"])], [weight("w", 8, 8)])
    made = build(make_artifact(source, precision="int8_dynamic"), tmp_path / "cache")
    assert not onnx.load(made.path).graph.output[0].type.tensor_type.HasField("shape")
    assert made.provenance["precision"]["repairs"] == ["outputs have the shapes that the source declares"]
