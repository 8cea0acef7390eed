"""A suite of the finalists: the suite that was searched, only the cells worth another look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from glob import escape
from typing import Any

from harness.core.case import AXES, Case
from harness.core.conditions import spell
from harness.tune.model import Answer, TuneResult

MOST_UNDECIDED = 6


def finalists_suite(
    document: Mapping[str, Any], cases: Iterable[Case], result: TuneResult
) -> dict[str, Any] | None:
    """Return `document` with the winner, its equals and the undecided as its only cells, and limits as gates.

    None where there is no winner.
    """
    wanted = {case for answer in result.answers for case in _finalists(answer)}
    chosen = [case for case in cases if case.key in wanted]
    if not chosen:
        return None
    varied = [axis for axis in ("model", *AXES) if len({case.axes[axis] for case in cases}) > 1]
    only = [{axis: escape(spell(case.axes[axis])) for axis in varied} for case in chosen]
    gates = [
        {"metric": limit.metric, "max" if limit.at_most else "min": limit.value}
        for limit in result.settings.limits
    ]
    made = {key: value for key, value in document.items() if key not in ("only", "gates")}
    if any(only):
        made["only"] = only
    return {**made, "gates": gates} if gates else made


def _finalists(answer: Answer) -> list[str]:
    if answer.winner is None:
        return []
    return [each.case for each in (answer.winner, *answer.equal, *answer.undecided[:MOST_UNDECIDED])]
