"""Records as comma-separated values (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
import io

from harness.core.case import AXES
from harness.core.metrics import METRICS
from harness.core.record import Record
from harness.core.report import Report
from harness.show.escape import formula


def render(report: Report) -> str:
    """Write a line a record: where it belongs, every axis, how it ended, every metric in SI units.

    The columns are the same for every report, but for metrics and axes of
    other packages, which follow in alphabetical order. No text is run as a
    formula, and none has control characters or line breaks in it.
    """
    axes = ("model", *AXES, *_more({name for record in report.records for name in record.axes}, AXES))
    known = {name for record in report.records for name in record.metrics}
    metrics = (*METRICS, *_more(known, METRICS))
    text = io.StringIO()
    writer = csv.writer(text)
    head = ["run", "suite", "case", *axes, "status", "reason", "notes", "machine", "started_at", "duration_s"]
    writer.writerow([formula(name) for name in (*head, *metrics)])
    for record in report.records:
        writer.writerow([*_head(record, axes), *(_value(record, name) for name in metrics)])
    return text.getvalue().removesuffix("\r\n")


def _head(record: Record, axes: tuple[str, ...]) -> list[str]:
    return [
        *map(formula, (record.run, record.suite, record.case)),
        *(_axis(record.axes.get(axis)) for axis in axes),
        *map(formula, (record.status, record.reason, "; ".join(record.notes))),
        *map(formula, (record.machine, record.started_at)),
        repr(record.duration_s),
    ]


def _axis(value: str | int | None) -> str:
    return "" if value is None else formula(value) if isinstance(value, str) else str(value)


def _value(record: Record, name: str) -> str:
    metric = record.metrics.get(name)
    return "" if metric is None or metric.value is None else repr(metric.value)


def _more(found: set[str], known: object) -> list[str]:
    return sorted(found.difference({"model"}, known))  # type: ignore[arg-type]
