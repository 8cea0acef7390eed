"""Compare what two records say without any test of speed: status, sizes, labelled answers, drift."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from harness.core.decision import Change, Decision, DecisionSource, MetricComparison
from harness.core.metrics import Evidence, MetricSpec, specs_for
from harness.core.record import Absence, Record, Status
from harness.core.units import format_value
from harness.judge.advice import limits_of
from harness.judge.answers import correct_bits, paired_error, paired_right
from harness.judge.comparability import unlike_counts, unlike_data
from harness.judge.metrics.drift import IDENTICAL
from harness.judge.records import value_of

EXACT = frozenset({Evidence.COUNT, Evidence.ANSWERS, Evidence.OUTPUTS})
"""What takes no test of speed."""

EVALUATED = frozenset({Evidence.ANSWERS, Evidence.OUTPUTS})
"""What depends on the inputs that were evaluated."""

MAX_LOSS = 0.005
"""The least loss of accuracy of interest, where nobody says: half a point."""


MIN_DROP_DB = 3.0
"""A fall of an SQNR that counts below the limit too: twice the noise."""


def status_change(base: Record, head: Record) -> MetricComparison:
    """Judge a case that ended well in one record only: losing one to a failure is the worst regression."""
    if base.status is Status.OK:
        lost = head.status is not Status.SKIPPED  # that one the suite itself leaves out
        verdict = Change.REGRESSION if lost else Change.INCONCLUSIVE
        reason = f"ok in base, {head.status} in head: {head.reason}"
        decision = Decision(verdict=verdict, reason=reason, source=DecisionSource.EXACT)
        return MetricComparison(base.case, "status", None, None, decision, worse=math.inf)
    reason = f"{base.status} in base, ok in head"
    decision = Decision(verdict=Change.IMPROVEMENT, reason=reason, source=DecisionSource.EXACT)
    return MetricComparison(base.case, "status", None, None, decision)


def exact(
    base: Record, head: Record, *, min_effect: float, max_loss: float, alpha: float
) -> list[MetricComparison]:
    """Decide every metric that both records have and that is the same on every machine.

    `min_effect` is a ratio less one, `max_loss` a loss of accuracy; `alpha`
    belongs to the tests of labelled answers.
    """
    decide: dict[Evidence, Callable[[MetricSpec], Decision | None]] = {
        Evidence.COUNT: lambda row: _count(base, head, row, min_effect),
        Evidence.ANSWERS: lambda row: _answers(base, head, row, alpha, max_loss),
        Evidence.OUTPUTS: lambda row: _outputs(base, head, row, max_loss),
    }
    if unlike := unlike_data(base, head):
        decide |= dict.fromkeys(EVALUATED, lambda row: _incomparable(base, head, row, unlike))
    rows = [row for row in specs_for((base, head)).values() if row.evidence in EXACT]
    decisions = [(row, decide[row.evidence](row)) for row in rows]
    return [
        comparison(base, head, row, replace(decision, source=DecisionSource.EXACT))
        for row, decision in decisions
        if decision is not None
    ]


def comparison(base: Record, head: Record, row: MetricSpec, decision: Decision) -> MetricComparison:
    """Put a decision beside the values of both records."""
    worse = math.log(decision.ratio) if decision.ratio else 0.0
    if row.better == "higher":
        worse = -worse
    if decision.ratio is None and decision.verdict is Change.REGRESSION:
        worse = math.inf  # wrong, by no number that could be smaller than another
    values = value_of(base, row.name), value_of(head, row.name)
    return MetricComparison(base.case, row.name, *values, decision, worse, row.unit)


def _count(base: Record, head: Record, row: MetricSpec, min_effect: float) -> Decision | None:
    """Decide a count, such as the size of a file: no test is needed."""
    before, after = value_of(base, row.name), value_of(head, row.name)
    if before is None or after is None or row.better == "none":
        return None
    if row.taken_in and (unlike := unlike_counts(base, head, row.taken_in)):
        return _not_comparable(unlike)
    worse = Change.REGRESSION if (after > before) == (row.better == "lower") else Change.IMPROVEMENT
    if before <= 0 or after <= 0:
        reason = f"{format_value(before, row.unit)} in base, {format_value(after, row.unit)} in head"
        return Decision(verdict=Change.EQUIVALENT if after == before else worse, reason=reason)
    ratio, min_effect = after / before, max(min_effect, row.repeats_within)
    verdict = worse if abs(math.log(ratio)) > math.log1p(min_effect) else Change.EQUIVALENT
    return Decision(verdict=verdict, ratio=ratio, min_effect=min_effect).explain("")


def _answers(base: Record, head: Record, row: MetricSpec, alpha: float, max_loss: float) -> Decision | None:
    """Decide accuracy from the stored answers to each labelled sample."""
    if row.unit == "ratio":
        ours, theirs = correct_bits(base.samples), correct_bits(head.samples)
        if ours is None or theirs is None:
            return None
        return paired_right(ours, theirs, alpha=alpha, max_loss=max_loss)
    errors = base.samples.get("abs_error"), head.samples.get("abs_error")
    if not all(errors):
        return None
    before, after = (np.asarray(values, np.float64) for values in errors)
    return paired_error(before, after, alpha=alpha, max_loss=max_loss)


def _incomparable(base: Record, head: Record, row: MetricSpec, unlike: str) -> Decision | None:
    """Claim nothing of values that were computed on unlike inputs."""
    if value_of(base, row.name) is None or value_of(head, row.name) is None:
        return None
    return _not_comparable(f"evaluated on {unlike}")


def _not_comparable(why: str) -> Decision:
    return Decision(verdict=Change.INCONCLUSIVE, reason=f"not comparable: {why}", comparable=False)


def _outputs(base: Record, head: Record, row: MetricSpec, max_loss: float) -> Decision | None:
    """Decide how far the outputs are from the FP32 reference's: same inputs, so no test is needed."""
    before, after = _drift_of(base, row.name), _drift_of(head, row.name)
    if before is None or after is None:
        return _lost_value(head, row, before)
    if before == after == math.inf:
        return None  # there is no number to show
    floor = limits_of(head).sqnr_db if row.floor is not None else None
    verdict = Change.REGRESSION if _lost(row, before, after, max_loss, floor) else Change.EQUIVALENT
    verdict = Change.IMPROVEMENT if _lost(row, after, before, max_loss, floor) else verdict
    texts = [IDENTICAL if math.isinf(value) else format_value(value, row.unit) for value in (before, after)]
    return Decision(verdict=verdict, reason=f"{texts[0]} in base, {texts[1]} in head")


def _drift_of(record: Record, name: str) -> float | None:
    """Return a value; infinity for an SQNR of identical outputs, which no number is better than."""
    found = record.metrics.get(name)
    return math.inf if found is not None and found.absence is Absence.IDENTICAL else value_of(record, name)


def _lost_value(head: Record, row: MetricSpec, before: float | None) -> Decision | None:
    """Say that HEAD has no value where BASE has one; None where there is nothing to say."""
    found = head.metrics.get(row.name)
    if before is None or found is None:
        return None
    return Decision(verdict=Change.INCONCLUSIVE, reason=f"no value in head: {found.reason}")


def _lost(row: MetricSpec, before: float, after: float, max_loss: float, floor: float | None) -> bool:
    """Return whether a value is worse: of shares by `max_loss`; where there is a `floor`, if it is below.

    What was below it already is worse where it falls by MIN_DROP_DB more.
    """
    if floor is not None:
        return after < floor and (before >= floor or before - after > MIN_DROP_DB)
    worse = before - after if row.better == "higher" else after - before
    return worse > (max_loss if row.unit == "ratio" else 0.0)
