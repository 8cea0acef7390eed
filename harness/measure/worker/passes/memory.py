"""Memory of the calls after the first: the kernel's peak, reset before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


def run(case: Run) -> None:
    """Call every input once and read the peak, and what a device holds. The proof pass adds the arena's."""
    case.engine.enter("memory")
    refused = case.engine.reset_peak()
    for call in case.calls:
        call()
    case.read_peak("peak", refused)
    case.answer["memory"]["device_peak"] = case.engine.device_memory()
    case.answer["memory"]["arena_peak"] = {"unavailable": "the proof pass did not run"}
