"""Turn the raw slices of a block into one log-ratio a metric: the only numbers that an A/B is decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.record import Observation

Slices = Sequence[Sequence[int]]
"""The samples of one arm, ns a call, slice by slice."""

QUANTILES = {"latency/p50": 0.50, "latency/p95": 0.95}
MEMORY = "memory/peak"
METRICS = (*QUANTILES, MEMORY)
"""What a block decides on."""

CALLS_NEEDED = {"latency/p50": 1, "latency/p95": 40}
"""Calls of an arm in one round: fewer have no such quantile. Two in forty lie beyond the p95."""


def log_ratio(base: Slices, head: Slices, metric: str) -> float | None:
    """Return HEAD over BASE of a quantile, as a logarithm; None where the calls are too few.

    Rounds are two slices of each arm, run as ABBA. The ratio is taken in each
    round and the median over the rounds kept: a burst of noise is in few
    rounds, and falls on both arms of those.
    """
    rounds = [(_calls(base, i), _calls(head, i)) for i in range(0, min(len(base), len(head)) - 1, 2)]
    if not rounds or min(len(calls) for pair in rounds for calls in pair) < CALLS_NEEDED[metric]:
        return None
    share = QUANTILES[metric]
    ratios = [np.quantile(theirs, share) / np.quantile(ours, share) for ours, theirs in rounds]
    return float(np.median(np.log(ratios)))


def level(slices: Slices, metric: str) -> float | None:
    """Return the quantile of one arm in one block, in seconds, over all its calls."""
    calls = [sample for part in slices for sample in part]
    return float(np.quantile(calls, QUANTILES[metric])) * 1e-9 if calls else None


def memory(observation: Observation | None) -> float | None:
    """Return the peak of the resident size in bytes, None where it could not be read."""
    reading: Mapping[str, int] = observation.memory.get("peak", {}) if observation else {}
    return float(reading["bytes"]) if reading.get("bytes") else None


def memory_ratio(base: Observation | None, head: Observation | None) -> float | None:
    """Return HEAD over BASE of the peak of the resident size, as a logarithm."""
    before, after = memory(base), memory(head)
    return math.log(after / before) if before and after else None


def _calls(slices: Slices, first: int) -> list[int]:
    return [*slices[first], *slices[first + 1]]
