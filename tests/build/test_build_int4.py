"""Weights of 4 bits: every option converts, runs in ONNX Runtime, and answers as nearly as 4 bits allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from models import save_model, value
from onnx import helper, numpy_helper

from harness.build.precisions import Precision
from harness.build.precisions.int4 import INT4, UINT4, check_search
from harness.build.reading import read_onnx
from harness.core.errors import Failed, Unsupported

NUMBERS = np.random.default_rng(0)
ROWS = NUMBERS.standard_normal((4, 128)).astype(np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two products: [n, 128] to [n, 64]."""
    weights = [
        numpy_helper.from_array((NUMBERS.standard_normal(shape) / 12).astype(np.float32), name)
        for name, shape in (("w", (128, 128)), ("v", (128, 64)))
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], name="first"),
        helper.make_node("MatMul", ["h", "v"], ["y"], name="last"),
    ]
    path = tmp_path_factory.mktemp("base") / "model.onnx"
    return save_model(path, nodes, [value("x", ["n", 128])], [value("y", ["n", 64])], weights)


GPTQ = INT4.complete("int4", {"algorithm": "gptq"})
FEEDS = [{"x": row[None]} for row in ROWS]


def answers(path: Path) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    found: np.ndarray = onnxruntime.InferenceSession(path, options).run(None, {"x": ROWS})[0]
    return found


@pytest.mark.parametrize("precision", [INT4, UINT4], ids=["int4", "uint4"])
@pytest.mark.parametrize(
    ("options", "operators", "opset"),
    [
        ({}, {"MatMulNBits": 2}, 17),
        ({"block_size": 128, "accuracy_level": 4}, {"MatMulNBits": 2}, 17),
        ({"algorithm": "k_quant"}, {"MatMulNBits": 2}, 17),
        ({"format": "qdq"}, {"DequantizeLinear": 2, "MatMul": 2}, 21),
        ({"nodes_to_exclude": ["first"]}, {"MatMul": 1, "MatMulNBits": 1}, 17),
    ],
)
def test_a_conversion_holds_four_bits_and_answers_nearly_the_same(
    base: Path,
    tmp_path: Path,
    precision: Precision,
    options: dict[str, Any],
    operators: dict[str, int],
    opset: int,
) -> None:
    target = tmp_path / "model.onnx"
    precision.convert(base, target, precision.complete("int4", options), [])
    reading = read_onnx(target)
    assert (reading.precision, reading.operators, reading.opset) == (precision.reads_back, operators, opset)
    asked, got = answers(base), answers(target)
    assert 10 * np.log10((asked**2).sum() / ((got - asked) ** 2).sum()) > 12
    whole = 0.9 if "nodes_to_exclude" in options else 0.25
    assert target.stat().st_size < whole * base.stat().st_size


def test_a_node_that_is_not_there_and_a_block_size_without_a_kernel_are_named(
    base: Path, tmp_path: Path
) -> None:
    for options, message in (
        (
            {"nodes_to_exclude": ["frist"]},
            "no node 'frist' in the model; did you mean 'first'",
        ),
        ({"block_size": 48}, "block_size: expected one of 16, 32, 64, 128, 256"),
    ):
        with pytest.raises(Failed, match=message):
            INT4.convert(base, tmp_path / "model.onnx", INT4.complete("int4", options), [])


@pytest.mark.parametrize(
    ("options", "lacks"),
    [
        ({"algorithm": "k_quant", "format": "qdq"}, "k_quant .* has no format: qdq"),
        ({"algorithm": "k_quant", "op_types": ["MatMul", "Gather"]}, "k_quant .* has no op_types: Gather"),
        ({"algorithm": "hqq", "op_types": ["Gather"]}, "hqq .* has no op_types: Gather"),
        ({"algorithm": "gptq", "nodes_to_exclude": ["first"]}, "gptq .* has no nodes_to_exclude: first"),
    ],
)
def test_an_option_that_an_algorithm_passes_over_is_unsupported(
    base: Path, tmp_path: Path, options: dict[str, Any], lacks: str
) -> None:
    with pytest.raises(Unsupported, match=f"^algorithm {lacks}; use algorithm: rtn$"):
        INT4.convert(base, tmp_path / "model.onnx", INT4.complete("int4", options), FEEDS)


def test_gptq_that_rounds_alike_whatever_it_is_calibrated_on_is_unsupported(
    base: Path, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match=r"^algorithm gptq of onnxruntime .* has no effect"):
        INT4.convert(base, tmp_path / "model.onnx", GPTQ, FEEDS)
    assert not (tmp_path / "model.onnx").exists()


def test_gptq_alone_is_calibrated_and_taken_where_its_calibration_has_an_effect() -> None:
    assert (INT4.takes_feeds(GPTQ), INT4.takes_feeds(INT4.defaults)) == (True, False)
    check_search(lambda weight, hessian: weight * hessian[0, 1], "a search")
    with pytest.raises(Unsupported, match=r"^a search: its calibration has no effect"):
        check_search(lambda weight, hessian: np.round(weight), "a search")


ignores_torch = pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
"""The quantizer's own code hands torch the weights of a file as they lie."""


@ignores_torch
@pytest.mark.parametrize("options", [{"algorithm": "hqq"}, {"format": "qdq"}], ids=["hqq", "qdq"])
def test_an_accuracy_level_that_the_quantizer_leaves_out_is_unsupported(
    base: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    complete = INT4.complete("int4", {**options, "accuracy_level": 4})
    with pytest.raises(Unsupported, match="accuracy_level 4: the quantizer writes it into no product"):
        INT4.convert(base, tmp_path / "model.onnx", complete, [])
    assert not (tmp_path / "model.onnx").exists()


@ignores_torch
@pytest.mark.parametrize(
    ("precision", "options", "symmetric"),
    [
        (INT4, {}, True),
        (UINT4, {}, False),
        (INT4, {"format": "qdq"}, True),
        (UINT4, {"format": "qdq"}, False),
        (INT4, {"algorithm": "hqq"}, False),
        (INT4, {"algorithm": "k_quant"}, False),
    ],
)
def test_whether_blocks_have_zero_points_is_read_off_the_file(
    base: Path, tmp_path: Path, precision: Precision, options: dict[str, Any], symmetric: bool
) -> None:
    done = precision.convert(base, tmp_path / "model.onnx", precision.complete("int4", options), [])
    assert done["symmetric"] is symmetric


def test_a_shape_that_a_search_does_not_take_is_unsupported_in_its_words(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(NUMBERS.standard_normal((8, 64)).astype(np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    base = save_model(tmp_path / "m.onnx", [node], [value("x", ["n", 8])], [value("y", ["n", 64])], [weight])
    options = {**INT4.defaults, "algorithm": "k_quant"}
    with pytest.raises(
        Unsupported, match=r"^algorithm k_quant of ONNX Runtime's quantizer cannot convert it: "
    ):
        INT4.convert(base, tmp_path / "out.onnx", options, [])
