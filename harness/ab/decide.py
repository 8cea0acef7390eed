"""Put together what an A/B job found: decisions on the blocks, then the facts that need no blocks."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.ab import looks, screening, verdict
from harness.ab.blocks import P95_CALLS, P95_ROUND_CALLS
from harness.ab.looks import Blocks
from harness.ab.model import ARMS, ABSettings, BlockReading, CaseBlocks, Control, Disagreement, Lost
from harness.ab.schedule import IN_HAND, OnlyCase, Schedule, SeveralCases, count_tests
from harness.core.decision import Change, Decision, DecisionSource, Levels, MetricComparison, worst_first
from harness.core.metrics import COUNTED, METRICS, Evidence, spec_of
from harness.core.metrics import HEADLINE as P50
from harness.core.record import BAD, Record, Status
from harness.core.units import count
from harness.judge.agreement import only_nonfinite, outputs_change
from harness.judge.exact import MAX_LOSS, comparison, exact, status_change
from harness.judge.outputs import Outputs
from harness.stats.levels import find_levels, fisher
from harness.stats.sequential import FirstLook

CONTROLLED = (P50, "latency/p95")
"""Metrics that the control is judged by."""

INSTRUCTIONS = "instructions/call"


def decide_blocks(seen: Sequence[CaseBlocks], settings: ABSettings) -> list[MetricComparison]:
    """Decide every metric of every case on its blocks, with Holm's correction over all candidates."""
    deciding = {
        (item.case, metric): item for item in seen for metric in item.candidates if not item.unconfirmed
    }
    confirmed = verdict.decide_all(
        {(case, metric): looks.column(item.fresh, metric) for (case, metric), item in deciding.items()},
        min_effect=settings.min_effect,
        alpha=settings.alpha,
        firsts={key: item.first for key, item in deciding.items()},
        weights={
            (case, metric): looks.weights(item.fresh, metric) for (case, metric), item in deciding.items()
        },
        shares={(case, metric): looks.share_of(metric) for case, metric in deciding},
    )
    rows = []
    for item in seen:
        for metric in settings.metrics:
            decision = _decision(item, metric, confirmed.get((item.case, metric)), settings)
            if decision is not None:
                worded = _append(decision, item.late)
                needing = _name_need(worded, item, metric, settings, deciding)
                rows.append(_row(item, metric, replace(needing, source=DecisionSource.AB)))
    return rows


def _name_need(
    decision: Decision,
    seen: CaseBlocks,
    metric: str,
    settings: ABSettings,
    deciding: Collection[tuple[str, str]],
) -> Decision:
    """Name the budget that would show the effect that was asked for, where nothing was shown."""
    if decision.verdict is not Change.INCONCLUSIVE or decision.needed_calls:
        return decision
    blocks = _decisive(seen)
    schedule: Schedule
    if seen.screening:
        asked = {(seen.case, metric), *deciding}
        schedule = SeveralCases.of(settings, count_tests(name for _, name in asked))
    else:
        schedule = OnlyCase.of(settings, [name for name in settings.metrics if looks.column(blocks, name)])
    needed_s = looks.budget_needed(seen, blocks, metric, schedule)
    return replace(decision, asked=settings.effect, needed_s=needed_s)


def _decision(
    seen: CaseBlocks, metric: str, confirmed: Decision | None, settings: ABSettings
) -> Decision | None:
    """Return the decision on one metric; None where it was not asked for."""
    if confirmed is not None and confirmed.blocks:
        left = seen.planned - len(seen.fresh)
        early = f"{left} of {seen.planned} blocks spared: they could not change it" if left > 0 else ""
        return _append(confirmed, early)
    blocks = _decisive(seen)
    ratios = looks.column(blocks, metric)
    if not ratios:
        reason = seen.missing.get(metric) or seen.unconfirmed or "no blocks were run"
        decision = Decision(verdict=Change.INCONCLUSIVE, min_effect=settings.min_effect, reason=reason)
        if metric in seen.missing and METRICS[metric].quantile and seen.tail_s:
            decision = _name_calls(decision, seen, metric, settings)
        return None if METRICS[metric].asked_by and metric not in seen.missing else decision
    # the others take no share of alpha
    had = [name for name in settings.metrics if looks.column(blocks, name)]
    decision = screening.screened(
        ratios,
        planned=seen.planned,
        min_effect=settings.min_effect,
        alpha=settings.alpha * (1 if seen.screening else looks.share_of(metric) / count_tests(had)),
        first=FirstLook(seen.planned) if seen.screening else seen.first,
        weights=looks.weights(blocks, metric),
    )
    screened_out = metric not in seen.candidates and (seen.candidates or not seen.unconfirmed)
    if screened_out:
        return decision
    kind, short_of = ("screening block", "confirmed") if seen.screening else ("block", "decided")
    unsure = replace(decision, verdict=Change.INCONCLUSIVE)
    return unsure.explain(f"on {count(len(ratios), kind)}, not {short_of}: {seen.unconfirmed}", " ")


def _name_calls(decision: Decision, seen: CaseBlocks, metric: str, settings: ABSettings) -> Decision:
    """Name the calls, and the budget, with which a quantile that no block has could be tested alone.

    That of as many calls in a block as make it steady: of fewer, chance decides where it lies.
    """
    blocks = 1 + OnlyCase.of(settings, [metric]).fair  # of the first it is learned how long they must be
    steady_s = seen.tail_s * P95_ROUND_CALLS / P95_CALLS
    needed_s = math.ceil(blocks * (seen.rest_s + steady_s) / (1 - IN_HAND))
    return replace(decision, needed_s=needed_s, needed_calls=P95_ROUND_CALLS * (blocks - 1))


def _append(decision: Decision, more: str) -> Decision:
    return decision.reworded(lambda reason: "; ".join(filter(None, (reason, more))))


def _decisive(seen: CaseBlocks) -> Blocks:
    """Return the blocks that a metric which is no candidate is decided on."""
    return seen.screening if seen.unconfirmed and seen.screening else seen.fresh or seen.screening


def _row(seen: CaseBlocks, metric: str, decision: Decision) -> MetricComparison:
    readings = [block[metric] for block in _decisive(seen) if metric in block]
    base = float(np.median([reading.base for reading in readings])) if readings else None
    head = float(np.median([reading.head for reading in readings])) if readings else None
    worse = math.log(decision.ratio) if decision.ratio else 0.0
    levels = _levels(readings, decision.min_effect or 0.0) if spec_of(metric).unit == "B" else None
    if levels is not None:
        decision = replace(decision, asked=None, needed_s=None)  # more blocks do not make one level of two
    return MetricComparison(seen.case, metric, base, head, decision, worse, levels=levels)


def _levels(readings: Sequence[BlockReading], least: float) -> Levels | None:
    """Return the two levels that the processes of the blocks are at, where there are two."""
    base, head = [reading.base for reading in readings], [reading.head for reading in readings]
    high = find_levels(base, head, least)
    if high is None:
        return None

    def at(values: Sequence[float], flags: Sequence[bool], wanted: bool) -> float | None:
        chosen = [value for value, flag in zip(values, flags, strict=True) if flag is wanted]
        return float(np.median(chosen)) if chosen else None

    counts = sum(high[0]), sum(high[1])
    return Levels(
        base_low=at(base, high[0], False),
        base_high=at(base, high[0], True),
        head_low=at(head, high[1], False),
        head_high=at(head, high[1], True),
        base_at_high=counts[0],
        head_at_high=counts[1],
        base_processes=len(base),
        head_processes=len(head),
        p=fisher(counts[0], len(base), counts[1], len(head)),
    )


def find_disagreements(rows: Iterable[MetricComparison]) -> tuple[Disagreement, ...]:
    """Return the cases whose instructions and times were shown to change unlike each other."""
    found = {(row.case, row.metric): row.decision for row in rows}
    unlike = []
    for (case, metric), counted in found.items():
        timed = found.get((case, P50))
        if metric != INSTRUCTIONS or timed is None:
            continue
        known = Change.INCONCLUSIVE not in (counted.verdict, timed.verdict)
        if known and counted.verdict is not timed.verdict:
            unlike.append(Disagreement(case, counted.verdict, counted.ratio, timed.verdict, timed.ratio))
    return tuple(unlike)


def judge_control(case: str, blocks: Blocks, schedule: Schedule, cut_short: str = "") -> Control:
    """Judge an A/A, the base arm against itself, by the rule of the job; the metrics share alpha.

    `cut_short` says why there are fewer blocks than planned.
    """
    settings = schedule.settings
    decisions = {
        metric: verdict.decide(
            ratios,
            min_effect=settings.min_effect,
            alpha=settings.alpha / len(CONTROLLED),
            weights=looks.weights(blocks, metric),
        )
        for metric in CONTROLLED
        if (ratios := looks.column(blocks, metric))
    }
    fired = [metric for metric, decision in decisions.items() if decision.verdict in looks.CHANGED]
    reason = "; ".join(f"{metric}: {decisions[metric].reason}" for metric in fired or decisions)
    if not fired and len(blocks) < schedule.control:
        few = f"too few blocks to show anything ({len(blocks)} of {schedule.control})"
        reason = "; ".join(filter(None, (cut_short, few)))
    return Control(case=case, fired=bool(fired), decisions=decisions, reason=reason)


def compare_records(
    case: str, base: Record, head: Record, settings: ABSettings, labelled: int = 1
) -> list[MetricComparison]:
    """Compare both arms' records beside speed: status, size, labelled accuracy.

    The tests of `labelled` cases share alpha equally (Bonferroni). Drift is left
    out: the outputs of both arms are compared with each other.
    """
    if Status.OK not in (base.status, head.status):
        reason = f"{base.status} in base: {base.reason}; {head.status} in head: {head.reason}"
        return [
            MetricComparison(
                case,
                "status",
                None,
                None,
                Decision(verdict=Change.INCONCLUSIVE, reason=reason, source=DecisionSource.EXACT),
            )
        ]
    pair = replace(base, case=case), replace(head, case=case)
    alpha = settings.alpha / max(1, labelled)
    if base.status is not head.status:
        return [status_change(*pair)]
    found = exact(*pair, min_effect=settings.min_effect, max_loss=MAX_LOSS, alpha=alpha)
    if settings.counted:  # the pass counts more than was asked for
        found = [item for item in found if item.metric in settings.counted or item.metric not in COUNTED]
    told = {item.metric for item in found}
    found += [_not_counted(*pair, name) for name in settings.counted if name not in told]
    return [item for item in found if spec_of(item.metric).evidence is not Evidence.OUTPUTS]


def _not_counted(base: Record, head: Record, name: str) -> MetricComparison:
    """Say of a count that was asked for why an arm does not have it."""
    arms = [(arm, record.metrics.get(name)) for arm, record in zip(ARMS, (base, head), strict=True)]
    why = [f"{arm}: {'not measured' if item is None else item.reason}"
           for arm, item in arms if item is None or item.value is None]  # fmt: skip
    decision = Decision(verdict=Change.INCONCLUSIVE, reason="; ".join(why), source=DecisionSource.EXACT)
    return comparison(base, head, spec_of(name), decision)


def compare_answers(
    case: str,
    base: Outputs,
    head: Outputs,
    wanted: str | None = None,
    *,
    tolerance: Mapping[str, float] | None = None,
    same_load: bool = True,
    unlike: str = "",
) -> list[MetricComparison]:
    """Compare the outputs of both arms on the same inputs: one decision, in every metric there is.

    As `harness.judge.agreement.outputs_change` does; where the inputs are
    `unlike`, which says why, only NaN and Inf where BASE has none count.
    """
    if unlike:
        decision = replace(only_nonfinite(base, head, wanted, unlike), source=DecisionSource.EXACT)
        return [MetricComparison(case, "accuracy/agreement", None, None, decision)]
    decision, metrics = outputs_change(base, head, wanted, tolerance=tolerance, same_load=same_load)
    decision = replace(decision, source=DecisionSource.EXACT)
    wanted_metrics = ("accuracy/agreement", "accuracy/sqnr_db", "accuracy/max_abs_error")
    values = {name: metrics[name].value for name in wanted_metrics if name in metrics}
    rows = [
        MetricComparison(case, name, None, value, decision)
        for name, value in values.items()
        if value is not None
    ]
    return rows or [MetricComparison(case, "accuracy/agreement", None, None, decision)]


def judge_lost(case: str, lost: Lost) -> MetricComparison:
    """Judge an arm that was lost among the blocks: losing HEAD is a regression."""
    worse = lost.arm == "head" and lost.status in BAD
    found = Change.REGRESSION if worse else Change.INCONCLUSIVE
    reason = f"{lost.arm} {lost.status}: {lost.reason}"
    decision = Decision(verdict=found, reason=reason, source=DecisionSource.EXACT)
    return MetricComparison(case, "status", None, None, decision, math.inf if worse else 0.0)


def conclude(rows: Iterable[MetricComparison], control: Control | None) -> tuple[MetricComparison, ...]:
    """Order the rows, worst first, and mark them where the control fired."""
    ordered = worst_first(rows)
    if control is None or not control.fired:
        return ordered
    return tuple(
        replace(row, decision=row.decision.reworded(lambda reason: f"untrusted: {reason}")) for row in ordered
    )
