"""What `harness doctor` found, as a document: the worst first, what to do, and what can be detected here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.units import format_percent, format_seconds, format_span
from harness.doctor.model import DetectableChange, Diagnosis, Finding, Level, SelfTest
from harness.show.fields import Field, columns_of, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section

MOODS = {Level.BAD: "bad", Level.WARNING: "warning", Level.UNKNOWN: "", Level.FINE: "good"}

FIELDS: tuple[Field[Finding], ...] = (
    Field("what", lambda each: each.subject),
    Field("is", lambda each: str(each.level)),
    Field("because", lambda each: each.found),
)


@dataclass(frozen=True, slots=True)
class DiagnosisDocument:
    """A diagnosis of this machine, for every view."""

    diagnosis: Diagnosis

    @property
    def kind(self) -> str:
        """What it is."""
        return "diagnosis"

    def page(self) -> Page:
        """Lay it out."""
        found = self.diagnosis
        return Page(
            title=f"{found.readings.machine['machine']}: {_summary(found)}",
            columns=columns_of(FIELDS),
            lines=lines_of(FIELDS, found.findings, lambda each: MOODS[each.level]),
            sections=tuple(_sections(found)),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a finding."""
        return [
            {"subject": each.subject, "level": str(each.level), "found": each.found, "todo": each.todo}
            for each in self.diagnosis.findings
        ]

    def data(self) -> dict[str, Any]:
        """Return one object."""
        return self.diagnosis.to_json()


def _summary(checkup: Diagnosis) -> str:
    levels = [finding.level for finding in checkup.findings]
    bad, warnings = levels.count(Level.BAD), levels.count(Level.WARNING)
    if bad:
        return f"{bad} to fix before its numbers can be trusted, {warnings} more to improve"
    return f"fit for measuring, {warnings} to improve" if warnings else "fit for measuring"


def _sections(checkup: Diagnosis) -> Iterator[Section]:
    todo = [finding for finding in checkup.findings if finding.todo]
    if todo:
        entries = tuple(Entry(f"{finding.subject}: {finding.todo}") for finding in todo)
        yield Section("What to do", entries, MOODS[todo[0].level])
    if checkup.test is None:
        yield Section("Nothing was measured (--quick)", ())
    tests = [test for test in (checkup.test, checkup.large) if test is not None and test.reach]
    if tests:
        title = "The smallest change that an A/B of p50 alone can detect here, one case, one thread"
        yield Section(title, tuple(_reach(test, reach) for test in tests for reach in test.reach))
        yield Section("How this was found", tuple(map(_spread, tests)))


def _spread(test: SelfTest) -> Entry:
    spread = f"the ratio of two fresh processes varies by {format_percent(test.spread)} (SD)"
    block = f"a block takes {format_seconds(test.block_s)}, the whole test {format_span(test.seconds)}"
    return Entry(f"{test.model}: {spread}; {block}")


def _reach(test: SelfTest, reach: DetectableChange) -> Entry:
    budget = f"{test.model} model, in {format_span(reach.budget_s)} ({reach.blocks} blocks to decide on)"
    if reach.change is None or reach.at_best is None:
        return Entry(f"{budget}: none; --budget must be larger")
    change, best = format_percent(reach.change), format_percent(reach.at_best)
    return Entry(f"{budget}: {change} with --min-effect 1%, {best} with --min-effect 0.1%")
