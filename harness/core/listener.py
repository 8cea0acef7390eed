"""Whoever follows a job while it runs: a run, an A/B, a bisection, or several in one."""

from __future__ import annotations

from typing import Protocol

from harness.core.record import Record


class StepFacts(Protocol):
    """What one step of a bisection found: a `harness.bisect.model.Step`."""

    @property
    def version(self) -> str:
        """The version that was tested."""

    @property
    def against(self) -> str:
        """The version that it was compared with; empty for the first one."""

    @property
    def mark(self) -> str:
        """The verdict."""

    @property
    def worse(self) -> float | None:
        """By how much it is worse; None where no number tells."""

    @property
    def sure(self) -> bool:
        """Whether the verdict is decided, and not an estimate."""

    @property
    def reason(self) -> str:
        """Why the verdict is what it is."""


class Listener:
    """Follow a job. Every method does nothing; a subclass writes those that it needs.

    Called by the loop between measurements, in its own thread: a method that
    works on after it returned would disturb what is measured.
    """

    def run_started(self, total: int, finished: int) -> None:
        """Called before the first case of a run: `finished` of `total` were measured in an earlier part."""

    def case_started(self, case: str) -> None:
        """Called before `case` is measured."""

    def case_done(self, record: Record) -> None:
        """Called after the record of a case is stored."""

    def run_done(self) -> None:
        """Called when no case follows, also after an error or an interruption."""

    def stage_started(self, stage: str, case: str, number: int, total: int) -> None:
        """Called before a stage of an A/B takes up `case`, the `number`-th of `total`."""

    def stage_done(self, outcome: str, at_most_s: float) -> None:
        """Called after that; the rest of the job takes `at_most_s` seconds at most."""

    def step_started(self, number: int, version: str, against: str) -> None:
        """Called before the `number`-th step of a bisection tests `version`."""

    def step_done(self, step: StepFacts) -> None:
        """Called after a step is stored."""
