"""Say how far a run is: a bar on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from types import TracebackType
from typing import IO

from harness.core.metrics import HEADLINE
from harness.core.record import BAD, Record
from harness.core.units import format_span, format_value
from harness.show.escape import visible


class Progress:
    """Follow the cases of a run, as `harness.run.job.Watch`.

    `total` counts the cases, those `finished` in an earlier part included;
    `estimate_s` is for the cases that are left. The bar is redrawn when a
    case begins or ends and at no other moment: a thread that refreshes it
    would run on the cores that are measured.
    """

    def __init__(
        self, total: int, *, finished: int = 0, estimate_s: float = 0.0, stream: IO[str] | None = None
    ) -> None:
        self._total = total
        self._finished = finished
        self._left = total - finished
        self._estimate_s = estimate_s
        self._measured_s = 0.0
        self._measured = 0
        self._stream = stream or sys.stderr
        self._stack = ExitStack()
        self._bar: _Bar | None = None

    def __enter__(self) -> Progress:
        if self._stream.isatty():
            self._bar = self._stack.enter_context(_Bar(self._total, self._finished, self._stream))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._bar = None

    def start(self, case: str) -> None:
        """Say on a terminal that `case` begins."""
        if self._bar is not None:
            self._bar.show(self._finished, f"{visible(case)}{self._eta()}")

    def done(self, record: Record) -> None:
        """Say how a case ended: every one in plain lines, the bad ones above the bar."""
        self._finished += 1
        self._measured += 1
        self._measured_s += record.duration_s
        line = f"[{self._finished:{len(str(self._total))}}/{self._total}] {describe(record)}"
        if self._bar is None:
            print(f"{line}{self._eta()}", file=self._stream, flush=True)
            return
        if record.status in BAD:
            self._bar.say(line)
        self._bar.show(self._finished, "")

    def _eta(self) -> str:
        """Foretell the rest: the estimate counts as one case among those measured so far."""
        left = self._total - self._finished
        known = self._measured + bool(self._estimate_s)
        if not left or not known:
            return ""
        seconds = self._measured_s + (self._estimate_s / self._left if self._estimate_s else 0.0)
        return f"  (eta {format_span(seconds / known * left)})"


def describe(record: Record) -> str:
    """Say in one line how a case ended."""
    p50 = record.metrics.get(HEADLINE)
    number = f"  {format_value(p50.value, p50.unit)} p50" if p50 and p50.value is not None else ""
    reason = f": {visible(record.reason)}" if record.reason else ""
    return f"{visible(record.case)}{number}  {record.status}{reason}"


class _Bar:
    """A bar that is redrawn only when told to."""

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

    def say(self, line: str) -> None:
        self._progress.console.print(line, soft_wrap=True)
