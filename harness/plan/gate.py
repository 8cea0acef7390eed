"""What a gate may say; its sign and its unit are held against its metric."""

from __future__ import annotations

import math
from importlib import metadata
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from harness.core import vocabulary as names
from harness.core.suite import Gate
from harness.plan.scalar import boolean, choice, quantity, ratio
from harness.plan.strict import Strict, written
from harness.plan.when import condition

_SIGNED = {"accuracy/top1_delta", "accuracy/mae_delta", "accuracy/sqnr_db", "accuracy/cosine"}
_FAMILIES = {name.partition("/")[0] for name in names.METRICS}
_MAX_INCREASE = 1000.0


def _metric(value: Any) -> str:
    """Check for a metric of the harness, or of a family that another package adds."""
    family = value.partition("/")[0] if isinstance(value, str) else ""
    if family not in _FAMILIES and any(
        point.name == family for point in metadata.entry_points(group=names.METRICS_GROUP)
    ):
        return str(value)
    return str(choice("metric", names.METRICS)(value))


def _increase(value: Any, info: ValidationInfo) -> float:
    return _relative(value, info, "lower", "max_drop", _MAX_INCREASE)


def _drop(value: Any, info: ValidationInfo) -> float:
    return _relative(value, info, "higher", "max_increase", 1.0)


def _relative(value: Any, info: ValidationInfo, better: str, other: str, high: float) -> float:
    """Check a relative change that makes a metric worse, `better` being its good direction."""
    metric = str(info.data.get("metric", ""))
    _, direction = names.METRICS.get(metric, ("", better))
    if metric.endswith("_delta"):
        raise ValueError(f"{metric} is a difference already: use min or max")
    if direction not in (better, "none"):
        raise ValueError(f"of {metric}, {direction} is better: use {other}")
    allowed = float(ratio(0.0, high)(value))
    if not isinstance(value, str) and allowed >= 1:
        raise ValueError(
            f"{value} would allow {value * 100}%: write '{value}%', or '{value * 100}%' if meant"
        )
    return allowed


def _bound(value: Any, info: ValidationInfo) -> float:
    """Check a bound in the metric's own unit."""
    if "metric" not in info.data:  # that mistake is told already
        return 0.0
    metric = str(info.data["metric"])
    unit, _ = names.METRICS.get(metric, ("1", ""))
    high = 1.0 if unit == "ratio" or metric == "accuracy/cosine" else math.inf
    low = 0.0 if metric in names.METRICS and metric not in _SIGNED else -high
    return float(quantity(unit, low, high)(value))


class GateSchema(Strict):
    """One gate: how far a metric may go."""

    metric: Annotated[str, PlainValidator(_metric)]
    max_increase: Annotated[float | None, PlainValidator(_increase)] = None
    max_drop: Annotated[float | None, PlainValidator(_drop)] = None
    min: Annotated[float | None, PlainValidator(_bound)] = None
    max: Annotated[float | None, PlainValidator(_bound)] = None
    case: Annotated[dict[str, tuple[str, ...]], PlainValidator(condition)] = Field(default_factory=dict)
    against: Annotated[str, PlainValidator(choice("against", ("previous", "anchor")))] = "previous"
    confirm: Annotated[bool, PlainValidator(boolean)] = False

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        bounds = {"max_increase", "max_drop", "min", "max"} & self.model_fields_set
        relative = bounds & {"max_increase", "max_drop"}
        if not bounds:
            raise ValueError("a gate needs one of max_increase, max_drop, min, max")
        if "against" in self.model_fields_set and not relative:
            raise ValueError("`against` needs max_increase or max_drop: min and max hold by themselves")
        if self.confirm and bounds != {"max_increase"}:
            raise ValueError("`confirm` needs max_increase alone: an A/B decides how far two runs differ")
        if self.confirm and self.metric not in names.CONFIRMED:
            raise ValueError(f"`confirm`: an A/B decides {', '.join(names.CONFIRMED)} only")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max: nothing can pass")
        return self

    def gate(self) -> Gate:
        """Give the noun that the loops use."""
        return Gate(**written(self))
