"""Cut the timed calls of a case into stretches of equal length, to see whether they are steady."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.judge.steady import why_unknown

STRETCHES = 12
"""Stretches of a strip at most."""

SPAN = 0.15
"""What a strip shows of the distance to the median; what lies beyond is drawn at its edge."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one case, summed up; quantiles are over the median, less one."""

    stretches: tuple[tuple[float, float, float], ...]
    starts: tuple[int, ...]  # stretches at which another process begins
    calls: int
    processes: int
    median_s: float
    low: float  # 5%
    high: float  # 95%
    known: bool  # whether there are calls enough to tell what is steady


def stretches(samples_ns: Sequence[Sequence[int]]) -> Calls | None:
    """Sum up the calls of each process in order, in ns; None where there are none, or they took no time."""
    processes = [np.asarray(calls, np.float64) / 1e9 for calls in samples_ns if len(calls)]
    if not processes:
        return None
    whole = np.concatenate(processes)
    median = float(np.median(whole))
    if median <= 0:
        return None
    each = max(1, STRETCHES // len(processes))
    found: list[tuple[float, float, float]] = []
    starts = []
    for calls in processes:
        if found:
            starts.append(len(found))
        for part in np.array_split(calls / median - 1, min(each, len(calls))):
            low, middle, high = (float(item) for item in np.quantile(part, (0.05, 0.5, 0.95)))
            found.append((low, middle, high))
    low, high = (float(item) for item in np.quantile(whole / median - 1, (0.05, 0.95)))
    known = not any(why_unknown(calls) for calls in processes)
    return Calls(tuple(found), tuple(starts), len(whole), len(processes), median, low, high, known)
