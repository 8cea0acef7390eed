"""Hold the stored records of two runs against each other.

The process is the unit of replication: a metric that was taken in several
processes is tested between them; one taken once can at most be suspected,
unless the noise between processes is known from elsewhere. An A/B on the
suspects settles what is left open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.compare.processes import REPLICATED, between, by_process
from harness.core.conditions import fits
from harness.core.decision import Change, Decision, MetricComparison, MetricComparisons, Source
from harness.core.record import Record, Status
from harness.core.units import format_percent, format_value
from harness.core.vocabulary import METRICS
from harness.judge.agreement import MIN_SQNR_DB
from harness.judge.answers import correct_bits, paired_error, paired_right
from harness.judge.comparability import blocking_differences
from harness.judge.records import value_of

ALPHA = 0.01
"""False discoveries among the regressions of one comparison, as a share."""

DRIFT = ("accuracy/agreement", "accuracy/sqnr_db", "accuracy/nonfinite")
COMPARED = (*REPLICATED, "model/size", "accuracy/top1", "accuracy/mae", *DRIFT)
"""Metrics that two records are compared by."""

_RANK = {
    Change.REGRESSION: 0,
    Change.INCONCLUSIVE: 1,
    Change.EQUIVALENT: 2,
    Change.IMPROVEMENT: 3,
}


def compare(
    base: Sequence[Record],
    head: Sequence[Record],
    *,
    min_effect: float = 0.01,
    max_loss: float = 0.005,
    alpha: float = ALPHA,
    metrics: Sequence[str] = ("*",),
    noise: Mapping[str, Mapping[str, float]] | None = None,
) -> MetricComparisons:
    """Match records by case and decide every metric that both have; worst first.

    `min_effect` is a ratio less one, `max_loss` a loss of accuracy. `metrics`
    are the names or globs that are asked for. `noise` gives the known SD
    between processes by case and metric, as a ratio: with it a single process
    can be decided too. Timings of records that were measured unlike are
    refused, and the fields that differ are named; accuracy and size are
    compared all the same.
    """
    timed = any(fits(name, metrics) for name in REPLICATED)
    ours, theirs = ({record.case: record for record in side} for side in (base, head))
    found: list[MetricComparison] = []
    refused: dict[str, tuple[str, ...]] = {}
    for case in (case for case in ours if case in theirs):
        pair = ours[case], theirs[case]
        if Status.OK not in (pair[0].status, pair[1].status):
            continue
        if pair[0].status != pair[1].status:
            found.append(_status_change(*pair))
            continue
        unlike = blocking_differences(*pair)
        if unlike and timed:
            refused[case] = unlike
        known = (noise or {}).get(case, {})
        decided = _metrics(*pair, not unlike, min_effect, max_loss, alpha, known)
        found += [item for item in decided if fits(item.metric, metrics)]
    return MetricComparisons(
        comparisons=worst_first(_discoveries(found, alpha)),
        refused=refused,
        only_base=tuple(case for case in ours if case not in theirs),
        only_head=tuple(case for case in theirs if case not in ours),
    )


def worst_first(found: Iterable[MetricComparison]) -> tuple[MetricComparison, ...]:
    """Order comparisons: regressions, what is not decided, the rest; in each the worse ones first."""
    return tuple(sorted(found, key=lambda item: (_RANK[item.decision.verdict], -item.worse)))


def _status_change(base: Record, head: Record) -> MetricComparison:
    """Judge a case that ended well in one run only: losing one to a failure is the worst regression."""
    if base.status is Status.OK:
        lost = head.status is not Status.SKIPPED  # that one the suite itself leaves out
        verdict = Change.REGRESSION if lost else Change.INCONCLUSIVE
        return MetricComparison(
            base.case,
            "status",
            None,
            None,
            Decision(
                verdict=verdict,
                reason=f"ok in base, {head.status} in head: {head.reason}",
                source=Source.EXACT,
            ),
            worse=math.inf,
        )
    reason = f"{base.status} in base, ok in head"
    return MetricComparison(
        base.case,
        "status",
        None,
        None,
        Decision(verdict=Change.IMPROVEMENT, reason=reason, source=Source.EXACT),
    )


def _metrics(
    base: Record,
    head: Record,
    like: bool,
    min_effect: float,
    max_loss: float,
    alpha: float,
    noise: Mapping[str, float],
) -> list[MetricComparison]:
    decisions: dict[str, Decision] = {}
    for name in REPLICATED if like else ():
        values = by_process(base, name), by_process(head, name)
        if values[0] and values[1]:
            decisions[name] = between(*values, name, min_effect, alpha, noise.get(name))
    exact = _size(base, head, min_effect) | _answers(base, head, alpha, max_loss)
    exact |= _drift(base, head, max_loss)
    decisions |= {name: replace(decision, source=Source.EXACT) for name, decision in exact.items()}
    return [_comparison(base, head, name, decision) for name, decision in decisions.items()]


def _size(base: Record, head: Record, min_effect: float) -> dict[str, Decision]:
    """Decide the size of the file: a count, so no test is needed."""
    before, after = value_of(base, "model/size"), value_of(head, "model/size")
    if not before or after is None:
        return {}
    ratio = after / before
    verdict = Change.EQUIVALENT
    if abs(math.log(ratio)) > math.log1p(min_effect):
        verdict = Change.REGRESSION if ratio > 1 else Change.IMPROVEMENT
    reason = format_percent(ratio - 1, signed=True)
    return {"model/size": Decision(verdict=verdict, ratio=ratio, min_effect=min_effect, reason=reason)}


def _answers(base: Record, head: Record, alpha: float, max_loss: float) -> dict[str, Decision]:
    """Decide accuracy from the stored answers to each labelled sample."""
    ours, theirs = correct_bits(base.samples), correct_bits(head.samples)
    if ours is not None and theirs is not None:
        return {"accuracy/top1": paired_right(ours, theirs, alpha=alpha, max_loss=max_loss)}
    before, after = base.samples.get("abs_error"), head.samples.get("abs_error")
    if before and after:
        errors = np.asarray(before, np.float64), np.asarray(after, np.float64)
        return {"accuracy/mae": paired_error(*errors, alpha=alpha, max_loss=max_loss)}
    return {}


def _drift(base: Record, head: Record, max_loss: float) -> dict[str, Decision]:
    """Decide how far the outputs are from the FP32 twin's: the inputs are the same, so no test is needed."""
    decisions = {}
    for name in DRIFT:
        before, after = value_of(base, name), value_of(head, name)
        if before is None or after is None:
            continue
        verdict = Change.REGRESSION if _lost(name, before, after, max_loss) else Change.EQUIVALENT
        verdict = Change.IMPROVEMENT if _lost(name, after, before, max_loss) else verdict
        texts = [format_value(value, METRICS[name][0]) for value in (before, after)]
        decisions[name] = Decision(verdict=verdict, reason=f"{texts[0]} in base, {texts[1]} in head")
    return decisions


def _lost(name: str, before: float, after: float, max_loss: float) -> bool:
    if name == "accuracy/agreement":
        return before - after > max_loss
    return before >= MIN_SQNR_DB > after if name == "accuracy/sqnr_db" else after > before


def _comparison(base: Record, head: Record, name: str, decision: Decision) -> MetricComparison:
    worse = math.log(decision.ratio) if decision.ratio else 0.0
    if METRICS[name][1] == "higher":
        worse = -worse
    if decision.ratio is None and decision.verdict is Change.REGRESSION:
        worse = math.inf  # wrong, by no number that could be smaller than another
    return MetricComparison(base.case, name, value_of(base, name), value_of(head, name), decision, worse)


def _discoveries(found: list[MetricComparison], alpha: float) -> list[MetricComparison]:
    """Take back the verdicts that Benjamini and Hochberg's rule does not grant among all tests made."""
    from scipy.stats import false_discovery_control

    tested = [item for item in found if item.decision.p is not None]
    if not tested:
        return found
    adjusted = false_discovery_control([_alarm_p(item.decision) for item in tested])
    granted = {(item.case, item.metric) for item, p in zip(tested, adjusted, strict=True) if p <= alpha}
    return [
        item
        if item.decision.p is None
        or item.decision.verdict not in (Change.REGRESSION, Change.IMPROVEMENT)
        or (item.case, item.metric) in granted
        else replace(item, decision=_taken_back(item.decision, len(tested)))
        for item in found
    ]


def _alarm_p(decision: Decision) -> float:
    """Return the p of the alarm; a test that ended in equivalence raised none."""
    return 1.0 if decision.verdict is Change.EQUIVALENT else decision.p or 0.0


def _taken_back(decision: Decision, tests: int) -> Decision:
    reason = f"{decision.reason}; not shown among {tests} tests at once"
    return replace(decision, verdict=Change.INCONCLUSIVE, reason=reason)
