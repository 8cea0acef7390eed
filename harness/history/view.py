"""Series of runs as a document: a line each with its course, and the points at which the level changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from harness.core.decision import Change, Shift, Trend
from harness.core.units import format_value
from harness.show.cells import Delta, Number
from harness.show.fields import Field, columns_of, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section
from harness.show.sparkline import sparkline
from harness.show.wording import cause

MOODS = {Change.REGRESSION: "bad", Change.IMPROVEMENT: "good", Change.INCONCLUSIVE: "warning"}


@dataclass(frozen=True, slots=True)
class HistoryDocument:
    """Series of runs, for every view."""

    trends: Sequence[Trend]

    @property
    def kind(self) -> str:
        """What it is."""
        return "history"

    def page(self) -> Page:
        """Lay it out: a page for each metric, suite and machine."""
        first, *others = [*_pages(self.trends)] or [Page("")]
        return replace(first, more=tuple(others))

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a point."""
        return [*_rows(self.trends)]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a series."""
        return [_data(trend) for trend in self.trends]


def _pages(trends: Sequence[Trend]) -> Iterator[Page]:
    """Give a page for each metric, suite and machine."""
    for (metric, suite, machine), group in groupby(trends, key=lambda t: (t.metric, t.suite, t.machine)):
        found = list(group)
        short = [trend for trend in found if trend.reason]
        sections = []
        if any(trend.shifts for trend in found):
            sections.append(Section("Changes, newest first", tuple(_changes(found))))
        if short:
            reasons = Counter(trend.reason for trend in short)
            entries = tuple(Entry(f"{reason} ({number} series)") for reason, number in reasons.items())
            sections.append(Section(f"Too short: {len(short)}", entries, "warning"))
        yield Page(
            title=f"{metric}, suite {suite}, machine {machine}",
            columns=columns_of(FIELDS),
            lines=lines_of(FIELDS, found, _mood),
            sections=tuple(sections),
        )


FIELDS: tuple[Field[Trend], ...] = (
    Field("case", lambda trend: trend.case),
    Field("runs", lambda trend: str(len(trend.points)), number=True, drop=3),
    Field("course", lambda trend: sparkline([point.value for point in trend.points]), drop=2),
    Field("last", lambda trend: Number(trend.points[-1].value, trend.unit), number=True),
    Field("latest change", lambda trend: _latest(trend)),
)


def _latest(trend: Trend) -> str | None:
    if not trend.shifts:
        return None if trend.reason else "none"
    last = trend.shifts[-1]
    return f"{Delta(last.change, trend.unit)} since {_day(trend, last)}"


def _mood(trend: Trend) -> str:
    return MOODS[trend.shifts[-1].verdict] if trend.shifts else ""


def _changes(trends: Sequence[Trend]) -> Iterator[Entry]:
    found = [(trend.points[shift.index].run, trend, shift) for trend in trends for shift in trend.shifts]
    for run, trend, shift in sorted(found, key=lambda item: item[0], reverse=True):
        levels = f"{format_value(shift.before, trend.unit)} -> {format_value(shift.after, trend.unit)}"
        verdict = "change" if shift.verdict is Change.INCONCLUSIVE else str(shift.verdict)
        text = f"{verdict} {Delta(shift.change, trend.unit)} since {_day(trend, shift)}: {levels}"
        yield Entry(f"{text}, {trend.case} (run {run})", tuple(map(cause, shift.causes)))


def _day(trend: Trend, shift: Shift) -> str:
    return trend.points[shift.index].started_at[:10]


def _rows(trends: Sequence[Trend]) -> Iterator[dict[str, Any]]:
    for trend in trends:
        shifts = {shift.index: shift for shift in trend.shifts}
        for index, point in enumerate(trend.points):
            shift = shifts.get(index)
            yield {
                **{name: getattr(trend, name) for name in ("suite", "machine", "case", "metric", "unit")},
                **asdict(point),
                "change": shift.change if shift else None,
                "verdict": str(shift.verdict) if shift else "",
                "causes": "; ".join(map(cause, shift.causes)) if shift else "",
            }


def _data(trend: Trend) -> dict[str, Any]:
    data = asdict(trend)
    for shift in data["shifts"]:
        shift["run"] = trend.points[shift["index"]].run
    return data
