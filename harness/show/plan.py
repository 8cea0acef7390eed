"""What a plan comes to, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.core.case import Case
from harness.core.record import Status
from harness.core.sampling import Sampling
from harness.core.suite import Plan
from harness.core.units import count, format_span
from harness.show.fields import Field, columns_of, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section

MAX_CASES = 30
"""Cases that are named on a terminal; all of them elsewhere."""

FIELDS: tuple[Field[Case], ...] = (Field("case", lambda case: case.key),)


class KnownGatedCalls(Protocol):
    """Cases that time more calls for the sake of their gates."""

    @property
    def calls(self) -> int:
        """Calls of a process."""

    @property
    def cases(self) -> int:
        """Cases that time so many."""

    @property
    def seconds(self) -> float:
        """What they take more."""


class KnownPlan(Protocol):
    """What is known of a plan beforehand; `harness.plan` fills it in."""

    @property
    def cases(self) -> int:
        """Cases to measure."""

    @property
    def artifacts_to_build(self) -> int:
        """Distinct model files."""

    @property
    def skips(self) -> Mapping[str, int]:
        """Reason -> cells left out."""

    @property
    def seconds(self) -> float:
        """The time all of it takes."""

    @property
    def gated(self) -> Sequence[KnownGatedCalls]:
        """What the calls that gates of percentiles take add to that time."""


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """A plan, for every view."""

    plan: Plan
    estimate: KnownPlan
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)  # model -> what lint found in it

    @property
    def kind(self) -> str:
        """What it is."""
        return "plan"

    def page(self) -> Page:
        """Lay it out: what it comes to, then the cases and what is skipped."""
        suite, known = self.plan.suite, self.estimate
        models = f"{count(len(suite.models), 'model')}: {', '.join(model.name for model in suite.models)}"
        build = f"{count(known.artifacts_to_build, 'model file')} to build, less those in the cache"
        skipped = sum(known.skips.values())
        return Page(
            title=f"{suite.name}: {count(known.cases, 'case')}, about {format_span(known.seconds)}",
            head=tuple(
                filter(
                    None,
                    (
                        " ".join(suite.description.split()),
                        f"suite {suite.path}",
                        models,
                        build,
                        *(_gated(gated, suite.sampling) for gated in known.gated),
                    ),
                )
            ),
            columns=columns_of(FIELDS),
            lines=lines_of(FIELDS, self.plan.cases),
            sections=(*_skipped(known.skips, skipped), *_lint(self.notes)),
            most=MAX_CASES,
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a case, planned or skipped: its key, every axis, status, reason."""
        return [
            {"case": cell["case"], **cell["axes"], "status": cell["status"], "reason": cell["reason"]}
            for cell in self.data()
        ]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case: case, axes, status, reason."""
        return [
            *(_cell(case, "planned", "") for case in self.plan.cases),
            *(_cell(skip.case, str(Status.SKIPPED), skip.because) for skip in self.plan.skips),
        ]


def _gated(known: KnownGatedCalls, sampling: Sampling) -> str:
    """Say what gates of percentiles cost, and what caps it."""
    more = f"about {format_span(known.seconds)} more" if known.seconds else "within the time of a case"
    calls, cases = count(known.calls, "call"), count(known.cases, "case")
    return (
        f"gates of percentiles: {calls} in each process of {cases}, {more}; "
        f"max_seconds ends them after {format_span(sampling.max_seconds)}"
    )


def _skipped(skips: Mapping[str, int], number: int) -> Iterator[Section]:
    if number:
        entries = tuple(Entry(f"{reason} ({count(cases, 'case')})") for reason, cases in skips.items())
        yield Section(f"Skipped: {count(number, 'case')}", entries, "warning")


def _lint(notes: Mapping[str, Sequence[str]]) -> Iterator[Section]:
    for model, lines in notes.items():
        yield Section(f"Lint of {model}", tuple(map(Entry, lines)), "warning")


def _cell(case: Case, status: str, reason: str) -> dict[str, Any]:
    return {"case": case.key, "axes": dict(case.axes), "status": status, "reason": reason}
