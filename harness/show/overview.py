"""A run as a document: the rows of each model, best first, and what is known below them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.core.case import AXES
from harness.core.metrics import METRICS
from harness.core.record import Record
from harness.core.report import Report, Row
from harness.show.fields import columns_of, lines_of
from harness.show.grid import fields, groups, without_values
from harness.show.page import Page
from harness.show.scaling import scaling_sections
from harness.show.sections import sections, summary


@dataclass(frozen=True, slots=True)
class RunDocument:
    """A run, for every view."""

    report: Report

    @property
    def kind(self) -> str:
        """What it is."""
        return "run"

    def page(self) -> Page:
        """Lay it out; models that have no measured row are in the sections only."""
        report = self.report
        shown = fields(report)
        return Page(
            title=report.title,
            head=tuple(filter(None, (" ".join(report.description.split()), summary(report)))),
            columns=columns_of(shown),
            lines=lines_of(shown, [row for rows in groups(report).values() for row in rows], _mood),
            sections=(*sections(report), *scaling_sections(report.scaling)),
            absent=tuple(without_values(report)),
            grouped=True,
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a record: where it belongs, every axis, how it ended, every metric in SI units.

        The keys are the same for every run, but for axes and metrics of other
        packages, which follow in alphabetical order.
        """
        records = self.report.records
        axes = _names(("model", *AXES), (name for record in records for name in record.axes))
        metrics = _names(METRICS, (name for record in records for name in record.metrics))
        return [_row(record, axes, metrics) for record in records]

    def data(self) -> list[dict[str, Any]]:
        """Return the records as they are stored; one that is a point of a curve has it as ``scaling``."""
        return [
            {
                **record.to_json(),
                **({"scaling": found} if (found := self.report.scaling.of(record.case)) else {}),
            }
            for record in self.report.records
        ]


def _mood(row: Row) -> str:
    return "good" if row.rank == 1 else "dim" if row.baseline else ""


def _names(known: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    first = tuple(known)
    return (*first, *sorted(set(found).difference(first)))


def _row(record: Record, axes: Iterable[str], metrics: Iterable[str]) -> dict[str, Any]:
    values = {name: metric.value for name, metric in record.metrics.items()}
    return {
        "run": record.run,
        "suite": record.suite,
        "case": record.case,
        **{axis: record.axes.get(axis) for axis in axes},
        "status": str(record.status),
        "reason": record.reason,
        "notes": "; ".join(map(str, record.notes)),
        "machine": record.machine,
        "started_at": record.started_at,
        "duration_s": record.duration_s,
        **{name: values.get(name) for name in metrics},
    }
