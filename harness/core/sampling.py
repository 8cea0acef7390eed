"""How long a case is timed: by itself, for a worker needs nothing else of a suite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """How long a case is timed. Not part of its key.

    The timed stretch ends at the first of `calls`, `seconds` and `target_ci`
    (half-width of the 95% interval of p50, as a ratio of p50) that is set and
    met; `max_calls` and `max_seconds` cap it in every case.
    """

    warmup_calls: int = 10
    warmup_s: float = 0.1
    calls: int | None = None
    seconds: float | None = 1.0
    target_ci: float | None = None
    min_calls: int = 5
    max_calls: int = 100_000
    max_seconds: float = 30.0
    processes: int = 1
    timeout_s: float = 300.0
