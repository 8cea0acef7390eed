"""Axis values that may have a name of their own: ``{int8_pc: {method: static, per_channel: true}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import PlainValidator, TypeAdapter, model_validator

from harness.core import vocabulary as names
from harness.core.case import NO_CONFIG, NO_SHAPES, Named, freeze
from harness.plan.scalar import Check, Expected, boolean, choice, entry, integer, name, number, scalars, text
from harness.plan.strict import Strict

WEIGHT_TYPES = ("int8", "uint8")
ACTIVATION_TYPES = (*WEIGHT_TYPES, "int16", "uint16")
CALIBRATIONS = ("minmax", "entropy", "percentile")
MAX_DIMENSION = 2**31 - 1


def _percentile(value: Any) -> float:
    percentile = number(value)
    if not 50.0 <= percentile <= 100.0:
        raise Expected("expected a percentile from 50 to 100")
    return percentile


Texts = tuple[Annotated[str, PlainValidator(text)], ...]
Boolean = Annotated[bool | None, PlainValidator(boolean)]


class DynamicOptions(Strict):
    """INT8 weights, activations quantized as they come."""

    method: str
    weight_type: Annotated[str | None, PlainValidator(choice("weight_type", WEIGHT_TYPES))] = None
    per_channel: Boolean = None
    reduce_range: Boolean = None
    op_types: Texts = ()
    nodes_to_exclude: Texts = ()


class StaticOptions(DynamicOptions):
    """INT8 weights and activations, ranges calibrated beforehand."""

    format: Annotated[str | None, PlainValidator(choice("format", ("qdq", "qoperator")))] = None
    activation_type: Annotated[str | None, PlainValidator(choice("activation_type", ACTIVATION_TYPES))] = None
    calibration: Annotated[str | None, PlainValidator(choice("calibration", CALIBRATIONS))] = None
    percentile: Annotated[float | None, PlainValidator(_percentile)] = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.percentile is not None and self.calibration != "percentile":
            raise ValueError("percentile needs calibration: percentile")
        return self


class HalfOptions(Strict):
    """FP16 weights and activations."""

    method: str
    keep_io_types: Boolean = None
    op_types_to_exclude: Texts = ()
    nodes_to_exclude: Texts = ()


class ProviderOptions(Strict):
    """A provider with the options that it gets."""

    provider: Annotated[str, PlainValidator(choice("provider", names.PROVIDERS))]
    options: Annotated[Mapping[str, str], PlainValidator(scalars)] = {}


_METHODS: dict[str, tuple[type[Strict], str]] = {
    "static": (StaticOptions, "int8_static"),
    "dynamic": (DynamicOptions, "int8_dynamic"),
    "fp16": (HalfOptions, "fp16"),
}


def precision(value: Any) -> Named:
    """Check a precision: a known name, or a new one for a method with options."""
    return _named(value, choice("precision", names.PRECISIONS, names.PRECISIONS_GROUP), _precision_options)


def provider(value: Any) -> Named:
    """Check a provider: a known name, or a new one for a provider with options."""
    return _named(value, choice("provider", names.PROVIDERS), _provider_options)


def config(value: Any) -> Named:
    """Check session config entries: ``default``, or a name for a mapping of entries to text.

    A key without a dot is an attribute of ONNX Runtime's SessionOptions and
    keeps its type.
    """
    if value == "default":
        return NO_CONFIG
    known = choice("config", ["default"])
    return _named(value, known, lambda written: Named("", "config", freeze(_entries(written))))


def _entries(written: Any) -> Mapping[str, Any]:
    if not isinstance(written, dict):
        return scalars(written)
    attributes = {key: item for key, item in written.items() if "." not in key and type(item) in (bool, int)}
    return {**scalars({key: item for key, item in written.items() if key not in attributes}), **attributes}


def shapes(value: Any) -> Named:
    """Check named shapes: ``default``, or a name for a mapping of dimensions to sizes."""
    if value == "default":
        return NO_SHAPES
    known = choice("shapes", ["default"])
    return _named(value, known, lambda written: Named("", "shapes", freeze(dimensions(written))))


def dimensions(value: Any) -> dict[str, int]:
    """Check a mapping of symbolic dimensions to sizes."""
    if not isinstance(value, dict) or not value:
        raise Expected("expected a mapping of dimension to size")
    size = Annotated[int, PlainValidator(integer(1, MAX_DIMENSION))]
    return TypeAdapter(dict[str, size]).validate_python(value)


def _named(value: Any, plain: Check, options: Check) -> Named:
    if isinstance(value, str):
        known = plain(value)
        return Named(known, known)
    if not isinstance(value, dict) or len(value) != 1:
        raise Expected("expected a name, or a mapping of one new name to what it stands for")
    own = name(next(iter(value)))
    if _accepts(plain, own):
        raise ValueError(f"{own!r} has a meaning already: give this one a name of its own")
    refined = entry(value, options)
    return Named(own, refined.kind, refined.options)


def _accepts(check: Check, value: str) -> bool:
    try:
        check(value)
    except ValueError:
        return False
    return True


def _precision_options(written: Any) -> Named:
    """Check the options of a precision; its name is filled in by the caller."""
    if not isinstance(written, dict) or "method" not in written:
        raise Expected("expected a mapping with a method (static, dynamic or fp16) and its options")
    method = choice("method", _METHODS, names.PRECISIONS_GROUP)(written["method"])
    if method not in _METHODS:  # another package's precision checks its own options
        return Named("", method, freeze({key: item for key, item in written.items() if key != "method"}))
    model, kind = _METHODS[method]
    options = model.model_validate(written).model_dump(exclude_unset=True, exclude={"method"})
    return Named("", kind, freeze(options))


def _provider_options(written: Any) -> Named:
    options = ProviderOptions.model_validate(written)
    return Named("", options.provider, freeze(options.options))
