"""What a runtime must be able to do to be measured."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import CaseError, Failed, Unsupported
from harness.measure.worker import system

if TYPE_CHECKING:
    import numpy as np

    from harness.core.feeds import Rows
    from harness.measure.worker.request import Request

Call = Callable[[], object]
"""One inference on one feed that was bound before."""

Reading = dict[str, Any]
"""``{"bytes": int}`` or ``{"unavailable": "why"}``; zero is never "unknown"."""


class Engine(ABC):
    """One way to run a model, with the clock and the gauges that go with it.

    The stages call, in order: `load`, `prepare`, `create`, `describe`, `bind` (once for each stage
    that calls), `evaluate`, `close`, `prove`. Every method may raise
    Unsupported, Failed, or whatever the runtime raises; `explain` turns the
    latter into one of the former.
    """

    clock_name = "perf_counter_ns"
    clock: Callable[[], int] = staticmethod(time.perf_counter_ns)
    """Read the monotonic clock, in ns. The builtin itself: every layer would be in every sample."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.stage = ""

    @abstractmethod
    def load(self) -> dict[str, Any]:
        """Import the runtime; return the facts of the part ``runtime``, import_ns left out."""

    @abstractmethod
    def prepare(self) -> None:
        """Check that the runtime can do what is asked for, and make its options."""

    @abstractmethod
    def create(self) -> None:
        """Create the session and do nothing else: this call is timed."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what the live session says of itself: the part ``session``, times left out."""

    @abstractmethod
    def bind(self, feeds: Sequence[Rows]) -> list[Call]:
        """Make one call of each feed, its inputs and outputs bound where the provider runs."""

    @abstractmethod
    def evaluate(self, feed: Rows) -> Mapping[str, np.ndarray | str]:
        """Run `feed` once; return an array for each output, or why there is none."""

    def foreign_types(self) -> Mapping[str, str]:
        """Return the element types of outputs that `evaluate` gives in another type, for want of numpy's."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Drop the session and all that is bound to it."""

    @abstractmethod
    def prove(self, feeds: Sequence[Rows], folder: Path) -> dict[str, Any]:
        """Find out what ran where, in a session of its own; return the part ``proof``.

        The key ``arena_peak`` holds a reading, moved to the part ``memory``.
        """

    def profile(self, feeds: Sequence[Rows], folder: Path) -> dict[str, Any]:
        """Profile warm calls in a session of its own; return the part ``profile``.

        The optimized graph is left in `folder`. Raises Unsupported where there is no profile.
        """
        raise Unsupported(f"{type(self).__name__} has no profile")

    def explain(self, error: Exception) -> CaseError:
        """Return what an exception of the runtime means: Unsupported, or Failed."""
        return Failed(one_line(f"{type(error).__name__}: {error}"))

    def enter(self, stage: str) -> None:
        """Called when `stage` begins: "import", "session", "first_call", a pass, or "warmup"."""
        self.stage = stage

    def usage(self) -> dict[str, int]:
        """Count CPU time, context switches and page faults of this process up to now."""
        return system.usage()

    def resident(self, phase: str) -> Reading:
        """Read the resident size. `phase` says when: "before_runtime", "after_import", ..."""
        return system.resident()

    def reset_peak(self) -> str:
        """Reset the kernel's peak of the resident size; return why it could not, or nothing."""
        return system.reset_peak()

    def peak(self, phase: str) -> Reading:
        """Read the peak of the resident size since it was reset. `phase`: "session_peak" or "peak"."""
        return system.peak()

    def device_memory(self) -> Reading:
        """Read what this process holds on a device."""
        return {"unavailable": IN_MAIN_MEMORY}


IN_MAIN_MEMORY = "the provider computes in main memory"


def one_line(text: str, limit: int = 500) -> str:
    """Return `text` in one line, cut at `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
