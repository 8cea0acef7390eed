"""Rank the records of a run, compare them with their baselines, and advise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.core.case import AXES
from harness.core.conditions import matches, spell
from harness.core.metrics import HEADLINE
from harness.core.record import Record, Status
from harness.core.report import GateOutcome, Report, Row
from harness.judge.advice import advise
from harness.judge.records import by_model, value_of
from harness.judge.scaling import scaling


def report(
    title: str,
    records: Sequence[Record],
    *,
    baseline: Mapping[str, Any] | None = None,
    gates: Sequence[GateOutcome] = (),
    max_loss: float = 0.005,
) -> Report:
    """Make what a view shows of `records`, which are in plan order.

    `baseline` (axis -> value or values, as a suite has it) picks the case that
    a model's others are compared with: the first ok one that meets it. Without
    it: the first ok fp32 case, or the first ok case where all are of one
    precision; a lossy precision is no baseline by accident. `max_loss` bounds
    what the advised settings may cost in accuracy.
    """
    rows: list[Row] = []
    for group in by_model(records).values():
        rows += _rows(group, _baseline(group, baseline or {}))
    axes = varying_axes(records)
    return Report(
        title=title,
        records=tuple(records),
        rows=tuple(rows),
        axes=axes,
        scaling=scaling(records, axes),
        gates=tuple(gates),
        advice=advise(rows, max_loss=max_loss),
    )


def narrow(whole: Report, records: Sequence[Record], gates: Sequence[GateOutcome]) -> Report:
    """Keep `records` of a report, each still compared with the baseline of the whole."""
    kept = {record.case for record in records}
    return replace(
        whole,
        records=tuple(records),
        scaling=scaling(records, whole.axes),
        rows=tuple(row for row in whole.rows if row.record.case in kept),
        gates=tuple(gates),
        advice=tuple(advice for advice in whole.advice if advice.case in kept),
    )


def varying_axes(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the axes beside the model that take more than one value, in the order of keys."""
    seen: dict[str, set[str]] = {axis: set() for axis in AXES}
    for record in records:
        for axis, value in record.axes.items():
            if axis != "model":
                seen.setdefault(axis, set()).add(spell(value))
    return tuple(axis for axis, values in seen.items() if len(values) > 1)


def seconds_per_sample(record: Record) -> float | None:
    """Return the p50 of a call over its batch; None unless the case is ok and was timed."""
    p50 = value_of(record, HEADLINE)
    if record.status is not Status.OK or p50 is None:
        return None
    batch = record.axes.get("batch")
    if value_of(record, "throughput/calls_per_s") is not None:
        batch = 1  # it holds no samples
    return p50 / (batch if isinstance(batch, int) else 1)


def _baseline(group: Sequence[Record], wanted: Mapping[str, Any]) -> Record | None:
    usable = [record for record in group if seconds_per_sample(record) is not None]
    if not wanted:
        exact = [record for record in usable if record.axes.get("precision") == "fp32"]
        if len({spell(record.axes.get("precision")) for record in group}) == 1:
            exact = usable  # nobody asked for another
        return next(iter(exact), None)
    condition = {axis: _patterns(value) for axis, value in wanted.items()}
    return next((record for record in usable if matches(record.axes, condition)), None)


def _patterns(value: Any) -> list[str]:
    return [spell(item) for item in (value if isinstance(value, list | tuple) else [value])]


def _rows(group: Sequence[Record], baseline: Record | None) -> list[Row]:
    """Rank one model's records: the measured ones best first, then the others as planned."""
    ranked = [record for record in group if seconds_per_sample(record) is not None]
    ranked.sort(key=lambda record: seconds_per_sample(record) or 0.0)
    rest = [record for record in group if seconds_per_sample(record) is None]
    rows = [_row(record, rank, baseline) for rank, record in enumerate(ranked, start=1)]
    return rows + [_row(record, 0, baseline) for record in rest]


def _row(record: Record, rank: int, baseline: Record | None) -> Row:
    own = seconds_per_sample(record)
    reference = seconds_per_sample(baseline) if baseline is not None else None
    return Row(
        record=record,
        rank=rank,
        baseline=record is baseline,
        speedup=reference / own if reference and own else None,
        deltas=deltas(record, baseline) if baseline is not None and rank else {},
    )


def deltas(record: Record, baseline: Record) -> dict[str, float]:
    """Return value less the baseline's for every metric that both have."""
    found = {}
    for name in record.metrics:
        own, reference = value_of(record, name), value_of(baseline, name)
        if own is not None and reference is not None:
            found[name] = own - reference
    return found
