"""Take a profile of warm calls, in a second session; the first is closed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


def run(case: Run) -> None:
    """Fill the part ``profile``; the optimized graph lies in the worker's folder."""
    case.engine.enter("profile")
    case.calls = []
    case.engine.close()
    case.answer["profile"].update(case.engine.profile(case.feeds, case.folder))
