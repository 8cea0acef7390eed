"""Conditions on cases, as suites write them: axis -> value, or list of values, globs allowed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator

from harness.core.case import AXES
from harness.core.conditions import spell
from harness.core.vocabulary import GRAPH_OPT
from harness.plan.scalar import Check, Expected, several
from harness.plan.strict import strict_model, written

CONDITION_AXES = ("model", *AXES)


def _pattern(axis: str) -> Check:
    """Check one value, and write it as `harness.core.conditions` compares it."""

    def check(value: Any) -> str:
        if isinstance(value, bool) or not (value is None or isinstance(value, str | int)):
            raise Expected(f"expected a value of {axis}: text, an integer or null")
        text = spell(value)
        if axis == "graph_opt":
            return {str(level): name for level, name in GRAPH_OPT.items()}.get(text, text)
        if axis.endswith("_threads") and text == "auto":
            return "0"
        return text

    return check


def _one(axis: str) -> Any:
    return Annotated[Any, PlainValidator(_pattern(axis))]


_Point = strict_model("Point", {axis: _one(axis) for axis in CONDITION_AXES})
_When = strict_model("When", {axis: several(_pattern(axis)) for axis in CONDITION_AXES})


def condition(value: Any) -> dict[str, tuple[str, ...]]:
    """Check a condition; an axis that it does not name may have any value."""
    return written(_When.model_validate(value))


def point(value: Any) -> dict[str, str]:
    """Check a mapping of axes to one value each."""
    return written(_Point.model_validate(value))
