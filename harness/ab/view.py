"""An A/B job as text: the rows worst first, then what a reader must know before believing them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from harness.ab.model import ABResult
from harness.compare.view import COLUMNS, line
from harness.core.errors import NotFoundError
from harness.core.registry import closest
from harness.core.units import format_percent, format_span
from harness.show.page import Column, Line, Page, draw, draw_markdown
from harness.show.rows import render_rows
from harness.show.sections import Entry, Section, gate_sections

VIEWS = ("table", "markdown", "csv", "json")
_BEFORE = len(COLUMNS) - 2  # blocks stand before the verdict and its reason


def render(trial: ABResult, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write `trial` as "table", "markdown", "csv" or "json".

    JSON is an array: an object a case and metric, then the one of the job
    (``"job": true``). CSV holds the rows alone. Raises NotFoundError for an
    unknown view.
    """
    stored = [row.to_json() for row in trial.comparisons]
    match view:
        case "table":
            return draw(_page(trial), width=width, color=color)
        case "markdown":
            return draw_markdown(_page(trial))
        case "csv":
            return render_rows(stored, "csv")
        case "json":
            return json.dumps([*stored, trial.to_json()], indent=1, allow_nan=False)
    raise NotFoundError(f"unknown format {view!r}: {closest(view, VIEWS)}")


def _page(trial: ABResult) -> Page:
    return Page(
        title=f"{_arm('BASE', trial.base)} -> {_arm('HEAD', trial.head)}",
        said=(_summary(trial), _terms(trial)),
        columns=(*COLUMNS[:_BEFORE], Column("blocks", drop=5), *COLUMNS[_BEFORE:]),
        lines=tuple(_lines(trial)),
        sections=tuple(_sections(trial)),
    )


def _arm(name: str, axes: Mapping[str, str]) -> str:
    said = ", ".join(f"{axis}={value}" for axis, value in axes.items())
    return f"{name} ({said})" if said else f"{name} (as it stands)"


def _lines(trial: ABResult) -> Iterator[Line]:
    for row in trial.comparisons:
        made = line(row)
        cells = (*made.cells[:_BEFORE], str(row.decision.blocks or "–"), *made.cells[_BEFORE:])
        yield Line(cells, made.mood)


def _summary(trial: ABResult) -> str:
    """Say what the job comes to."""
    if not trial.trusted:
        return "Do not trust these verdicts: the base arm differs from itself"
    verdicts = [str(row.decision.verdict) for row in trial.comparisons]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts))
    return f"{'interrupted; ' if trial.interrupted else ''}{counts or 'nothing was compared'}"


def _terms(trial: ABResult) -> str:
    terms = trial.terms
    return (
        f"{trial.blocks} blocks in {format_span(trial.seconds)}; changes above "
        f"{format_percent(terms.min_effect)} are shown at {format_percent(terms.alpha)}, with "
        f"{terms.budget_s:g} s a case (seed {terms.seed})"
    )


def _sections(trial: ABResult) -> Iterator[Section]:
    if trial.failed:
        entries = tuple(Entry(how, (case,)) for case, how in trial.failed.items())
        yield Section(f"Failed: {len(entries)}", entries, "bad")
    if trial.control is not None:
        fired = trial.control.fired
        entry = Entry(trial.control.reason, (trial.control.case,))
        title = "The control fired" if fired else "Control: the base arm against itself"
        yield Section(title, (entry,), "bad" if fired else "")
    yield from gate_sections(trial.gates)
    pairing = trial.pairing
    for title, cases in (("Only in BASE", pairing.only_base), ("Only in HEAD", pairing.only_head)):
        if cases:
            yield Section(f"{title}: {len(cases)}", tuple(map(Entry, cases)), "warning")
    if pairing.skipped:
        entries = tuple(Entry(why, (case,)) for case, why in pairing.skipped.items())
        yield Section(f"Skipped: {len(entries)}", entries)
    if trial.notes:
        yield Section("Notes", tuple(map(Entry, trial.notes)))
