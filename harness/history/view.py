"""Series of runs: a line each with its course, and the points at which the level changed."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby, pairwise
from typing import Any

from harness.core.decision import Change, Shift, Trend
from harness.core.errors import NotFoundError
from harness.core.registry import closest
from harness.core.units import format_percent, format_value
from harness.show.page import Column, Line, Page, draw, draw_markdown
from harness.show.rows import render_rows
from harness.show.sections import Entry, Section
from harness.show.wording import cause

BARS = "▁▂▃▄▅▆▇█"
WIDEST = 40
LEAST_SPAN = 0.05
"""Least height of a sparkline, as a share of its middle: noise alone is drawn flat."""

MOODS = {Change.REGRESSION: "bad", Change.IMPROVEMENT: "good", Change.INCONCLUSIVE: "warning"}
COLUMNS = (
    Column("case", number=False),
    Column("runs", drop=3),
    Column("course", number=False, drop=2),
    Column("last"),
    Column("latest change", number=False),
)


def render(trends: Sequence[Trend], view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write series as "table", "markdown", "csv" (a line a point) or "json" (an array, a series each).

    Raises NotFoundError for an unknown view.
    """
    match view:
        case "table":
            return "\n\n".join(draw(page, width=width, color=color) for page in _pages(trends))
        case "markdown":
            return "\n\n".join(map(draw_markdown, _pages(trends)))
        case "csv":
            return render_rows([*_rows(trends)], "csv")
        case "json":
            return "[" + ",\n ".join(json.dumps(_document(trend), allow_nan=False) for trend in trends) + "]"
    raise NotFoundError(f"unknown format {view!r}: {closest(view, ('table', 'markdown', 'csv', 'json'))}")


def sparkline(values: Sequence[float]) -> str:
    """Draw the course of values in one line; where they are many, each bar is the median of some."""
    number = min(len(values), WIDEST)
    cuts = [round(index * len(values) / number) for index in range(number + 1)]
    bins = [statistics.median(values[a:b]) for a, b in pairwise(cuts)]
    low, high = min(bins), max(bins)
    middle, span = (low + high) / 2, max(high - low, LEAST_SPAN * abs(low + high) / 2)
    if span == 0:
        return BARS[len(BARS) // 2] * len(bins)
    places = (round(len(BARS) * (value - middle) / span) + len(BARS) // 2 for value in bins)
    return "".join(BARS[min(place, len(BARS) - 1)] for place in places)


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
            columns=COLUMNS,
            lines=tuple(map(_line, found)),
            sections=tuple(sections),
        )


def _line(trend: Trend) -> Line:
    values = [point.value for point in trend.points]
    last = trend.shifts[-1] if trend.shifts else None
    change = (
        f"{_size(last, trend)} since {_day(trend, last)}" if last else "none" if not trend.reason else "–"
    )
    cells = (trend.case, str(len(values)), sparkline(values), format_value(values[-1], trend.unit), change)
    return Line(cells, MOODS[last.verdict] if last else "")


def _changes(trends: Sequence[Trend]) -> Iterator[Entry]:
    found = [(trend.points[shift.index].run, trend, shift) for trend in trends for shift in trend.shifts]
    for run, trend, shift in sorted(found, key=lambda item: item[0], reverse=True):
        levels = f"{format_value(shift.before, trend.unit)} -> {format_value(shift.after, trend.unit)}"
        verdict = "change" if shift.verdict is Change.INCONCLUSIVE else str(shift.verdict)
        text = f"{verdict} {_size(shift, trend)} since {_day(trend, shift)}: {levels}"
        yield Entry(f"{text}, {trend.case} (run {run})", tuple(map(cause, shift.causes)))


def _day(trend: Trend, shift: Shift) -> str:
    return trend.points[shift.index].started_at[:10]


def _size(shift: Shift, trend: Trend) -> str:
    """Write how far a level moved: shares in points, durations, sizes and rates as a percentage."""
    match trend.unit:
        case "ratio":
            return f"{shift.change * 100:+.2f} points"
        case "dB" | "1":
            return f"{shift.change:+.3g}{' dB' if trend.unit == 'dB' else ''}"
    return format_percent(shift.change, signed=True)


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


def _document(trend: Trend) -> dict[str, Any]:
    data = asdict(trend)
    for shift in data["shifts"]:
        shift["run"] = trend.points[shift["index"]].run
    return data
