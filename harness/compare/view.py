"""Two stored runs compared, as a document: the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.decision import Change, Decision, MetricComparison, RunComparison, RunSide
from harness.core.units import count, format_percent
from harness.show.comparisons import blame_entries, count_verdicts, fields, lines
from harness.show.fields import columns_of
from harness.show.page import Page
from harness.show.sections import Entry, Section, gate_sections
from harness.show.wording import cause


@dataclass(frozen=True, slots=True)
class ComparisonDocument:
    """A comparison of two runs, for every view.

    Its page shows what changed and what looks worse, and counts the rest,
    unless `everything` is asked for; its rows and data are whole.
    """

    comparison: RunComparison
    everything: bool = False

    @property
    def kind(self) -> str:
        """What it is."""
        return "comparison"

    def page(self) -> Page:
        """Lay it out."""
        contrast = self.comparison
        shown, hidden = list[MetricComparison](), list[MetricComparison]()
        for item in contrast.compared.comparisons:
            retested = (item.case, item.metric) in contrast.retested
            (shown if self.everything or retested or is_notable(item) else hidden).append(item)
        return Page(
            title=f"{contrast.head.suite}: {contrast.base.run} -> {contrast.head.run}",
            head=(
                _side("BASE", contrast.base),
                _side("HEAD", contrast.head),
                _summary(contrast),
                *contrast.notes,
            ),
            columns=columns_of(fields()),
            lines=lines(shown),
            sections=tuple(_sections(contrast, hidden)),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a comparison, and one a case whose timings were not compared."""
        return [*_rows(self.comparison)]

    def data(self) -> dict[str, Any]:
        """Return one object."""
        return _data(self.comparison)


def is_notable(item: MetricComparison) -> bool:
    """Return whether a comparison shows a change, or something that looks like a regression."""
    return item.suspect or item.decision.verdict is Change.IMPROVEMENT


def _side(name: str, side: RunSide) -> str:
    parts = [side.started_at[:16].replace("T", " ")]
    if side.commit:
        parts.append(f"commit {side.commit[:10]}{', with uncommitted changes' if side.dirty else ''}")
    if side.unfinished:
        parts.append(side.unfinished)
    return f"{name}  {side.run} ({', '.join(parts)})"


def _summary(contrast: RunComparison) -> str:
    items = contrast.compared.comparisons
    cases = len({item.case for item in items})
    return f"{count(cases, 'case')}, {count(len(items), 'comparison')}: {count_verdicts(items)}"


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
    if because := blame_entries([contrast]):
        yield Section("Why it is slower", because)
    if contrast.causes:
        yield Section("What else differs", tuple(_causes(contrast)))
    if hidden:
        yield Section("Not in the table (--all shows them)", tuple(_hidden(hidden)))


def _causes(contrast: RunComparison) -> Iterator[Entry]:
    """Return what else changed, and where that is not all cases, in which."""
    most = max(map(len, contrast.causes.values()))
    for change, cases in contrast.causes.items():
        yield Entry(f"{cause(change)} ({count(len(cases), 'case')})", cases if len(cases) < most else ())


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
    """Return how small a change could have been seen."""
    known = [decision.mde for decision in decisions if decision.mde is not None]
    if not known:
        return " (no change could have been shown)"
    low, high = format_percent(min(known)), format_percent(max(known))
    return f" (changes are seen from {low})" if low == high else f" (changes are seen from {low} to {high})"


def _rows(contrast: RunComparison) -> Iterator[dict[str, Any]]:
    """Give a flat row a comparison, and one a case that was refused."""
    yield from (item.to_json() for item in contrast.compared.comparisons)
    empty = MetricComparison("", "", None, None, Decision(verdict=Change.INCONCLUSIVE)).to_json()
    for case, why in contrast.compared.refused.items():
        reason = f"measured unlike: {'; '.join(why)}"
        yield {**empty, "case": case, "metric": "timings", "verdict": "refused", "reason": reason}


def _data(contrast: RunComparison) -> dict[str, Any]:
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
        "causes": [{**asdict(found), "cases": list(cases)} for found, cases in contrast.causes.items()],
        "retested": [{"case": case, "metric": metric} for case, metric in contrast.retested],
        "notes": list(contrast.notes),
        "interrupted": contrast.interrupted,
        "blames": [asdict(blame) for blame in contrast.blames],
        "unexplained": dict(contrast.unexplained),
    }
