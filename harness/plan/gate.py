"""What a gate may say; its sign and its unit are checked against its metric."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, model_validator

from harness.core.metrics import METRICS, foreign, is_foreign, spec_of
from harness.core.suite import Gate
from harness.plan.scalar import Boolean, Choice, quantity, ratio
from harness.plan.strict import Strict, written
from harness.plan.when import Condition

_FAMILIES = {name.partition("/")[0] for name in METRICS}
_MAX_INCREASE = 1000.0
_FOREIGN = rf"^(?!({'|'.join(sorted(_FAMILIES))})/)[^/]+/."
"""What another package's metric looks like: its family is none of the harness's."""

_METRIC = Choice("metric", tuple(METRICS))


def _metric(value: Any) -> Any:
    """Check for a metric of the harness, or of a family that another package adds."""
    family = value.partition("/")[0] if isinstance(value, str) else ""
    if family in _FAMILIES or not is_foreign(family):
        return _METRIC.check(value)
    rows = foreign(family)
    return Choice("metric", tuple(rows)).check(value) if rows else value


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
    allowed = ratio(0.0, high).check(value)
    if not isinstance(value, str) and allowed >= 1:
        raise ValueError(
            f"{value} would allow {value * 100}%: write '{value}%', or '{value * 100}%' if meant"
        )
    return allowed


def _bound(value: Any, info: ValidationInfo) -> float:
    """Check a bound in the metric's own unit."""
    if "metric" not in info.data:  # that mistake is reported already
        return 0.0
    metric = spec_of(str(info.data["metric"]))
    return quantity(metric.unit, *metric.range).check(value)


def _by_metric(schema: dict[str, Any]) -> None:
    """Add to the JSON schema of a gate what hangs together: the metric, its direction and its unit."""
    relative = ("max_increase", "max_drop")
    schema["anyOf"] = [{"required": [key]} for key in (*relative, "min", "max")]
    schema["dependentSchemas"] = {"against": {"anyOf": [{"required": [key]} for key in relative]}}
    bounds: dict[Any, list[str]] = {}
    wrong: dict[str, list[str]] = {key: [] for key in relative}
    for name, spec in METRICS.items():
        bounds.setdefault((spec.unit, spec.range), []).append(name)
        for key, worse in zip(relative, ("higher", "lower"), strict=True):
            if spec.delta or spec.better == worse:
                wrong[key].append(name)
    rules: list[Any] = [
        (names, {"properties": dict.fromkeys(("min", "max"), quantity(unit, *span).schema())})
        for (unit, span), names in bounds.items()
    ]
    rules += [(names, {"not": {"required": [key]}}) for key, names in wrong.items()]
    schema["allOf"] = [
        {"if": {"required": ["metric"], "properties": {"metric": {"enum": names}}}, "then": then}
        for names, then in rules
    ]


def _change(description: str) -> Any:
    return Field(None, description=description)


def _relative_schema(high: float) -> WithJsonSchema:
    """Describe a relative change; one of 100% and more is written with its sign."""
    _, text = ratio(0.0, high).schema()["anyOf"]
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}, text]})


_BOUND = WithJsonSchema({"type": ["number", "string"]})


class GateSchema(Strict):
    """One gate: how far a metric may go."""

    model_config = ConfigDict(json_schema_extra=_by_metric)

    metric: Annotated[
        str,
        BeforeValidator(_metric),
        WithJsonSchema({"anyOf": [{"enum": list(METRICS)}, {"type": "string", "pattern": _FOREIGN}]}),
    ] = Field(description="One of those in docs/metrics.md, or of another package.")
    max_increase: Annotated[float, BeforeValidator(_increase), _relative_schema(_MAX_INCREASE)] = _change(
        "How far it may rise, relative, where lower is better: 3%."
    )
    max_drop: Annotated[float, BeforeValidator(_drop), _relative_schema(1.0)] = _change(
        "How far it may fall, relative, where higher is better: 3%."
    )
    min: Annotated[float, BeforeValidator(_bound), _BOUND] = _change("Bound in the metric's own unit.")
    max: Annotated[float, BeforeValidator(_bound), _BOUND] = _change(
        "Bound in the metric's own unit: 5 ms, 10 MB, 98%, a number."
    )
    case: Condition = Field(default_factory=dict, description="Which cases; left out: every case.")
    against: Annotated[str, Choice("against", ("previous", "anchor"))] = Field(
        "previous", description="The stored run that max_increase and max_drop are relative to."
    )
    confirm: Boolean = Field(
        False, description="Let an A/B decide what stored numbers fail; with max_increase alone."
    )

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
        if self.confirm and not spec_of(self.metric).alpha_share:
            known = ", ".join(name for name, row in METRICS.items() if row.alpha_share)
            raise ValueError(f"`confirm`: an A/B decides {known} only")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max: nothing can pass")
        return self

    def gate(self) -> Gate:
        """Give the noun that the loops use."""
        return Gate(**written(self))
