"""Compare the stored records of two runs with each other.

The process is the unit of replication: a metric that was taken in several
processes is tested between them; one taken once can at most be suspected,
unless the noise between processes is known from elsewhere. An A/B on the
suspects decides what is left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.compare.processes import between, by_process, replicated
from harness.core.conditions import fits
from harness.core.decision import Change, Decision, MetricComparison, MetricComparisons, worst_first
from harness.core.record import Record, Status
from harness.judge.comparability import blocking_differences
from harness.judge.exact import comparison, exact, status_change
from harness.stats.discovery import adjusted

ALPHA = 0.01
"""False discoveries among the regressions of one comparison, as a share."""


def compare_records(
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
    ours, theirs = ({record.case: record for record in side} for side in (base, head))
    found: list[MetricComparison] = []
    refused: dict[str, tuple[str, ...]] = {}
    for case in (case for case in ours if case in theirs):
        pair = ours[case], theirs[case]
        if Status.OK not in (pair[0].status, pair[1].status):
            continue
        if pair[0].status != pair[1].status:
            found.append(status_change(*pair))
            continue
        unlike = blocking_differences(*pair)
        if unlike and any(fits(name, metrics) for name in replicated(pair)):
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


def _metrics(
    base: Record,
    head: Record,
    like: bool,
    min_effect: float,
    max_loss: float,
    alpha: float,
    noise: Mapping[str, float],
) -> list[MetricComparison]:
    found = []
    for name, row in replicated((base, head)).items() if like else ():
        values = by_process(base, row), by_process(head, row)
        if values[0] and values[1]:
            decision = between(*values, row, min_effect, alpha, noise.get(name))
            found.append(comparison(base, head, row, decision))
    return found + exact(base, head, min_effect=min_effect, max_loss=max_loss, alpha=alpha)


def _discoveries(found: list[MetricComparison], alpha: float) -> list[MetricComparison]:
    """Take back the verdicts that Benjamini and Hochberg's rule does not grant among all tests made."""
    tested = [item for item in found if item.decision.p is not None]
    if not tested:
        return found
    chances = adjusted([_alarm_p(item.decision) for item in tested])
    granted = {(item.case, item.metric) for item, p in zip(tested, chances, strict=True) if p <= alpha}
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
    worded = decision.reworded(lambda reason: f"{reason}; not shown among {tests} tests at once")
    return replace(worded, verdict=Change.INCONCLUSIVE)
