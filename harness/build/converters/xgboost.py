"""A fitted model of XGBoost, converted by onnxmltools."""

from __future__ import annotations

from typing import Any

from harness.build.converters import Converted, Example, Takes, Wanted
from harness.build.converters.boosting import judged, write

TAKES = Takes.MATRIX


def convert(example: Example, wanted: Wanted) -> Converted:
    """Convert, and let the original answer."""
    from onnxmltools import convert_xgboost
    from xgboost import Booster, DMatrix

    outputs, passed = write(convert_xgboost, example, wanted)
    own: Any = None
    if isinstance(example.model, Booster):
        own = example.model.predict(DMatrix(example.given))
    return judged(example, outputs, own, passed)
