"""A search as a document: the winner and what to paste first, then why, then all that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.metrics import spec_of
from harness.core.units import count, format_percent, format_span, format_value
from harness.show.cells import Column, Line, number
from harness.show.page import Page
from harness.show.sections import Entry, Section
from harness.tune.model import Answer, Barred, Reached, TuneResult

MOST = 5
"""Cells that a section names; csv and json have all."""

BESIDE = ("memory/peak", "accuracy/top1_delta", "accuracy/mae_delta", "accuracy/sqnr_db")
"""Columns beside the objective, where there are values."""


@dataclass(frozen=True, slots=True)
class TuneDocument:
    """A search, for every view."""

    result: TuneResult

    @property
    def kind(self) -> str:
        """What it is."""
        return "search"

    def page(self) -> Page:
        """Lay it out: a page a model."""
        pages = [_page(self.result, answer) for answer in self.result.answers]
        if not pages:
            return Page("nothing was measured")
        first, *more = pages
        return Page(
            title=first.title, head=first.head, columns=first.columns, lines=first.lines,
            sections=first.sections, most=first.most, more=tuple(more),
        )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a cell: measured, bounded or out."""
        return [row for answer in self.result.answers for row in _rows(answer)]

    def data(self) -> dict[str, Any]:
        """Return one object."""
        return self.result.to_json()


def _page(result: TuneResult, answer: Answer) -> Page:
    objective, unit = result.settings.objective, result.unit
    limits = "; ".join(limit.text for limit in result.settings.limits)
    names = [name for name in BESIDE if name != objective.metric and _known(answer, name)]
    names += [
        name
        for name in dict.fromkeys(limit.metric for limit in result.settings.limits)
        if name not in (*names, objective.metric)
    ]
    title = f"{answer.model}: {objective.text}{f', {limits}' if limits else ''}"
    columns = (
        Column("case", number=False),
        Column(spec_of(objective.metric).heading),
        *(Column(spec_of(name).heading, drop=3) for name in names),
        Column("is", number=False),
    )
    return Page(
        title=title,
        head=(_verdict(result, answer), _effort(answer)),
        columns=columns,
        lines=tuple(_line(answer, each, unit, names) for each in answer.measured),
        sections=tuple(_sections(answer, unit)),
        most=12,
    )


def _known(answer: Answer, name: str) -> bool:
    return any(name in each.metrics for each in answer.measured)


def _verdict(result: TuneResult, answer: Answer) -> str:
    if answer.winner is None:
        return f"No cell is known to meet every limit{' so far' if result.interrupted else ''}"
    best = answer.winner
    assert best.value is not None
    ends = [format_value(end, result.unit) for end in (best.low, best.high) if end is not None]
    within = f" [{', '.join(ends)}]" if len(ends) == 2 else ""
    again = "measured afresh" if best.fresh else "the best so far, not measured afresh"
    cut = "interrupted; " if result.interrupted else ""
    return f"{cut}{best.case}: {format_value(best.value, result.unit)}{within}, {again}"


def _effort(answer: Answer) -> str:
    return (
        f"{answer.probed} of {count(answer.cells, 'cell')} measured in {format_span(answer.spent_s)}, "
        f"{format_percent(answer.share)} of the {format_span(answer.sweep_s)} estimated for a full sweep"
    )


def _line(answer: Answer, each: Reached, unit: str, names: list[str]) -> Line:
    kinds = _kinds(answer, each.case)
    cells = (
        each.case,
        number(each.value, unit),
        *(number(each.metrics.get(name), spec_of(name).unit) for name in names),
        ", ".join(kinds),
    )
    return Line(cells, "good" if "winner" in kinds else "dim" if "out" in kinds else "")


def _kinds(answer: Answer, case: str) -> list[str]:
    """Say what a cell is in the answer."""
    sets: dict[str, Sequence[Reached | Barred]] = {
        "winner": [answer.winner] if answer.winner else [],
        "equal": answer.equal,
        "undecided": answer.undecided,
        "front": answer.front,
        "out": answer.barred,
    }
    return [kind for kind, members in sets.items() if any(each.case == case for each in members)]


def _sections(answer: Answer, unit: str) -> Iterator[Section]:
    if answer.nearest:
        entries = tuple(
            Entry(f"{each.limit}: {format_value(each.value, spec_of(each.metric).unit)}", (each.case,))
            for each in answer.nearest
        )
        yield Section("Nearest to the limits, and what they miss", entries, "bad")
    if answer.binds:
        yield Section("What binds: without it a better cell is known", tuple(map(Entry, answer.binds)))
    if answer.equal:
        yield Section("Equal: blocks show these within 1% of the winner", tuple(map(_ratio, answer.equal)))
    if answer.undecided:
        title = f"Undecided against the winner: {len(answer.undecided)}"
        yield Section(title, tuple(map(_ratio, answer.undecided[:MOST])), "warning")
    if len(answer.front) > 1:
        entries = tuple(_front(each, unit) for each in answer.front)
        yield Section("Front: no other cell is shown to be better in everything", entries)
    if answer.worth:
        entries = tuple(
            Entry(
                f"{each.axis} {each.ratio:.3g}× [{each.low:.3g}, {each.high:.3g}]: "
                f"{f'{each.best} over {each.worst}' if each.best != each.worst else 'no effect seen'}"
            )
            for each in answer.worth
        )
        yield Section("What each axis is worth, by the fit, the others averaged", entries)
    if answer.unmeasured:
        entries = tuple(
            Entry(f"{each.case}: {format_value(each.bound, unit)} at best")
            for each in answer.unmeasured[:MOST]
        )
        yield Section(f"Not measured: {len(answer.unmeasured)}, bounded by the fit at 99%", entries)
    if answer.barred:
        reasons: dict[str, list[str]] = {}
        for each in answer.barred:
            reasons.setdefault(each.reason, []).append(each.case)
        entries = tuple(Entry(f"{why} ({count(len(cases), 'cell')})") for why, cases in reasons.items())
        yield Section(f"Out: {count(len(answer.barred), 'cell')}", entries, "warning")
    if answer.snippets is not None:
        found = answer.snippets
        texts = (
            ("Python", found.python),
            ("Suite", found.suite),
            ("C++", found.cpp),
            ("Triton", found.triton),
        )
        for name, text in texts:
            yield Section(f"To paste: {name}", tuple(map(Entry, text.splitlines())))


def _ratio(each: Reached) -> Entry:
    if each.ratio_low is None or each.ratio_high is None:
        return Entry(f"{each.case}: too few blocks against the winner")
    low, high = (format_percent(end - 1, signed=True) for end in (each.ratio_low, each.ratio_high))
    return Entry(f"{each.case}: [{low}, {high}] against the winner")


def _front(each: Reached, unit: str) -> Entry:
    known = [format_value(each.value, unit)] if each.value is not None else []
    known += [
        f"{spec_of(name).heading} {format_value(each.metrics[name], spec_of(name).unit)}"
        for name in BESIDE
        if name in each.metrics
    ]
    return Entry(f"{each.case}: {', '.join(known)}")


def _rows(answer: Answer) -> Iterator[dict[str, Any]]:
    for each in answer.measured:
        best = answer.winner if answer.winner and answer.winner.case == each.case else each
        yield _row(
            answer.model, each.case, "measured", best.value, best.low, best.high, _kinds(answer, each.case)
        )
    for cell in answer.unmeasured:
        yield _row(answer.model, cell.case, "bound", cell.bound, None, None, [])
    seen = {each.case for each in answer.measured}
    for out in answer.barred:
        if out.case not in seen:
            yield _row(answer.model, out.case, "out", None, None, None, [out.reason])


def _row(
    model: str,
    case: str,
    kind: str,
    value: float | None,
    low: float | None,
    high: float | None,
    about: list[str],
) -> dict[str, Any]:
    return {
        "model": model,
        "case": case,
        "kind": kind,
        "value": value,
        "low": low,
        "high": high,
        "about": "; ".join(about),
    }
