"""Where a model and its data come from, as suites write it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator

from harness.core import vocabulary as names
from harness.core.case import DataRef, Source, freeze
from harness.plan.scalar import Check, Expected, choice, entry, integer, text
from harness.plan.strict import Strict

MAX_SAMPLES = 10**7

_MODULE = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_TORCH = re.compile(rf"({_MODULE}|[^\0]+\.py):[^\W\d]\w*")
_DATA = DataRef("", "")


def source(value: Any) -> Source:
    """Check a source: one kind, and what it needs. Files are absolute by now."""
    if not isinstance(value, dict) or len(value) != 1:
        raise Expected(f"expected one of {', '.join(names.SOURCES)}, such as {{onnx: model.onnx}}")
    kind = choice("source", names.SOURCES, names.SOURCES_GROUP)(next(iter(value)))
    return Source(kind, freeze(entry(value, _OPTIONS.get(kind, _foreign))))


def _onnx(value: Any) -> dict[str, Any]:
    return {"path": text(value)}


def _zoo(value: Any) -> dict[str, Any]:
    return {"name": choice("zoo model", names.ZOO)(value)}


def _torch(value: Any) -> dict[str, Any]:
    if not isinstance(value, str) or not _TORCH.fullmatch(value):
        raise Expected("expected module:function or file.py:function")
    return {"target": value}


def _fake(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Expected("expected a mapping of what the fake engine answers")
    return value


def _foreign(value: Any) -> dict[str, Any]:
    """Take what another package's source is given; it checks that itself."""
    return value if isinstance(value, dict) else {"value": value}


_OPTIONS: dict[str, Check] = {"onnx": _onnx, "zoo": _zoo, "torch": _torch, "fake": _fake}


def _npz(value: Any) -> str:
    if not isinstance(value, str) or not value.endswith(".npz"):
        raise Expected("expected the path of an .npz file")
    return value


class DataSchema(Strict):
    """Data in a file, with the number of samples set apart for calibration."""

    npz: Annotated[str, PlainValidator(_npz)]
    calibration: Annotated[int, PlainValidator(integer(1, MAX_SAMPLES))] = _DATA.calibration


def data(value: Any) -> DataRef:
    """Check data: a catalogue name, an .npz file, or a mapping of the latter with options."""
    if isinstance(value, dict):
        written = DataSchema.model_validate(value)
        return DataRef("npz", written.npz, written.calibration)
    if isinstance(value, str) and value.endswith(".npz"):
        return DataRef("npz", value)
    if not isinstance(value, str):
        raise Expected("expected the name of a data set, the path of an .npz file, or a mapping with npz")
    return DataRef("catalogue", choice("data set", names.CATALOGUE, names.CATALOGUE_GROUP)(value))
