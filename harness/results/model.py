"""Results: the records of stored runs, for Python and notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.case import AXES
from harness.core.conditions import matches, spell
from harness.core.errors import InputError, NotFoundError
from harness.core.record import Record
from harness.core.registry import closest
from harness.core.report import GateOutcome, Report
from harness.core.units import count
from harness.results import frame
from harness.show.html import draw_html
from harness.show.overview import RunDocument

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Value = str | int | None
"""One value of an axis; None: nothing was asked for."""


@dataclass(frozen=True, slots=True)
class Results:
    """The records of one or several stored runs, oldest run first.

    `left` counts the cases that were not measured because the run was interrupted.
    """

    reports: tuple[Report, ...]  # one a run
    runs: tuple[str, ...]  # their identifiers
    folder: str  # absolute path of the results folder
    left: int = 0

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, each run's in the order in which they were measured."""
        return tuple(record for report in self.reports for record in report.records)

    @property
    def gates(self) -> tuple[GateOutcome, ...]:
        """How the gates of the suite ended, case by case."""
        return tuple(gate for report in self.reports for gate in report.gates)

    def __len__(self) -> int:
        return sum(len(report.records) for report in self.reports)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def where(self, **axes: Value | Sequence[Value]) -> Results:
        """Keep the records whose axes have these values; texts may be globs; ``status`` is an axis too.

        Speedups keep the baseline of the whole run. Raises InputError for an
        unknown axis or where no record is left.
        """
        from harness.judge.rows import narrow

        known = ("status", "model", *AXES, *frame.axes_of(self.records))
        for axis in axes:
            if axis not in known:
                raise NotFoundError(f"where: unknown axis {axis!r}: {closest(axis, known)}")
        when = {axis: _patterns(value) for axis, value in axes.items()}
        kept = [
            [item for item in report.records if matches({**item.axes, "status": item.status}, when)]
            for report in self.reports
        ]
        if not any(kept):
            asked = " ".join(f"{axis}={','.join(patterns)}" for axis, patterns in when.items())
            raise NotFoundError(f"where: no record has {asked}")
        parts = [
            (narrow(report, records, [gate for gate in report.gates if gate.case in _cases(records)]), run)
            for report, records, run in zip(self.reports, kept, self.runs, strict=True)
            if records
        ]
        reports, runs = zip(*parts, strict=True)
        return Results(reports, runs, self.folder, self.left)

    def frame(self, *, long: bool = False) -> pd.DataFrame:
        """Give a row a record: run, suite, case, a column an axis, status, reason, then the metrics.

        Axes of whole numbers are ``Int64``, others ``string``; <NA> where nothing was asked
        for. ``runtime`` is the axis as asked for, ``ran_by`` what ran. Metrics are
        floats in SI units (``frame.attrs["units"]``): seconds, bytes, ratios; NaN where there
        is none. ``latency/p50.low`` and ``.high`` are the 95% interval.

        `long`: a row a metric, with value, low, high, what the interval spans, unit,
        the better direction, n, and the reason where there is no value; a record
        without metrics has one row, without a metric and with its reason.
        """
        return frame.long(self.records) if long else frame.wide(self.records)

    def samples(self) -> pd.DataFrame:
        """Give a row a timed call, warm-up left out: run, case, process, call (both from 0), seconds."""
        return frame.samples(self.records)

    def plot(self, x: str, y: str = "latency/p50", hue: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the column `y` over the column `x`, a line for each value of `hue`; return the axes.

        Bars are 95% intervals. Numbers have lines between them, texts have none. `ax` is
        drawn on, or a new figure. Raises InputError for an unknown column, a `y` that is text
        or has no value, and where several records share a place: none is hidden
        behind another, and nothing is averaged.
        """
        from harness.results.view import plot

        return plot(self.frame(), x, y, hue, ax, vary=[*self._varying(), "run"])

    def report(self, out: str = "report.html", *, against: str | None = None) -> str:
        """Write the report of the run to one HTML file, as ``harness report`` does; return its absolute path.

        It shows the whole run, also after `where`. `against` is a run that it is compared
        with. Raises InputError where there are several runs, StoreError.
        """
        from harness.report.job import write_report

        if len(self.runs) != 1:
            raise InputError(f"report: these are {len(self.runs)} runs; load one of them")
        return write_report(self.folder, self.runs[0], out, against=against)

    def _varying(self) -> tuple[str, ...]:
        from harness.judge.rows import varying_axes

        models = {record.axes.get("model") for record in self.records}
        return (*(("model",) if len(models) > 1 else ()), *varying_axes(self.records))

    def __repr__(self) -> str:
        states = [str(record.status) for record in self.records]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        left = f"; interrupted, {count(self.left, 'case')} left" if self.left else ""
        runs = self.runs[0] if len(self.runs) == 1 else count(len(self.runs), "run")
        return f"<Results {runs}: {count(len(self), 'case')} ({counts}){left}>"

    def _repr_html_(self) -> str:
        return "\n".join(draw_html(RunDocument(report).page()) for report in self.reports[-3:])


def _patterns(value: Value | Sequence[Value]) -> list[str]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return [spell(item) for item in (value if several else [value])]  # type: ignore[union-attr]


def _cases(records: Sequence[Record]) -> frozenset[str]:
    return frozenset(record.case for record in records)
