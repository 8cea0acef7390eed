"""Advise the fastest settings that keep the accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.metrics import METRICS
from harness.core.record import Metric, Record, Status
from harness.core.report import Advice, PassedOver, Row
from harness.core.units import format_percent
from harness.judge.closeness import Limits, closeness, limits
from harness.judge.records import by_model, value_of

AIMS = {row.aim: row for row in METRICS.values() if row.aim}
"""What advice is given for, and the metric of it."""


def advise(rows: Sequence[Row], *, max_loss: float = 0.005) -> tuple[Advice, ...]:
    """Return the best case a model and aim among those that lose at most `max_loss`.

    Nothing for a model of which fewer than two cases were measured: there was
    nothing to choose.
    """
    baselines = [row.record for row in rows if row.baseline]
    usable = [row.record for row in rows if row.record.status is Status.OK]
    advice = [
        _best(model, group, by_model(baselines).get(model, []), aim, max_loss)
        for model, group in by_model(usable).items()
        for aim in AIMS
    ]
    return tuple(found for found in advice if found is not None)


def keeps_accuracy(record: Record, max_loss: float) -> bool:
    """Return whether a case is known to lose no more than `max_loss`; see `loss_of`."""
    return not loss_of(record, max_loss)


def loss_of(record: Record, max_loss: float) -> str:
    """Say what a case loses beyond `max_loss`, or that nobody knows; empty where it keeps its accuracy.

    By the first of these that was measured: top-1 against the reference in
    points, mean absolute error relative to the reference's, every output by
    `harness.judge.closeness`. Where none was, only fp32 is known to lose nothing.
    """
    top1 = value_of(record, "accuracy/top1_delta")
    if top1 is not None:
        return "" if top1 >= -max_loss else f"top-1 {format_percent(top1, signed=True)}"
    mae, grown = value_of(record, "accuracy/mae"), value_of(record, "accuracy/mae_delta")
    if mae is not None and grown is not None:
        return "" if grown <= max_loss * (mae - grown) else f"error +{grown:.3g}"
    seen = [
        (item["close"], f"{item['output']}: {item['reason']}") for item in record.effective.get("drift", ())
    ]
    if not seen:  # stored before outputs were judged one by one
        near = closeness(record.metrics, limits_of(record))
        seen = [(near.close, near.reason)]
    if wrong := [reason for close, reason in seen if close is False]:
        return "; ".join(wrong)
    if any(close for close, _ in seen) or record.axes.get("precision") == "fp32":
        return ""
    return f"its accuracy is not known: {seen[0][1]}"


def limits_of(record: Record) -> Limits:
    """Return the limits that a record's outputs were held by; of older records, those of its precision."""
    if stored := record.effective.get("limits"):
        return Limits(**stored)
    return limits((str(record.artifact.get("precision", record.axes.get("precision", "fp32"))), "fp32"))


def _best(
    model: str, records: Sequence[Record], baseline: Sequence[Record], aim: str, max_loss: float
) -> Advice | None:
    name = AIMS[aim].name
    measured = [(value, record) for record in records if (value := value_of(record, name)) is not None]
    lost = {record.case: loss_of(record, max_loss) for _, record in measured}
    lower = AIMS[aim].better == "lower"
    measured.sort(key=lambda pair: pair[0], reverse=not lower)
    kept = [(value, record) for value, record in measured if not lost[record.case]]
    if len(measured) < 2 or not kept:
        return None
    reference = value_of(baseline[0], name) if baseline else None
    value, best = _steadiest(kept, baseline)
    delta = value_of(best, "accuracy/top1_delta")
    ahead = measured[: next(i for i, (_, record) in enumerate(measured) if record is best)]
    ties = tuple(
        record.case
        for _, record in kept
        if record is not best and _tied(best.metrics[name], record.metrics[name])
    )
    passed = tuple(
        PassedOver(record.case, faster, lost[record.case] or "it is not steady")
        for faster, record in ahead
        if record.case not in ties
    )
    return Advice(
        model=model,
        aim=aim,
        case=best.case,
        metric=name,
        value=value,
        unit=best.metrics[name].unit,
        speedup=(reference / value) ** (1 if lower else -1) if reference and value else None,
        accuracy_delta=delta if delta is not None else value_of(best, "accuracy/mae_delta"),
        ties=ties,
        passed_over=passed,
        steady=is_steady(best),
        baseline_steady=all(map(is_steady, baseline)),
    )


def _steadiest(kept: Sequence[tuple[float, Record]], baseline: Sequence[Record]) -> tuple[float, Record]:
    """Return the first of `kept` (the best first) that is steady, or the first of all.

    The first of all, too, where every steady one is worse than the baseline: that
    one was there before, and noise is no reason to leave it.
    """
    for value, record in kept:
        if is_steady(record):
            return value, record
        if any(record is other for other in baseline):
            break
    return kept[0]


def is_steady(record: Record) -> bool:
    """Return whether no process of a case is known to have been unsteady."""
    return False not in record.effective.get("steady", ())


def _tied(best: Metric, other: Metric) -> bool:
    """Return whether the intervals of two cases overlap; without intervals, they do not."""
    if None in (best.low, best.high, other.low, other.high):
        return best.value == other.value
    assert best.low is not None and best.high is not None  # as has just been seen
    assert other.low is not None and other.high is not None
    return best.low <= other.high and other.low <= best.high
