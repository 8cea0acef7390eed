"""INT8 with activation ranges calibrated beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.build.check import first_line
from harness.build.files import tidy
from harness.build.opset import raise_opset
from harness.build.precisions import Precision
from harness.build.precisions.quantization import (
    OPTIONS,
    PACKAGES,
    WEIGHT_TYPES,
    quant_type,
    quantize,
    reader,
    shared,
)
from harness.core.errors import HarnessError, Unsupported
from harness.core.feeds import Rows

AXIS_OPSET = 13
"""The first opset in which a scale may have an axis."""

HELD = 16
"""Batches whose activations are held in memory at once."""


WEIGHTED = ("Conv", "MatMul", "Gemm")
"""What is quantized where the quantizer fails on all that it knows."""


def convert(base: Path, target: Path, options: Mapping[str, Any], feeds: Sequence[Rows]) -> Mapping[str, Any]:
    """Quantize with ``onnxruntime.quantization.quantize_static``.

    Raises Unsupported for types that it cannot pair.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, quantize_static
    from onnxruntime.quantization.quantize import check_static_quant_arguments

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }
    formats = {"qdq": QuantFormat.QDQ, "qoperator": QuantFormat.QOperator}
    pair = (
        formats[options["format"]],
        quant_type(options["activation_type"]),
        quant_type(options["weight_type"]),
    )
    try:
        check_static_quant_arguments(*pair)
    except ValueError as error:
        raise Unsupported(first_line(error)) from error
    if options["per_channel"] and options["format"] == "qdq":
        base = raise_opset(base, target.with_name("raised.onnx"), AXIS_OPSET)
    arguments = shared(base, options)

    def run(prepared: Path, **narrower: Any) -> None:
        quantize_static(
            prepared,
            target,
            calibration_data_reader=reader(feeds),
            quant_format=pair[0],
            activation_type=pair[1],
            calibrate_method=methods[options["calibration"]],
            extra_options={
                "CalibPercentile": options["percentile"],
                "CalibStridedMinMax": _stride(len(feeds)),
            },
            **{**arguments, **narrower},
        )

    narrowed: dict[str, Any] = {}
    try:
        done = quantize(base, target.parent, run)
    except (HarnessError, ImportError):
        raise
    except Exception as error:  # the quantizer raises what it likes
        if options["op_types"]:
            raise
        try:
            done = quantize(base, target.parent, partial(run, op_types_to_quantize=list(WEIGHTED)))
        except Exception:
            raise error from None
        narrowed = {"narrowed": {"op_types": list(WEIGHTED), "because": first_line(error)}}
    tidy(target)
    return {"by": "onnxruntime.quantization.quantize_static", "preprocessing": done, **narrowed}


def _stride(count: int) -> int:
    """Return into how many batches at a time calibration is cut: it wants a divisor of their count."""
    return max(size for size in range(1, HELD + 1) if count % size == 0)


INT8_STATIC = Precision(
    convert=convert,
    reads_back="int8",
    defaults={
        **OPTIONS,
        "format": "qdq",
        "activation_type": "uint8",
        "calibration": "minmax",
        "percentile": 99.999,
    },
    choices={
        "format": ("qdq", "qoperator"),
        "activation_type": ("int8", "uint8", "int16", "uint16"),
        "weight_type": WEIGHT_TYPES,
        "calibration": ("minmax", "entropy", "percentile"),
    },
    packages=PACKAGES,
    calibrated=True,
)
