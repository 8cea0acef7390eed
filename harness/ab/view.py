"""An A/B job as a document: the rows worst first, then what a reader must know before believing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.ab.model import ABResult, Disagreement, describe_lost
from harness.core.units import format_percent, format_span
from harness.show.comparisons import count_verdicts, fields, lines
from harness.show.fields import columns_of
from harness.show.page import Page
from harness.show.sections import Entry, Section, gate_sections


@dataclass(frozen=True, slots=True)
class ABDocument:
    """An A/B, for every view."""

    result: ABResult

    @property
    def kind(self) -> str:
        """What it is."""
        return "A/B"

    def page(self) -> Page:
        """Lay it out."""
        result = self.result
        return Page(
            title=f"{_arm('BASE', result.base)} -> {_arm('HEAD', result.head)}",
            head=(_summary(result), _settings(result)),
            columns=columns_of(fields(blocks=True)),
            lines=lines(result.comparisons, blocks=True),
            sections=tuple(_sections(result)),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a case and metric."""
        return [row.to_json() for row in self.result.comparisons]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case and metric, then the one of the job (``"job": true``)."""
        return [*self.rows(), self.result.to_json()]


def _arm(name: str, axes: Mapping[str, str]) -> str:
    settings = ", ".join(f"{axis}={value}" for axis, value in axes.items())
    return f"{name} ({settings or 'no other setting'})"


def _summary(result: ABResult) -> str:
    """Count the verdicts."""
    if not result.trusted:
        return "Do not trust these verdicts: the base arm differs from itself"
    return f"{'interrupted; ' if result.interrupted else ''}{count_verdicts(result.comparisons)}"


def _settings(result: ABResult) -> str:
    settings = result.settings
    if not settings.metrics:
        return (
            f"{', '.join(settings.counted)} counted in {format_span(result.seconds)}; changes above "
            f"{format_percent(settings.min_effect)} are shown"
        )
    return (
        f"{result.blocks} blocks in {format_span(result.seconds)}; changes above "
        f"{format_percent(settings.min_effect)} are shown at {format_percent(settings.alpha)}, with "
        f"a budget of {_budget(result)} a case (seed {settings.seed})"
    )


def _budget(result: ABResult) -> str:
    """Say which budget a case had, and where it was chosen, by what and up to which."""
    settings = result.settings
    if settings.most_s is None:
        return f"{settings.budget_s:g} s"
    spans = sorted({round(plan.budget_s) for plan in result.plans.values()})
    chosen = f"{spans[-1]} s" if len(spans) == 1 else f"{settings.budget_s:g} to {settings.most_s:g} s"
    return f"{chosen} (chosen to show {format_percent(settings.effect)}, at most {settings.most_s:g} s)"


def _disagreement(each: Disagreement) -> Entry:
    pairs = (
        ("instructions/call", each.counted, each.counted_ratio),
        ("latency/p50", each.timed, each.timed_ratio),
    )
    texts = [
        f"{metric} {verdict}{'' if ratio is None else f' ({format_percent(ratio - 1, signed=True)})'}"
        for metric, verdict, ratio in pairs
    ]
    return Entry(", ".join(texts), (each.case,))


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
    if result.disagreements:
        yield Section(
            "Instructions and times disagree: time is what a user waits for, and waiting for memory counts "
            "no instructions",
            tuple(map(_disagreement, result.disagreements)),
            "warning",
        )
    if result.notes:
        yield Section("Notes", tuple(map(Entry, result.notes)))
