"""Turn the raw slices of a block into one log-ratio a metric: the only numbers that an A/B is decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from harness.record import Observation
from harness.trial import Reading

Slices = Sequence[Sequence[int]]
"""The samples of one arm, ns a call, slice by slice."""

QUANTILES = {"latency/p50": 0.50, "latency/p95": 0.95}
MEMORY = "memory/peak"

CALLS_NEEDED = {"latency/p50": 1, "latency/p95": 40}
"""Calls of an arm that a quantile is taken from: two in forty lie beyond the p95."""

ROUND_CALLS = {"latency/p50": 1, "latency/p95": 130}
"""Calls of an arm that make a round of their own, where there are so many: of fewer, chance decides
whether a p95 lies among the slow calls or the fast ones."""

CALM_NEEDED = 3
"""Undisturbed ABBAs that the others are left out for."""

Round = tuple[list[int], list[int]]
"""Calls of both arms that were made at about the same time."""


def read_block(
    slices: tuple[Slices, Slices],
    preempted: tuple[Sequence[int], Sequence[int]],
    observations: tuple[Observation | None, Observation | None],
) -> tuple[dict[str, Reading], dict[str, str]]:
    """Return a reading of each metric that this block has, and why it has not the others.

    Memory is among them where both workers were asked for it.
    """
    readings: dict[str, Reading] = {}
    missing: dict[str, str] = {}
    every = _turns(*slices)
    calm = _calm(every, [sum(counts) for counts in zip(*map(_pairs, preempted), strict=False)])
    for metric, needed in CALLS_NEEDED.items():
        turns = next((turns for turns in (calm, every) if _calls(turns) >= needed), None)
        if turns is not None:
            readings[metric] = _quantile(_rounds(turns, ROUND_CALLS[metric]), QUANTILES[metric])
        else:
            calls = min(sum(map(len, arm)) for arm in slices)
            missing[metric] = f"{calls} calls of an arm in a block; {needed} are needed"
    peaks = [_peak(observation) for observation in observations]
    if None not in peaks:
        before, after = (peak.get("bytes") for peak in peaks if peak is not None)
        if before and after:
            readings[MEMORY] = Reading(math.log(after / before), before, after)
        else:
            missing[MEMORY] = str(
                next(peak["unavailable"] for peak in peaks if peak and "unavailable" in peak)
            )
    return readings, missing


def _turns(base: Slices, head: Slices) -> list[Round]:
    """Join the two slices of each arm in every ABBA."""
    halves = [[[*arm[i], *arm[i + 1]] for i in range(0, len(arm) - 1, 2)] for arm in (base, head)]
    return list(zip(*halves, strict=False))


def _calm(turns: Sequence[Round], preempted: Sequence[int]) -> Sequence[Round]:
    """Leave out the ABBAs in which something else took a core away, where enough others are there.

    That says nothing of either arm, and an ABBA has both: the choice favours
    neither. The samples of all are kept.
    """
    calm = [turn for turn, count in zip(turns, preempted, strict=True) if count == 0]
    return calm if len(calm) >= CALM_NEEDED else turns


def _pairs(counts: Sequence[int]) -> list[int]:
    return [counts[i] + counts[i + 1] for i in range(0, len(counts) - 1, 2)]


def _calls(turns: Sequence[Round]) -> int:
    """Count the calls of the arm that has fewer."""
    return min(sum(map(len, arm)) for arm in zip(*turns, strict=True)) if turns else 0


def _rounds(turns: Sequence[Round], wanted: int) -> list[Round]:
    """Join ABBAs in the order in which they ran: as many rounds as have the calls `wanted`, one at least."""
    count = min(len(turns), max(1, _calls(turns) // wanted))
    bounds = [len(turns) * i // count for i in range(count + 1)]
    return [
        (
            [call for base, _ in turns[start:end] for call in base],
            [call for _, head in turns[start:end] for call in head],
        )
        for start, end in pairwise(bounds)
    ]


def _quantile(rounds: Sequence[Round], share: float) -> Reading:
    """Take the ratio of a quantile in each round, and keep the median over the rounds.

    A burst of noise is in few rounds, and falls on both arms of those.
    """
    levels = np.array([[np.quantile(calls, share) for calls in pair] for pair in rounds], np.float64)
    ratio = float(np.median(np.log(levels[:, 1] / levels[:, 0])))
    before, after = np.median(levels, axis=0) * 1e-9
    return Reading(ratio, float(before), float(after))


def _peak(observation: Observation | None) -> Mapping[str, int] | None:
    return observation.memory.get("peak") if observation else None
