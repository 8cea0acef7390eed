"""An A/B job as text: the rows worst first, then what a reader must know before believing them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from harness.ab.model import ABResult, describe_lost
from harness.compare.view import COLUMNS, line
from harness.core.errors import NotFoundError
from harness.core.registry import closest
from harness.core.units import format_percent, format_span
from harness.show.page import Column, Line, Page, draw, draw_markdown
from harness.show.rows import render_rows
from harness.show.sections import Entry, Section, gate_sections

VIEWS = ("table", "markdown", "csv", "json")
_BEFORE = len(COLUMNS) - 2  # blocks stand before the verdict and its reason


def render(result: ABResult, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write `result` as "table", "markdown", "csv" or "json".

    JSON is an array: an object a case and metric, then the one of the job
    (``"job": true``). CSV holds the rows alone. Raises NotFoundError for an
    unknown view.
    """
    stored = [row.to_json() for row in result.comparisons]
    match view:
        case "table":
            return draw(_page(result), width=width, color=color)
        case "markdown":
            return draw_markdown(_page(result))
        case "csv":
            return render_rows(stored, "csv")
        case "json":
            return json.dumps([*stored, result.to_json()], indent=1, allow_nan=False)
    raise NotFoundError(f"unknown format {view!r}: {closest(view, VIEWS)}")


def _page(result: ABResult) -> Page:
    return Page(
        title=f"{_arm('BASE', result.base)} -> {_arm('HEAD', result.head)}",
        said=(_summary(result), _settings(result)),
        columns=(*COLUMNS[:_BEFORE], Column("blocks", drop=5), *COLUMNS[_BEFORE:]),
        lines=tuple(_lines(result)),
        sections=tuple(_sections(result)),
    )


def _arm(name: str, axes: Mapping[str, str]) -> str:
    said = ", ".join(f"{axis}={value}" for axis, value in axes.items())
    return f"{name} ({said})" if said else f"{name} (as it stands)"


def _lines(result: ABResult) -> Iterator[Line]:
    for row in result.comparisons:
        made = line(row)
        cells = (*made.cells[:_BEFORE], str(row.decision.blocks or "–"), *made.cells[_BEFORE:])
        yield Line(cells, made.mood)


def _summary(result: ABResult) -> str:
    """Say what the job comes to."""
    if not result.trusted:
        return "Do not trust these verdicts: the base arm differs from itself"
    verdicts = [str(row.decision.verdict) for row in result.comparisons]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))
    return f"{'interrupted; ' if result.interrupted else ''}{counts or 'nothing was compared'}"


def _settings(result: ABResult) -> str:
    settings = result.settings
    return (
        f"{result.blocks} blocks in {format_span(result.seconds)}; changes above "
        f"{format_percent(settings.min_effect)} are shown at {format_percent(settings.alpha)}, with "
        f"{settings.budget_s:g} s a case (seed {settings.seed})"
    )


def _sections(result: ABResult) -> Iterator[Section]:
    if result.failed:
        entries = tuple(Entry(describe_lost(lost), (case,)) for case, lost in result.failed.items())
        yield Section(f"Failed: {len(entries)}", entries, "bad")
    if result.control is not None:
        fired = result.control.fired
        entry = Entry(result.control.reason, (result.control.case,))
        title = "The control fired" if fired else "Control: the base arm against itself"
        yield Section(title, (entry,), "bad" if fired else "")
    yield from gate_sections(result.gates)
    pairing = result.pairing
    for title, cases in (("Only in BASE", pairing.only_base), ("Only in HEAD", pairing.only_head)):
        if cases:
            yield Section(f"{title}: {len(cases)}", tuple(map(Entry, cases)), "warning")
    if pairing.skipped:
        entries = tuple(Entry(why, (case,)) for case, why in pairing.skipped.items())
        yield Section(f"Skipped: {len(entries)}", entries)
    if result.notes:
        yield Section("Notes", tuple(map(Entry, result.notes)))
