"""Advise the fastest settings that keep the accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.metrics import METRICS
from harness.core.record import Record, Status
from harness.core.report import Advice, Row
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
    """Tell whether a case is known to lose no more than `max_loss`.

    By the first of these that was measured: top-1 against the FP32 twin in
    points, mean absolute error relative to the twin's, agreement with the
    twin. Where none was, only fp32 is known to lose nothing.
    """
    top1 = value_of(record, "accuracy/top1_delta")
    if top1 is not None:
        return top1 >= -max_loss
    mae, grown = value_of(record, "accuracy/mae"), value_of(record, "accuracy/mae_delta")
    if mae is not None and grown is not None:
        return grown <= max_loss * (mae - grown)
    agreement = value_of(record, "accuracy/agreement")
    if agreement is not None:
        return agreement >= 1 - max_loss
    return record.axes.get("precision") == "fp32"


def _best(
    model: str, records: Sequence[Record], baseline: Sequence[Record], aim: str, max_loss: float
) -> Advice | None:
    name = AIMS[aim].name
    measured = [(value, record) for record in records if (value := value_of(record, name)) is not None]
    kept = [(value, record) for value, record in measured if keeps_accuracy(record, max_loss)]
    if len(measured) < 2 or not kept:
        return None
    pick, sign = (min, 1) if AIMS[aim].better == "lower" else (max, -1)
    value, best = pick(kept, key=lambda pair: pair[0])
    reference = value_of(baseline[0], name) if baseline else None
    delta = value_of(best, "accuracy/top1_delta")
    return Advice(
        model=model,
        aim=aim,
        case=best.case,
        metric=name,
        value=value,
        unit=best.metrics[name].unit,
        speedup=(reference / value) ** sign if reference and value else None,
        accuracy_delta=delta if delta is not None else value_of(best, "accuracy/mae_delta"),
    )
