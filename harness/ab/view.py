"""An A/B job as a document: the rows worst first, then what a reader must know before believing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.ab.model import ABResult
from harness.core.units import format_percent, format_span
from harness.show.comparisons import COLUMNS_WITH_BLOCKS, line
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
            head=(_summary(result), _terms(result)),
            columns=COLUMNS_WITH_BLOCKS,
            lines=tuple(line(row, blocks=True) for row in result.comparisons),
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


def _summary(trial: ABResult) -> str:
    """Count the verdicts."""
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
