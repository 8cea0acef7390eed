"""What a gate may say; its sign and its unit are held against its metric."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from harness.core.metrics import METRICS, foreign, is_foreign, spec_of
from harness.core.suite import Gate
from harness.plan.scalar import choice, quantity, ratio
from harness.plan.strict import Strict, written
from harness.plan.when import condition

_FAMILIES = {name.partition("/")[0] for name in METRICS}
_MAX_INCREASE = 1000.0


def _metric(value: Any) -> str:
    """Check for a metric of the harness, or of a family that another package adds."""
    family = value.partition("/")[0] if isinstance(value, str) else ""
    if family in _FAMILIES or not is_foreign(family):
        return str(choice("metric", METRICS)(value))
    rows = foreign(family)
    return str(choice("metric", rows)(value)) if rows else str(value)


def _increase(value: Any, info: ValidationInfo) -> float:
    return _relative(value, info, "lower", "max_drop", _MAX_INCREASE)


def _drop(value: Any, info: ValidationInfo) -> float:
    return _relative(value, info, "higher", "max_increase", 1.0)


def _relative(value: Any, info: ValidationInfo, better: str, other: str, high: float) -> float:
    """Check a relative change that makes a metric worse, `better` being its good direction."""
    metric = spec_of(str(info.data.get("metric", "")))
    if metric.delta:
        raise ValueError(f"{metric.name} is a difference already: use min or max")
    if metric.better not in (better, "none"):
        raise ValueError(f"of {metric.name}, {metric.better} is better: use {other}")
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
    metric = spec_of(str(info.data["metric"]))
    return float(quantity(metric.unit, *metric.range)(value))


class GateSchema(Strict):
    """One gate: how far a metric may go."""

    metric: Annotated[str, PlainValidator(_metric)]
    max_increase: Annotated[float | None, PlainValidator(_increase)] = None
    max_drop: Annotated[float | None, PlainValidator(_drop)] = None
    min: Annotated[float | None, PlainValidator(_bound)] = None
    max: Annotated[float | None, PlainValidator(_bound)] = None
    case: Annotated[dict[str, tuple[str, ...]], PlainValidator(condition)] = Field(default_factory=dict)
    against: Annotated[str, PlainValidator(choice("against", ("previous", "anchor")))] = "previous"

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        relative = {"max_increase", "max_drop"} & self.model_fields_set
        if not relative and not {"min", "max"} & self.model_fields_set:
            raise ValueError("a gate needs one of max_increase, max_drop, min, max")
        if "against" in self.model_fields_set and not relative:
            raise ValueError("`against` needs max_increase or max_drop: min and max hold by themselves")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max: nothing can pass")
        return self

    def gate(self) -> Gate:
        """Give the noun that the loops use."""
        return Gate(**written(self))
