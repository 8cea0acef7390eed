"""Whoever follows a loop while it runs: called before and after every step, for progress alone."""

from __future__ import annotations

from typing import Any

from harness.core.record import Record


class Listener:
    """A listener that does nothing; override what you want to know.

    Nothing that a listener does changes what is measured or decided. A loop
    calls the pair of methods that its unit of work has, and no others.
    """

    def start_run(self, total: int, finished: int) -> None:
        """Called before the first case of a run: `finished` of `total` were measured in an earlier part."""

    def end_run(self) -> None:
        """Called when no case follows, also after an error or an interruption."""

    def start_case(self, case: str) -> None:
        """Called before `case` of a run is measured."""

    def end_case(self, record: Record) -> None:
        """Called with the record of the case."""

    def start_stage(self, stage: str, case: str, number: int, total: int) -> None:
        """Called before a stage of an A/B takes up the case `number` of `total`."""

    def end_stage(self, outcome: str, at_most_s: float) -> None:
        """Called with how the case ended in this stage, and how long the rest of the job may take."""

    def start_step(self, number: int, version: str, against: str) -> None:
        """Called before a step of a bisection."""

    def end_step(self, step: Any) -> None:
        """Called with the `Step` that was taken."""
