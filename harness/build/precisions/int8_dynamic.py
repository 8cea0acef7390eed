"""INT8 with activations quantized as they come: weights are converted, nothing is calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.build.files import tidy
from harness.build.precisions import Precision
from harness.build.precisions.quantization import OPTIONS, PACKAGES, WEIGHT_TYPES, quantize, shared
from harness.core.feeds import Rows


def convert(base: Path, target: Path, options: Mapping[str, Any], feeds: Sequence[Rows]) -> Mapping[str, Any]:
    """Quantize with ``onnxruntime.quantization.quantize_dynamic``."""
    from onnxruntime.quantization import quantize_dynamic

    arguments = shared(base, options)
    done = quantize(base, target.parent, lambda prepared: quantize_dynamic(prepared, target, **arguments))
    tidy(target)
    return {"by": "onnxruntime.quantization.quantize_dynamic", "preprocessing": done}


INT8_DYNAMIC = Precision(
    convert=convert,
    reads_back="int8",
    defaults=OPTIONS,
    choices={"weight_type": WEIGHT_TYPES},
    packages=PACKAGES,
)
