"""Show how far a job is: a bar on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import IO

from harness.core.listener import Listener
from harness.core.metrics import HEADLINE
from harness.core.record import BAD, Record
from harness.core.units import format_span, format_value
from harness.show.escape import visible


class Lines(Listener):
    """Print a line whenever a case ends in a stage of an A/B."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._line = ""

    def start_stage(self, stage: str, case: str, number: int, total: int) -> None:
        """Keep which case it is."""
        self._line = f"[{stage} {number}/{total}] {visible(case)}"

    def end_stage(self, outcome: str, at_most_s: float) -> None:
        """Print how the case ended, and how long the rest may take."""
        rest = f"  (at most {format_span(at_most_s)} left)" if at_most_s else ""
        self._print(f"{self._line}: {visible(outcome)}{rest}")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class Progress(Lines):
    """Follow the cases of a run, and the A/Bs after it.

    `estimate_s` is for the whole plan. The bar is redrawn when a case begins
    or ends and at no other moment: a thread that refreshes it would run on the
    cores that are measured.
    """

    def __init__(self, estimate_s: float = 0.0, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._plan_s = estimate_s
        self._stack = ExitStack()
        self._bar: _Bar | None = None

    def start_run(self, total: int, finished: int) -> None:
        """Draw the bar on a terminal."""
        self._total, self._finished, self._left = total, finished, total - finished
        self._estimate_s = self._plan_s * self._left / max(total, 1)
        self._measured, self._measured_s = 0, 0.0
        if self._stream.isatty():
            self._bar = self._stack.enter_context(_Bar(total, finished, self._stream))

    def end_run(self) -> None:
        """Take the bar away."""
        self._stack.close()
        self._bar = None

    def start_case(self, case: str) -> None:
        """Name the case on a terminal."""
        if self._bar is not None:
            self._bar.show(self._finished, f"{visible(case)}{self._eta()}")

    def end_case(self, record: Record) -> None:
        """Print how a case ended: every one where there is no terminal, the bad ones above the bar."""
        self._finished += 1
        self._measured += 1
        self._measured_s += record.duration_s
        line = f"[{self._finished:{len(str(self._total))}}/{self._total}] {describe(record)}"
        if self._bar is None:
            self._print(f"{line}{self._eta()}")
            return
        if record.status in BAD:
            self._bar.print(line)
        self._bar.show(self._finished, "")

    def _eta(self) -> str:
        """Estimate the remaining time: the estimate counts as one case among those measured so far."""
        left = self._total - self._finished
        known = self._measured + bool(self._estimate_s)
        if not left or not known:
            return ""
        seconds = self._measured_s + (self._estimate_s / self._left if self._estimate_s else 0.0)
        return f"  (eta {format_span(seconds / known * left)})"


def describe(record: Record) -> str:
    """Write in one line how a case ended."""
    p50 = record.metrics.get(HEADLINE)
    number = f"  {format_value(p50.value, p50.unit)} p50" if p50 and p50.value is not None else ""
    reason = f": {visible(record.reason)}" if record.reason else ""
    return f"{visible(record.case)}{number}  {record.status}{reason}"


class _Bar:
    """A bar that is redrawn when `show` is called, and at no other moment."""

    def __init__(self, total: int, finished: int, stream: IO[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            console=Console(file=stream, markup=False, highlight=False, emoji=False),
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total, completed=finished)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, finished: int, text: str) -> None:
        self._progress.update(self._task, completed=finished, description=text, refresh=True)

    def print(self, line: str) -> None:
        self._progress.console.print(line, soft_wrap=True)
