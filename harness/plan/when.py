"""Conditions on cases, as suites write them: axis -> value, or list of values, globs allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from harness.core.case import AXES
from harness.core.conditions import spell
from harness.core.vocabulary import GRAPH_OPT
from harness.plan.scalar import Expect, NotEmpty, one_or_more
from harness.plan.strict import strict_model, written

CONDITION_AXES = ("model", *AXES)


def _pattern(axis: str) -> Any:
    """Annotate one value, which becomes text as `harness.core.conditions` compares it."""
    expected = Expect(f"a value of {axis}: text, an integer or null")
    return Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | None), expected,
                     AfterValidator(_spelled(axis))]  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, bool) or not (value is None or isinstance(value, str | int)):
        raise ValueError
    return spell(value)


def _spelled(axis: str) -> Callable[[str], str]:
    """Write what may be spelled in two ways as `Case.axes` does."""
    names: dict[str, str] = {}
    if axis == "graph_opt":
        names = {str(level): name for level, name in GRAPH_OPT.items()}
    elif axis.endswith("_threads"):
        names = {"auto": "0"}
    return lambda text: names.get(text, text)


_POINT: Any = strict_model(
    "Point", "Axis to value: names one case of each model.", {axis: _pattern(axis) for axis in CONDITION_AXES}
)
_WHEN: Any = strict_model(
    "Condition",
    "Axis to value or list of values, globs allowed: cells that fit all of them.",
    {axis: one_or_more(_pattern(axis)) for axis in CONDITION_AXES},
)

Condition = Annotated[_WHEN, AfterValidator(written)]
When = Annotated[Condition, NotEmpty()]
Point = Annotated[_POINT, AfterValidator(written)]


def condition(value: Any) -> dict[str, tuple[str, ...]]:
    """Check a condition; an axis that it does not name may have any value."""
    return written(_WHEN.model_validate(value))
