"""Outputs of types that numpy has not are read as the numbers that they stand for."""

import ml_dtypes
import numpy as np
import pytest
from models import save_model, value
from onnx import TensorProto, helper

from harness import measure
from harness.core.case import Load
from harness.core.suite import Measure
from harness.measure.worker.numbers import DECODERS

CODES = bytes(range(256))


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("float8e4m3fn", ml_dtypes.float8_e4m3fn),
        ("float8e4m3fnuz", ml_dtypes.float8_e4m3fnuz),
        ("float8e5m2", ml_dtypes.float8_e5m2),
        ("float8e5m2fnuz", ml_dtypes.float8_e5m2fnuz),
    ],
)
def test_every_code_of_an_8_bit_float_has_its_value(kind, known):
    read = DECODERS[kind][1](CODES, 256)
    assert np.array_equal(read, np.frombuffer(CODES, known).astype(np.float32), equal_nan=True)


def test_a_bfloat16_is_the_upper_half_of_a_float32():
    codes = np.arange(1 << 16, dtype=np.uint16)
    read = DECODERS["bfloat16"][1](codes.tobytes(), len(codes))
    assert np.array_equal(read, codes.view(ml_dtypes.bfloat16).astype(np.float32), equal_nan=True)


def test_integers_of_4_bits_lie_two_in_a_byte_the_first_one_below():
    assert DECODERS["int4"][1](b"\x8f\x07", 3).tolist() == [-1, -8, 7]
    assert DECODERS["uint4"][1](b"\x8f\x07", 3).tolist() == [15, 8, 7]


@pytest.fixture
def cast(tmp_path):
    """Give x as a bfloat16, which numpy has not, and as it is."""
    nodes = [
        helper.make_node("Cast", ["x"], ["y"], to=TensorProto.BFLOAT16),
        helper.make_node("Relu", ["x"], ["z"]),
    ]
    outputs = [value("y", ["N", 4], TensorProto.BFLOAT16), value("z", ["N", 4])]
    return save_model(tmp_path / "cast.onnx", nodes, [value("x", ["N", 4])], outputs)


def test_a_model_that_gives_them_is_timed_and_its_outputs_are_kept_as_numbers(ask, cast, work):
    seen = measure.observe_here(ask(cast, load=Load(batch=2), wanted=Measure(drift_samples=4)), work)
    assert seen.error is None
    assert seen.timing["samples_ns"]
    assert seen.outputs["names"] == ["y", "z"]
    assert seen.outputs["types"] == {"y": "bfloat16"}
    with np.load(seen.outputs["file"]) as arrays:
        assert np.allclose(np.maximum(arrays["0"], 0), arrays["1"], rtol=2**-8)
        assert arrays["0"].shape == arrays["1"].shape == (4, 4)


def test_what_would_copy_them_into_numpys_arrays_is_refused(ask, cast, work):
    seen = measure.observe_here(ask(cast, load=Load(io="run")), work)
    assert seen.error["status"] == "unsupported"
    assert seen.error["message"] == "output 'y' holds bfloat16, which numpy has not; use io: iobinding"
