"""Precisions: what a file is called is what it holds, and it computes nearly the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from make import make_artifact
from models import DIGITS_CNN, images, net, one_node, run
from onnx import TensorProto, helper, numpy_helper

from harness.build import build, fp32_reference, load_data
from harness.build.precisions import quantization
from harness.core.artifact import Built
from harness.core.case import DataRef, freeze
from harness.core.errors import Failed, Unsupported

pytestmark = pytest.mark.xdist_group("precisions")  # they share a cache

Save = Callable[..., Path]
DIGITS = DataRef("catalogue", "digits")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def digits(cache: Path, precision: Any, **axes: Any) -> Built:
    return build(make_artifact(DIGITS_CNN, precision=precision, data=DIGITS, **axes), cache)


def score(built: Built, cache: Path) -> tuple[float, np.ndarray]:
    """Top-1 on the evaluation part, and the scores."""
    with np.load(load_data(DIGITS, cache).evaluation) as data:
        scores = run(built, x=data["x"])
        return float((scores.argmax(1) == data["y"]).mean()), scores


def sqnr_db(scores: np.ndarray, reference: np.ndarray) -> float:
    return float(10 * np.log10((reference**2).sum() / ((scores - reference) ** 2).sum()))


@pytest.mark.parametrize(
    ("precision", "holds", "at_least_db"),
    [
        ("fp16", "fp16", 60),
        ("int8_dynamic", "int8", 30),
        ("int8_static", "int8", 30),
        # without VNNI the CPU adds products of uint8 and int8 in 16 bits, which saturate: 20 dB instead of 30
        (("int8_static", {"format": "qoperator", "per_channel": True}), "int8", 18),
        (("int8_static", {"calibration": "entropy", "activation_type": "int8"}), "int8", 25),
        (("int8_static", {"calibration": "percentile", "percentile": 99.9}), "int8", 20),
        (("int8_static", {"reduce_range": True, "weight_type": "uint8"}), "int8", 25),
    ],
)
def test_a_conversion_holds_what_it_says_and_answers_nearly_the_same(
    cache: Path, precision: Any, holds: str, at_least_db: float
) -> None:
    built = digits(cache, precision)
    accuracy, scores = score(built, cache)
    _, reference = score(digits(cache, "fp32"), cache)
    assert (built.precision, built.opset) == (holds, 17)
    assert accuracy > 0.985
    assert sqnr_db(scores, reference) > at_least_db
    assert built.size_bytes < 0.6 * DIGITS_CNN.stat().st_size
    assert built.inputs == digits(cache, "fp32").inputs


def test_calibration_is_told_in_words(cache: Path, save: Save) -> None:
    assert digits(cache, "int8_static").provenance["calibration"] == "digits: 128 samples"
    few = make_artifact(DIGITS_CNN, precision="int8_static", data=DataRef("catalogue", "digits", 16))
    assert build(few, cache).provenance["calibration"] == "digits: 16 samples"
    no_data = build(make_artifact(DIGITS_CNN, precision="int8_static"), cache)
    assert no_data.provenance["calibration"] == "random, seed 0, 16 samples"
    none_set_apart = make_artifact(
        DIGITS_CNN, precision="int8_static", data=DataRef("catalogue", "digits", 0)
    )
    assert build(none_set_apart, cache).sha256 == no_data.sha256
    assert "calibration" not in digits(cache, "int8_dynamic").provenance


def test_the_calibration_data_is_part_of_the_key(cache: Path, tmp_path: Path) -> None:
    built = set()
    for scale in (1, 2):
        path = tmp_path / f"{scale}.npz"
        np.savez(path, x=images(10) * scale)
        asked = make_artifact(DIGITS_CNN, precision="int8_static", data=DataRef("npz", str(path)))
        built.add(build(asked, cache).sha256)
    assert len(built) == 2


def test_provenance_says_how_a_file_came_to_be(cache: Path) -> None:
    provenance = digits(cache, ("int8_static", {"per_channel": True})).provenance
    assert provenance["source"]["kind"] == "onnx"
    assert provenance["base"] == {"sha256": digits(cache, "fp32").sha256, "opset": 17}
    assert provenance["precision"]["kind"] == "int8_static"
    assert provenance["precision"]["options"] == {
        "per_channel": True,
        "reduce_range": False,
        "weight_type": "int8",
        "op_types": [],
        "nodes_to_exclude": [],
        "format": "qdq",
        "activation_type": "uint8",
        "calibration": "minmax",
        "percentile": 99.999,
    }
    assert provenance["precision"]["versions"]["onnxruntime"]
    assert provenance["precision"]["preprocessing"]["preparation"] == "symbolic shapes, optimization"


def test_per_channel_gives_every_channel_a_scale(cache: Path) -> None:
    def scale(built: Built) -> list[int]:
        scales = {item.name: list(item.dims) for item in onnx.load(built.path).graph.initializer}
        return scales["2.weight_scale"]

    assert scale(digits(cache, ("int8_static", {"per_channel": False}))) == []
    assert scale(digits(cache, ("int8_static", {"per_channel": True}))) == [64]


def test_only_the_operators_named_are_quantized(cache: Path) -> None:
    operators = digits(cache, ("int8_dynamic", {"op_types": ["MatMul", "Gemm"]})).operators
    assert operators["Conv"] == 3 and operators["MatMulInteger"] == 2
    assert "ConvInteger" not in operators


def test_excluded_nodes_stay_as_they_are(cache: Path) -> None:
    options = {"nodes_to_exclude": ["/0/Conv", "/2/Conv"]}
    operators = digits(cache, ("int8_dynamic", options)).operators
    assert (operators["Conv"], operators["ConvInteger"]) == (2, 1)
    half = digits(cache, ("fp16", {"op_types_to_exclude": ["Gemm"]}))
    types = {item.name: item.data_type for item in onnx.load(half.path).graph.initializer}
    assert {types["0.weight"], types["9.weight"]} == {TensorProto.FLOAT16, TensorProto.FLOAT}


def test_inputs_of_fp16_stay_fp32_unless_asked_otherwise(cache: Path) -> None:
    assert digits(cache, "fp16").inputs[0].dtype == "float32"
    built = digits(cache, ("fp16", {"keep_io_types": False}))
    assert built.inputs[0].dtype == "float16"
    assert run(built, x=images(2).astype(np.float16)).dtype == np.float16


@pytest.mark.parametrize(
    ("precision", "options", "said"),
    [
        ("int8_static", {"percentle": 99}, "has no option 'percentle': did you mean 'percentile'?"),
        ("int8_static", {"calibration": "minmx"}, "calibration: unknown 'minmx': did you mean 'minmax'?"),
        ("int8_static", {"per_channel": "yes"}, "per_channel: expected one like False, got 'yes'"),
        ("int8_dynamic", {"calibration": "minmax"}, "has no option 'calibration'"),
        ("int8_static", {"nodes_to_exclude": ["/0/Cnv"]}, "no node '/0/Cnv' in the model; did you mean"),
        ("int8_dynamic", {"op_types": ["Covn"]}, "op_types: no 'Covn' in the model; did you mean 'Conv'?"),
        ("fp16", {"nodes_to_exclude": ["x"]}, "nodes_to_exclude: no node 'x' in the model"),
        ("int8_statik", {}, "unknown precision 'int8_statik': did you mean 'int8_static'?"),
    ],
)
def test_a_wrong_option_fails_with_the_closest_right_one(
    cache: Path, precision: str, options: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(Failed) as caught:
        digits(cache, (precision, options))
    assert said in str(caught.value)


def test_types_that_cannot_be_paired_are_unsupported(cache: Path) -> None:
    with pytest.raises(Unsupported, match="doesn't support data format"):
        digits(cache, ("int8_static", {"activation_type": "int8", "weight_type": "uint8"}))


@pytest.mark.parametrize("precision", ["int8_dynamic", "int8_static"])
def test_a_file_without_a_quantized_operator_is_not_int8(save: Save, cache: Path, precision: str) -> None:
    with pytest.raises(Unsupported) as caught:
        build(make_artifact(save(one_node("Sin")), precision=precision), cache)
    assert str(caught.value) == (
        f"asked for {precision}; the file holds fp32: no operator of it could be converted: "
        "it has none of Conv, MatMul, Gemm, LSTM"
    )


def test_an_operator_that_is_named_but_not_there_leaves_nothing_quantized(cache: Path) -> None:
    with pytest.raises(Unsupported, match="the file holds fp32"):
        digits(cache, ("int8_dynamic", {"op_types": ["LSTM"]}))


def test_a_file_whose_constants_stayed_fp32_is_not_fp16(cache: Path) -> None:
    everything = {"op_types_to_exclude": ["Conv", "Flatten", "Gemm", "MaxPool", "Relu"]}
    with pytest.raises(Unsupported, match="asked for fp16; the file holds fp32"):
        digits(cache, ("fp16", everything))


def test_quantization_that_needs_a_newer_opset_says_so(cache: Path) -> None:
    wide = ("int8_static", {"activation_type": "uint16"})
    built = digits(cache, wide)
    assert (built.opset, built.notes) == (21, ("int8_static raised the opset from 17 to 21",))
    with pytest.raises(Unsupported, match="asked for opset 17; int8_static needs 21"):
        digits(cache, wide, opset=17)


def test_the_twin_is_the_fp32_model_at_the_opset_as_built(cache: Path) -> None:
    asked = make_artifact(DIGITS_CNN, precision="int8_static", data=DIGITS, format="ort")
    same = fp32_reference(asked, build(asked, cache))
    assert same == make_artifact(DIGITS_CNN, data=DIGITS)
    assert build(same, cache).sha256 == digits(cache, "int8_static").provenance["base"]["sha256"]
    raised = make_artifact(DIGITS_CNN, precision=("int8_static", {"activation_type": "uint16"}), data=DIGITS)
    newer = fp32_reference(raised, build(raised, cache))
    assert newer == make_artifact(DIGITS_CNN, data=DIGITS, opset=21)
    assert build(newer, cache).opset == 21
    fixed = make_artifact(DIGITS_CNN, precision="int8_dynamic", opset=18)
    assert fp32_reference(fixed, build(fixed, cache)) == make_artifact(DIGITS_CNN, opset=18)


def embedding() -> onnx.ModelProto:
    """``ids`` [batch, sequence] -> rows of a table, through a MatMul."""
    draw = np.random.default_rng(0).standard_normal
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"], name="gather"),
            helper.make_node("MatMul", ["rows", "w"], ["y"], name="matmul"),
        ],
        "embedding",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "sequence", 8])],
        [
            numpy_helper.from_array(draw((50, 8)).astype(np.float32), "table"),
            numpy_helper.from_array(draw((8, 8)).astype(np.float32), "w"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_random_calibration_wants_every_dimension_bound(save: Save, cache: Path) -> None:
    path = save(embedding())
    with pytest.raises(Failed, match=r"dimension is not bound: sequence \(ids axis 1\)"):
        build(make_artifact(path, precision="int8_static"), cache)
    bound = {"model": {"shapes": freeze({"sequence": 5})}}
    built = build(make_artifact(path, precision="int8_static", **bound), cache)
    assert built.precision == "int8"
    assert (built.inputs[0].low, built.inputs[0].high) == (0, 50)


def test_a_fixed_batch_is_calibrated_as_it_is(save: Save, cache: Path) -> None:
    model = net()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 3
    built = build(make_artifact(save(model), precision="int8_static"), cache)
    assert built.inputs[0].shape[0] == 3
    assert run(built, x=images(3)).shape == (3, 10)


def test_the_best_preparation_that_works_is_taken_and_what_it_lacks_is_named(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = save(net()), []
    done = quantization.quantize(path, tmp_path, seen.append)
    assert done == {"preparation": "symbolic shapes, optimization", "left_out": {}}
    monkeypatch.setitem(sys.modules, "sympy", None)
    done = quantization.quantize(path, tmp_path, seen.append)
    assert done["preparation"] == "optimization"
    assert "sympy is not installed" in done["left_out"]["symbolic shapes, optimization"]
    assert onnx.load(seen[-1]).graph.value_info


def test_a_quantizer_that_fails_is_given_the_model_prepared_otherwise(tmp_path: Path, save: Save) -> None:
    path, seen = save(net()), []

    def run(prepared: Path) -> None:
        seen.append(prepared)
        if len(seen) < 4:
            raise RuntimeError(f"cannot do {len(seen)}")

    done = quantization.quantize(path, tmp_path, run)
    assert done["preparation"] == "none"
    assert list(done["left_out"].values()) == ["cannot do 1", "cannot do 2", "cannot do 3"]
    assert seen[-1] == path
    seen.clear()
    with pytest.raises(ZeroDivisionError):
        quantization.quantize(path, tmp_path, lambda prepared: 1 // 0)


def test_an_optimization_that_fails_is_told(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where symbolic shape inference leaves what it was at when it failed
    foreign = net()
    foreign.opset_import.append(helper.make_opsetid("of.nobody", 1))
    foreign.graph.node[1].domain = "of.nobody"  # no runtime opens a session with it
    done = quantization.quantize(save(foreign), tmp_path, lambda prepared: None)
    assert "of.nobody:Relu" in done["left_out"]["optimization"]


def test_a_model_without_data_gives_the_same_bytes_every_time(tmp_path: Path) -> None:
    asked = make_artifact(DIGITS_CNN, precision="int8_static")
    assert build(asked, tmp_path / "one").sha256 == build(asked, tmp_path / "two").sha256
