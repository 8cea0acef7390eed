"""A bisection as a document: what was found, then every step in the order of the versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.bisect.model import Search, SearchOutcome, SearchResult, Step, StepVerdict, Window
from harness.core.metrics import Loss, spec_of
from harness.core.units import format_percent, format_span
from harness.show.cells import interval_of, number
from harness.show.comparisons import need
from harness.show.fields import Field, columns_of, filled, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section
from harness.show.sparkline import sparkline

MOODS = {
    StepVerdict.GOOD: "good",
    StepVerdict.BAD: "bad",
    StepVerdict.SKIPPED: "warning",
    StepVerdict.UNDECIDED: "warning",
}


@dataclass(frozen=True, slots=True)
class BisectionDocument:
    """A bisection, for every view."""

    search: Search

    @property
    def kind(self) -> str:
        """What it is."""
        return "bisection"

    def page(self) -> Page:
        """Lay it out: the steps in the order of the versions."""
        return _page(self.search)

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a step."""
        return [_flat(step) for step in self.search.steps]

    def data(self) -> dict[str, Any]:
        """Return one object, steps and finding in it."""
        return self.search.to_json()


def describe(step: Step, metric: str) -> str:
    """Write in one line what a step showed."""
    against = f" against {step.against}" if step.against else ""
    worse = "" if step.worse is None else f" {format_worse(step.worse, metric)}"
    verdict = f"{step.mark}{'' if step.sure else ' by its estimate'}"
    return f"{step.version}{against}: {verdict}{worse}{f' ({step.reason})' if step.reason else ''}"


def format_worse(worse: float, metric: str) -> str:
    """Format a loss, as `Step.worse` holds it."""
    row = spec_of(metric)
    if row.loss is Loss.RATIO:
        return format_percent(worse, signed=True)
    if row.unit == "ratio":
        return f"{worse * 100:.2f} points"
    return f"{worse + 0.0:.3g}"  # nothing lost is 0, not -0


def _page(search: Search) -> Page:
    question = search.question
    order = {version: at for at, version in enumerate(question.versions)}
    numbered = sorted(enumerate(search.steps, 1), key=lambda item: (order[item[1].version], item[0]))
    metric = question.metric
    fields = filled(_fields(metric), numbered)
    return Page(
        title=f"{question.case}: {metric}, {question.versions[0]} to {question.versions[-1]}",
        head=tuple(_head(search)),
        columns=columns_of(fields),
        lines=lines_of(fields, numbered, lambda item: MOODS[item[1].mark]),
        sections=tuple(_sections(search)),
    )


def _head(search: Search) -> Iterator[str]:
    finding, metric = search.finding, search.question.metric
    if finding is None:
        yield "interrupted: the same command with --resume goes on"
    elif finding.outcome is SearchOutcome.FOUND:
        yield f"first bad version: {finding.first_bad} (last good one: {finding.last_good})"
    elif finding.outcome is SearchOutcome.FIXED:
        yield "no regression between the ends, but versions in between are worse"
    elif finding.outcome is SearchOutcome.NO_DIFFERENCE:
        yield "no regression between the ends"
    else:
        yield "undecided"
    if finding is not None:
        if finding.reason:
            yield finding.reason
        yield from map(_window, finding.windows if len(finding.windows) > 1 or _is_fixed(finding) else ())
    bad = "does not run the model"
    if metric != "status":
        limit = "a limit not known yet" if search.limit is None else format_worse(search.limit, metric)
        bad = f"is worse by more than {limit}"
    spent = format_span(sum(step.seconds for step in search.steps))
    count = len(search.question.versions)
    yield f"bad is what {bad}; {len(search.steps)} steps, {count} versions, {spent}"
    if finding is not None and finding.unseen:
        yield f"not looked at: {len(finding.unseen)} of {count} versions"
    yield from _course(search)
    if not search.trusted:
        yield "do not trust this: in one step or more the good version differed from itself"


def _is_fixed(finding: SearchResult) -> bool:
    return finding.outcome is SearchOutcome.FIXED


def _window(window: Window) -> str:
    """Write a stretch of bad versions."""
    span = (
        window.first_bad
        if window.first_bad == window.last_bad
        else f"{window.first_bad} to {window.last_bad}"
    )
    return f"bad from {span}; {f'fixed in {window.fixed_in}' if window.fixed_in else 'not fixed yet'}"


def _course(search: Search) -> Iterator[str]:
    """Draw how much worse each version is, in the order of the versions."""
    worse = {step.version: step.worse for step in search.steps if step.worse is not None}
    values = [worse[version] for version in search.question.versions if version in worse]
    if len(values) > 2:
        yield f"worse by, version after version: {sparkline(values)}"


Numbered = tuple[int, Step]
"""A step, and which one it was."""


def _fields(metric: str) -> tuple[Field[Numbered], ...]:
    unit = spec_of(metric).unit
    return (
        Field("step", lambda item: str(item[0]), number=True),
        Field("version", lambda item: item[1].version),
        Field("against", lambda item: item[1].against or None),
        Field("base", lambda item: number(item[1].base, unit), number=True, drop=4),
        Field("head", lambda item: number(item[1].head, unit), number=True, drop=1),
        Field("worse by", lambda item: _worse(item[1], metric), number=True),
        Field("95% interval", lambda item: interval_of(item[1].decision), number=True, drop=3),
        Field("verdict", lambda item: f"{item[1].mark}{'' if item[1].sure else '?'}"),
        Field("why", lambda item: _why(item[1]), drop=2),
    )


def _worse(step: Step, metric: str) -> str | None:
    return None if step.worse is None else format_worse(step.worse, metric)


def _why(step: Step) -> str:
    """Give the reason, but of a version that was passed over: a section has it."""
    if step.mark is StepVerdict.SKIPPED:
        return ""
    return "; ".join(filter(None, (step.reason, need(step.decision, option=True))))


def _sections(search: Search) -> Iterator[Section]:
    finding = search.finding
    if finding is not None and len(finding.suspects) > 1:
        names = ", ".join(finding.suspects)
        entry = Entry(f"the first bad version is one of {names}: those before {finding.first_bad} are open")
        yield Section("Ambiguous", (entry,), "warning")
    skipped: dict[str, list[str]] = {}
    for step in search.steps:
        if step.mark is StepVerdict.SKIPPED:
            skipped.setdefault(step.reason, []).append(step.version)
    if skipped:
        entries = tuple(Entry(reason, (", ".join(versions),)) for reason, versions in skipped.items())
        yield Section(f"Could not be tested: {sum(map(len, skipped.values()))}", entries, "warning")


def _flat(step: Step) -> dict[str, Any]:
    row = step.to_json()
    decision = row.pop("decision") or {}
    return {**row, **{name: decision.get(name) for name in ("low", "high", "p", "blocks", "mde")}}
