"""Turn the raw slices of a block into one log-ratio a metric: the only numbers that an A/B is decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.record import Observation
from harness.trial import Reading

Slices = Sequence[Sequence[int]]
"""The samples of one arm, ns a call, slice by slice."""

QUANTILES = {"latency/p50": 0.50, "latency/p95": 0.95}
MEMORY = "memory/peak"

CALLS_NEEDED = {"latency/p50": 1, "latency/p95": 40}
"""Calls of an arm that a quantile is taken from: two in forty lie beyond the p95."""

Round = tuple[list[int], list[int]]
"""Calls of both arms that were made at about the same time."""


def read_block(
    slices: tuple[Slices, Slices], observations: tuple[Observation | None, Observation | None]
) -> tuple[dict[str, Reading], dict[str, str]]:
    """Return a reading of each metric that this block has, and why it has not the others.

    Memory is among them where both workers were asked for it.
    """
    readings: dict[str, Reading] = {}
    missing: dict[str, str] = {}
    for metric, needed in CALLS_NEEDED.items():
        if rounds := _rounds(*slices, needed):
            readings[metric] = _quantile(rounds, QUANTILES[metric])
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


def _rounds(base: Slices, head: Slices, needed: int) -> list[Round]:
    """Join slices in the order in which they ran, whole ABBAs, until both arms have the calls needed.

    What is left over at the end is left out.
    """
    rounds: list[Round] = []
    ours: list[int] = []
    theirs: list[int] = []
    for i in range(0, min(len(base), len(head)) - 1, 2):
        ours += [*base[i], *base[i + 1]]
        theirs += [*head[i], *head[i + 1]]
        if min(len(ours), len(theirs)) >= needed:
            rounds.append((ours, theirs))
            ours, theirs = [], []
    return rounds


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
