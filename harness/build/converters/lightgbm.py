"""A fitted model of LightGBM, converted by onnxmltools."""

from __future__ import annotations

from harness.build.converters import Converted, Example, Takes, Wanted
from harness.build.converters.boosting import judged, write

TAKES = Takes.MATRIX


def convert(example: Example, wanted: Wanted) -> Converted:
    """Convert, and let the original answer."""
    from lightgbm import Booster
    from onnxmltools import convert_lightgbm

    outputs, passed = write(convert_lightgbm, example, wanted, zipmap=bool(wanted.options.get("zipmap")))
    own = example.model.predict(example.given) if isinstance(example.model, Booster) else None
    return judged(example, outputs, own, passed)
