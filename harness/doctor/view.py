"""What `harness doctor` found, as text: the worst first, what to do, and what can be seen here."""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.core.errors import NotFoundError
from harness.core.registry import closest
from harness.core.units import format_percent, format_seconds, format_span
from harness.doctor.model import DetectableChange, Diagnosis, Level
from harness.show.page import Column, Line, Page, draw, draw_markdown
from harness.show.rows import render_rows
from harness.show.sections import Entry, Section

VIEWS = ("table", "markdown", "csv", "json")
MOODS = {Level.BAD: "bad", Level.WARNING: "warning", Level.UNKNOWN: "", Level.FINE: "good"}


def render(checkup: Diagnosis, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write `checkup` as "table", "markdown", "csv" (its remarks) or "json" (one object).

    Raises NotFoundError for an unknown view.
    """
    match view:
        case "table":
            return draw(_page(checkup), width=width, color=color)
        case "markdown":
            return draw_markdown(_page(checkup))
        case "csv":
            rows = [
                {"subject": item.subject, "level": str(item.level), "said": item.said, "todo": item.todo}
                for item in checkup.remarks
            ]
            return render_rows(rows, "csv")
        case "json":
            return json.dumps(checkup.to_json(), indent=1, allow_nan=False)
    raise NotFoundError(f"unknown format {view!r}: {closest(view, VIEWS)}")


def _page(checkup: Diagnosis) -> Page:
    machine = checkup.readings.machine
    lines = (
        Line((remark.subject, str(remark.level), remark.said), MOODS[remark.level])
        for remark in checkup.remarks
    )
    return Page(
        title=f"{machine['machine']}: {_summary(checkup)}",
        columns=(Column("what", number=False), Column("is", number=False), Column("because", number=False)),
        lines=tuple(lines),
        sections=tuple(_sections(checkup)),
    )


def _summary(checkup: Diagnosis) -> str:
    levels = [remark.level for remark in checkup.remarks]
    bad, warnings = levels.count(Level.BAD), levels.count(Level.WARNING)
    if bad:
        return f"{bad} to fix before its numbers can be trusted, {warnings} more to improve"
    return f"fit for measuring, {warnings} to improve" if warnings else "fit for measuring"


def _sections(checkup: Diagnosis) -> Iterator[Section]:
    todo = [remark for remark in checkup.remarks if remark.todo]
    if todo:
        entries = tuple(Entry(f"{remark.subject}: {remark.todo}") for remark in todo)
        yield Section("What to do", entries, MOODS[todo[0].level])
    test = checkup.test
    if test is None:
        yield Section("Nothing was measured (--quick)", ())
    elif test.reach:
        title = "The smallest change that an A/B of p50 alone can see here, one case, one thread"
        yield Section(title, tuple(map(_reach, test.reach)))
        spread = f"the ratio of two fresh processes varies by {format_percent(test.spread)} (SD)"
        block = f"a block takes {format_seconds(test.block_s)}"
        yield Section("Learned from", (Entry(f"{spread}; {block}; {format_span(test.seconds)} in all"),))


def _reach(reach: DetectableChange) -> Entry:
    budget = f"in {format_span(reach.budget_s)} ({reach.blocks} blocks to decide on)"
    if reach.change is None or reach.at_best is None:
        return Entry(f"{budget}: none; --budget must be larger")
    change, best = format_percent(reach.change), format_percent(reach.at_best)
    return Entry(f"{budget}: {change} with --min-effect 1%, {best} with --min-effect 0.1%")
