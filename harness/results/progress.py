"""Follow a run from Python: one line that is rewritten in a notebook, the terminal's progress elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any

from harness.core.listener import Listener
from harness.core.record import BAD, Record
from harness.show.escape import visible
from harness.show.progress import Progress, describe


class NotebookProgress(Listener):
    """Rewrite one line of HTML before and after each case, and at no other moment.

    `write` shows a text in place of the one before.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._bad: list[str] = []

    def start_run(self, total: int, finished: int) -> None:
        """Show the bar."""
        self._total, self._finished, self._case = total, finished, ""
        self._show()

    def start_case(self, case: str) -> None:
        """Name the case."""
        self._case = visible(case)
        self._show()

    def end_case(self, record: Record) -> None:
        """Count it, and keep in sight what went wrong."""
        self._finished += 1
        self._case = ""
        if record.status in BAD:
            self._bad.append(describe(record))
        self._show()

    def start_stage(self, stage: str, case: str, number: int, total: int) -> None:
        """Name the stage of an A/B."""
        self._write(f"{escape(stage)} {number}/{total} <code>{escape(visible(case))}</code>")

    def _show(self) -> None:
        bad = "".join(f"<br>{escape(line)}" for line in self._bad)
        self._write(
            f'<progress value="{self._finished}" max="{self._total}"></progress> '
            f"{self._finished}/{self._total} <code>{escape(self._case)}</code>{bad}"
        )


def choose_listener(wanted: bool, estimate_s: float = 0.0) -> Listener:
    """Give what fits where this runs; one that does nothing where progress is not wanted."""
    if not wanted:
        return Listener()
    write = _notebook()
    return NotebookProgress(write) if write else Progress(estimate_s)


def _notebook() -> Callable[[str], None] | None:
    """Give what shows HTML in the cell that runs now; None outside of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    shown: Any = import_module("IPython.display")
    handle = shown.display(shown.HTML(""), display_id=True)

    def write(text: str) -> None:
        handle.update(shown.HTML(text))

    return write
