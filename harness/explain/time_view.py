"""Where the time went, as a document: a waterfall of regions, what was proven, and what is not explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.units import count, format_count, format_percent, format_seconds
from harness.explain.model import Evidence, Explanations, Proof, Region, RegionChange, TimeExplanation
from harness.explain.view import describe_arm, list_ops, pages
from harness.show.cells import Line
from harness.show.fields import Field, columns_of, filled
from harness.show.page import Page
from harness.show.sections import Entry, Section

MOST = 25
"""Regions that the table shows; the others are one row."""


@dataclass(frozen=True, slots=True)
class TimesDocument:
    """Where the time went, for every view."""

    found: Explanations[TimeExplanation]

    @property
    def kind(self) -> str:
        """What it is."""
        return "explanation"

    def page(self) -> Page:
        """Lay it out: a page a case."""
        return pages([_page(item) for item in self.found.found], self.found.missing)

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a case and region, then its unexplained rest: they add up to the change of p50."""
        return [row for item in self.found.found for row in _rows(item)]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case."""
        return self.found.to_json()


def _rows(item: TimeExplanation) -> Iterator[dict[str, Any]]:
    for region in item.regions:
        proof = region.proof or Proof()
        yield {
            "case": item.case,
            "region": region.name,
            "change_s": region.change_s,
            "base_s": region.base_s,
            "head_s": region.head_s,
            "kind": str(region.change),
            "base": " ".join(region.base.ops),
            "head": " ".join(region.head.ops),
            "ratio": proof.latency.ratio if proof.latency else None,
            "p": proof.latency.p if proof.latency else None,
            "verdict": str(proof.latency.verdict) if proof.latency else "",
            "instructions_ratio": proof.instructions_ratio,
            "blamed": region in item.blamed,
        }
    empty = dict.fromkeys(("base_s", "head_s", "ratio", "p", "instructions_ratio"))
    rest = {"case": item.case, "region": "unexplained", "change_s": item.unexplained_s}
    yield {**rest, **empty, "kind": "", "base": "", "head": "", "verdict": "", "blamed": False}


def _page(item: TimeExplanation) -> Page:
    shown = item.regions[:MOST]
    fields = filled(_fields(), shown)
    lines = [Line(tuple(field.cell(region) for field in fields), _mood(item, region)) for region in shown]
    others = item.regions[MOST:]
    sums = (
        [(f"{count(len(others), 'other region')}", sum(region.change_s or 0.0 for region in others))]
        if others
        else []
    )
    sums.append(("unexplained", item.unexplained_s))
    sums.append(("p50 of a call", item.change_s))
    for title, change_s in sums:
        cells = (title, _signed(change_s), *[None] * (len(fields) - 2))
        lines.append(Line(cells))
    return Page(
        title=f"{item.case}: {_headline(item)}",
        head=(
            f"BASE ({describe_arm(item.base)}) -> HEAD ({describe_arm(item.head)})",
            f"p50 {format_seconds(item.base_p50_s)} -> {format_seconds(item.head_p50_s)} "
            f"({format_percent(item.change_s / item.base_p50_s, signed=True)}); "
            f"{count(len(item.regions), 'region')} between tensors that both graphs have",
        ),
        columns=columns_of(fields),
        lines=tuple(lines),
        sections=tuple(_sections(item)),
    )


def _headline(item: TimeExplanation) -> str:
    if not item.blamed:
        return "no region is shown to differ in time" if item.proven else "nothing is proven"
    return "; ".join(f"{_name(region)} {_word(region.proof)}" for region in item.blamed)


def _name(region: Region) -> str:
    """Call a region by its operators in HEAD and the tensor that ends it."""
    return f"{list_ops(region.head.ops or region.base.ops)} -> {region.name}"


def _word(proof: Proof | None) -> str:
    """Write what was shown, and what shows it."""
    if proof is None or proof.evidence is None or proof.latency is None:
        return ""
    if proof.evidence is Evidence.AB and proof.latency.ratio is not None:
        p = f" (p = {proof.latency.p:.2g})" if proof.latency.p is not None else ""
        return f"{format_percent(proof.latency.ratio - 1, signed=True)}{p}"
    return f"{_percent(proof.instructions_ratio)} instructions"


def _percent(ratio: float | None) -> str | None:
    return None if ratio is None else format_percent(ratio - 1, signed=True)


def _signed(value_s: float) -> str:
    return f"{'-' if value_s < 0 else '+'}{format_seconds(abs(value_s))}"


def _mood(item: TimeExplanation, region: Region) -> str:
    if region not in item.blamed:
        return ""
    return "bad" if region.proof and region.proof.slower else "good"


def _fields() -> tuple[Field[Region], ...]:
    return (
        Field("region ends at", lambda region: region.name),
        Field(
            "change",
            lambda region: None if region.change_s is None else _signed(region.change_s),
            number=True,
        ),
        Field("base", lambda region: _span(region.base_s), number=True, drop=2),
        Field("head", lambda region: _span(region.head_s), number=True, drop=2),
        Field("alone", _alone, number=True),
        Field("instructions", _instructions, number=True, drop=1),
        Field(
            "what changed",
            lambda region: str(region.change) if region.change is not RegionChange.NONE else None,
            drop=3,
        ),
        Field("base runs", lambda region: list_ops(region.base.ops), drop=5),
        Field("head runs", lambda region: list_ops(region.head.ops), drop=4),
        Field("provider", _provider, drop=6),
    )


def _span(value_s: float | None) -> str | None:
    return None if value_s is None else format_seconds(value_s)


def _alone(region: Region) -> str | None:
    latency = region.proof.latency if region.proof else None
    return None if latency is None else _percent(latency.ratio)


def _instructions(region: Region) -> str | None:
    return _percent(region.proof.instructions_ratio) if region.proof else None


def _provider(region: Region) -> str | None:
    base, head = region.providers
    return f"{base} -> {head}" if base != head else None


def _sections(item: TimeExplanation) -> Iterator[Section]:
    proven = [region for region in item.regions if region.proof]
    if proven:
        entries = tuple(
            Entry(f"{_name(region)}: {_outcome(region.proof)}") for region in proven if region.proof
        )
        title = f"Cut out and put through the A/B: {count(len(proven), 'region')}"
        yield Section(title, entries, "bad" if item.blamed else "")
        others = sum(region.change_s or 0.0 for region in item.regions if region not in proven)
        rest = f"all other regions: {_signed(others)} a call, as profiled, which proves nothing"
        yield Section("Everything else", (Entry(rest),))
    notes = list(item.notes)
    if not item.trusted:
        notes.insert(0, "do not trust the A/B: the base arm of a piece differs from itself")
    if notes:
        yield Section("Notes", tuple(map(Entry, notes)), "warning")


def _outcome(proof: Proof) -> str:
    if proof.latency is None:
        return proof.reason
    parts = [f"{proof.latency.verdict}, {proof.latency.reason}"]
    if proof.base_instructions is not None and proof.head_instructions is not None:
        counts = (format_count(proof.base_instructions), format_count(proof.head_instructions))
        parts.append(f"instructions {' -> '.join(counts)} ({_percent(proof.instructions_ratio)})")
    return "; ".join(parts)
