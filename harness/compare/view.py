"""Two stored runs held against each other, worst first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from harness.core.decision import Change, Decision, MetricComparison, RunComparison, RunSide
from harness.core.errors import NotFoundError
from harness.core.registry import closest
from harness.core.units import format_percent, format_value
from harness.show.page import Column, Line, Page, draw, draw_markdown
from harness.show.rows import render_rows
from harness.show.sections import Entry, Section, gate_sections

NONE = "–"
MOODS = {
    Change.REGRESSION: "bad",
    Change.INCONCLUSIVE: "warning",
    Change.IMPROVEMENT: "good",
    Change.EQUIVALENT: "",
}
COLUMNS = (
    Column("case", number=False),
    Column("metric", number=False),
    Column("base", drop=1),
    Column("head", drop=1),
    Column("change"),
    Column("95% interval", drop=3),
    Column("seen from", drop=4),
    Column("verdict", number=False),
    Column("why", number=False, drop=2),
)


def render(
    contrast: RunComparison,
    view: str,
    *,
    everything: bool = False,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Write a contrast as "table", "markdown", "csv" or "json".

    The table and Markdown show what changed and what looks worse, and count
    the rest, unless `everything` is asked for; the others are whole. Raises
    NotFoundError for an unknown view.
    """
    match view:
        case "table":
            return draw(_page(contrast, everything), width=width, color=color)
        case "markdown":
            return draw_markdown(_page(contrast, everything))
        case "csv":
            return render_rows([*_rows(contrast)], "csv")
        case "json":
            return json.dumps(_document(contrast), indent=1, allow_nan=False)
    raise NotFoundError(f"unknown format {view!r}: {closest(view, ('table', 'markdown', 'csv', 'json'))}")


def _page(contrast: RunComparison, everything: bool) -> Page:
    compared = contrast.compared
    shown, hidden = list[MetricComparison](), list[MetricComparison]()
    for item in compared.comparisons:
        settled = (item.case, item.metric) in contrast.settled
        (shown if everything or settled or tells(item) else hidden).append(item)
    return Page(
        title=f"{contrast.head.suite}: {contrast.base.run} -> {contrast.head.run}",
        said=(
            _said("BASE", contrast.base),
            _said("HEAD", contrast.head),
            _summary(contrast),
            *contrast.notes,
        ),
        columns=COLUMNS,
        lines=tuple(map(line, shown)),
        sections=tuple(_sections(contrast, hidden)),
    )


def tells(item: MetricComparison) -> bool:
    """Tell whether a comparison shows a change, or something that looks like a regression."""
    return item.suspect or item.decision.verdict is Change.IMPROVEMENT


def line(item: MetricComparison) -> Line:
    """Write one comparison as a row of COLUMNS."""
    decision, unit = item.decision, item.unit
    values = (NONE if value is None else format_value(value, unit) for value in (item.base, item.head))
    interval = NONE
    if decision.low is not None and decision.high is not None:
        interval = f"[{_percent(decision.low)}, {_percent(decision.high)}]"
    cells = (
        item.case,
        item.metric,
        *values,
        _change(item),
        interval,
        NONE if decision.mde is None else format_percent(decision.mde),
        str(decision.verdict),
        _why(decision),
    )
    return Line(cells, MOODS[decision.verdict])


def _change(item: MetricComparison) -> str:
    """Write how far HEAD is from BASE: shares in points, all else as a percentage."""
    share = item.unit == "ratio"
    if share and item.base is not None and item.head is not None:
        return f"{(item.head - item.base) * 100:+.2f} points"
    return NONE if item.decision.ratio is None else _percent(item.decision.ratio)


def _why(decision: Decision) -> str:
    """Give the reason without the change, which has a column of its own."""
    change = "" if decision.ratio is None else _percent(decision.ratio)
    return decision.reason.removeprefix("exact: ").removeprefix(change).lstrip(" ,:")


def _percent(ratio: float) -> str:
    return format_percent(ratio - 1, signed=True)


def _said(name: str, side: RunSide) -> str:
    parts = [side.started_at[:16].replace("T", " ")]
    if side.commit:
        parts.append(f"commit {side.commit[:10]}{', with uncommitted changes' if side.dirty else ''}")
    if side.unfinished:
        parts.append(side.unfinished)
    return f"{name}  {side.run} ({', '.join(parts)})"


def _summary(contrast: RunComparison) -> str:
    items = contrast.compared.comparisons
    counts = {verdict: sum(item.decision.verdict is verdict for item in items) for verdict in Change}
    cases = len({item.case for item in items})
    told = ", ".join(_count(number, verdict) for verdict, number in counts.items() if number)
    return f"{_cases(cases)}, {len(items)} comparisons: {told or 'none'}"


def _count(number: int, verdict: Change) -> str:
    noun = verdict in (Change.REGRESSION, Change.IMPROVEMENT) and number != 1
    return f"{number} {verdict}{'s' if noun else ''}"


def _sections(contrast: RunComparison, hidden: list[MetricComparison]) -> Iterator[Section]:
    compared = contrast.compared
    if compared.refused:
        entries = tuple(Entry("; ".join(why), (case,)) for case, why in compared.refused.items())
        yield Section(f"Timings not compared, measured unlike: {len(entries)}", _joined(entries), "warning")
    if contrast.bad:
        entries = tuple(Entry(how, (case,)) for case, how in contrast.bad.items())
        yield Section(f"Failed in HEAD: {len(entries)}", _joined(entries), "bad")
    yield from gate_sections(contrast.gates)
    for name, cases in (("BASE", compared.only_base), ("HEAD", compared.only_head)):
        if cases:
            yield Section(f"Only in {name}: {len(cases)}", tuple(map(Entry, cases)), "warning")
    if contrast.causes:
        yield Section("What else differs", tuple(_causes(contrast)))
    if hidden:
        yield Section("Not in the table (--all shows them)", tuple(_hidden(hidden)))


def _causes(contrast: RunComparison) -> Iterator[Entry]:
    """Say what else changed, and where that is not all cases, in which."""
    most = max(map(len, contrast.causes.values()))
    for change, cases in contrast.causes.items():
        yield Entry(f"{change} ({_cases(len(cases))})", cases if len(cases) < most else ())


def _joined(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Say each thing once, with all the cases that it is true of."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.text, []).extend(entry.lines)
    return tuple(Entry(text, tuple(cases)) for text, cases in found.items())


def _hidden(items: list[MetricComparison]) -> Iterator[Entry]:
    """Count, metric by metric, what was shown to be equal and what was not shown either way."""
    by_metric: dict[str, list[MetricComparison]] = {}
    for item in items:
        by_metric.setdefault(item.metric, []).append(item)
    for metric, found in by_metric.items():
        unsure = [item.decision for item in found if item.decision.verdict is Change.INCONCLUSIVE]
        parts = [f"{len(found) - len(unsure)} equivalent"] if len(found) > len(unsure) else []
        if unsure:
            parts.append(f"{len(unsure)} inconclusive{_reach(unsure)}")
        yield Entry(f"{metric}: {', '.join(parts)}")


def _reach(decisions: list[Decision]) -> str:
    """Say how small a change could have been seen."""
    known = [decision.mde for decision in decisions if decision.mde is not None]
    if not known:
        return " (no change could have been shown)"
    low, high = format_percent(min(known)), format_percent(max(known))
    return f" (changes are seen from {low})" if low == high else f" (changes are seen from {low} to {high})"


def _cases(number: int) -> str:
    return "1 case" if number == 1 else f"{number} cases"


def _rows(contrast: RunComparison) -> Iterator[dict[str, Any]]:
    """Give a flat row a comparison, and one a case that was refused."""
    yield from (item.to_json() for item in contrast.compared.comparisons)
    empty = MetricComparison("", "", None, None, Decision(verdict=Change.INCONCLUSIVE)).to_json()
    for case, why in contrast.compared.refused.items():
        reason = f"measured unlike: {'; '.join(why)}"
        yield {**empty, "case": case, "metric": "timings", "verdict": "refused", "reason": reason}


def _document(contrast: RunComparison) -> dict[str, Any]:
    compared = contrast.compared
    return {
        "base": asdict(contrast.base),
        "head": asdict(contrast.head),
        "comparisons": [item.to_json() for item in compared.comparisons],
        "refused": {case: list(why) for case, why in compared.refused.items()},
        "only_base": list(compared.only_base),
        "only_head": list(compared.only_head),
        "bad": dict(contrast.bad),
        "gates": [asdict(gate) for gate in contrast.gates],
        "causes": {change: list(cases) for change, cases in contrast.causes.items()},
        "settled": [{"case": case, "metric": metric} for case, metric in contrast.settled],
        "notes": list(contrast.notes),
        "interrupted": contrast.interrupted,
    }
