"""Let an A/B decide what two stored runs left open, or alarmed about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.core.decision import Change, Decision, DecisionSource, MetricComparison, Unconfirmed
from harness.core.metrics import METRICS, spec_of

CALLS = tuple(name for name, row in METRICS.items() if row.alpha_share and row.follows_calls)
"""What an A/B measures of the calls: what follows them is no alarm where that refutes it."""

Decisions = Mapping[tuple[str, str], Decision]
"""What an A/B showed, by case and metric."""


@dataclass(frozen=True, slots=True)
class Untried:
    """Why no A/B decided a case."""

    why: Unconfirmed
    text: str  # for people


def is_open(item: MetricComparison) -> bool:
    """Return whether an A/B should look again: a suspect that may be noise."""
    return item.suspect and spec_of(item.metric).replicated


def carried(items: Iterable[MetricComparison]) -> dict[str, float]:
    """Give for each case how much worse its p50 or p95 looked in the stored runs, as a logarithm."""
    found: dict[str, float] = {}
    for item in items:
        if item.metric in CALLS:
            found[item.case] = max(item.worse, found.get(item.case, 0.0))
    return found


def with_confirmation(
    item: MetricComparison, decisions: Decisions, left: Mapping[str, Untried], moved: Mapping[str, float]
) -> MetricComparison:
    """Give `item` the decision of an A/B where there is one; `left` names the cases that have none, and why.

    An A/B without a verdict leaves the verdict of the stored
    runs. A metric of the calls that the A/B does not measure is no regression
    any more where p50 or p95 had `moved` by half as much (see `carried`), and
    both were shown to be no slower. A tail beyond p95 that grew alone stays one.
    """
    decision = decisions.get((item.case, item.metric))
    if item.case in left:
        return _noted(item, f"no A/B: {left[item.case].text}", left[item.case].why)
    if decision is None:
        return _follow(item, decisions, moved.get(item.case, 0.0))
    if decision.verdict is Change.INCONCLUSIVE:
        noted = _noted(item, f"an A/B has no verdict: {decision.reason}", Unconfirmed.UNDECIDED)
        return replace(noted, decision=with_need_of(noted.decision, decision))
    return replace(item, decision=replace(decision, source=DecisionSource.AB), unconfirmed=None)


def with_need_of(stored: Decision, by_ab: Decision) -> Decision:
    """Give the decision of stored runs the budget that an A/B without a verdict would need for one."""
    if by_ab.asked is None or (by_ab.mde is not None and by_ab.mde <= by_ab.asked):
        return stored  # it had all it needs
    return replace(stored, asked=by_ab.asked, needed_s=by_ab.needed_s)


def _follow(item: MetricComparison, decisions: Decisions, moved: float) -> MetricComparison:
    calls = {
        metric: decision.verdict
        for (case, metric), decision in decisions.items()
        if case == item.case and spec_of(metric).follows_calls
    }
    refuted = bool(calls) and set(calls.values()) <= {Change.EQUIVALENT, Change.IMPROVEMENT}
    if not (refuted and spec_of(item.metric).follows_calls and moved >= item.worse / 2):
        return _noted(item, "an A/B does not measure it", Unconfirmed.NOT_MEASURED)
    verdicts = " and ".join(f"{metric} {verdict}" for metric, verdict in calls.items())
    note = f"an A/B does not measure it, and shows {verdicts}"
    return _noted(item, note, Unconfirmed.NOT_MEASURED, Change.INCONCLUSIVE)


def _noted(
    item: MetricComparison, note: str, why: Unconfirmed, verdict: Change | None = None
) -> MetricComparison:
    worded = item.decision.reworded(lambda reason: f"{reason}; {note}" if reason else note)
    return replace(item, decision=replace(worded, verdict=verdict or worded.verdict), unconfirmed=why)
