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
"""Calls of an arm in one round: fewer have no such quantile. Two in forty lie beyond the p95."""


CALM = 1
"""Preemptions by which a round may exceed the calmest one of its block, and still count."""


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
    rounds = _calm(_rounds(*slices), _rounds_preempted(*preempted))
    calls = min((len(arm) for pair in rounds for arm in pair), default=0)
    for metric, needed in CALLS_NEEDED.items():
        if calls < needed:
            missing[metric] = f"{calls} calls of an arm in a round; {needed} are needed"
        else:
            readings[metric] = _quantile(rounds, QUANTILES[metric])
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


Round = tuple[list[int], list[int]]
"""The calls of both arms in one round: two slices of each, run as ABBA."""


def _rounds(base: Slices, head: Slices) -> list[Round]:
    return [([*base[i], *base[i + 1]], [*head[i], *head[i + 1]]) for i in _firsts(base, head)]


def _rounds_preempted(base: Sequence[int], head: Sequence[int]) -> list[int]:
    return [sum(base[i : i + 2]) + sum(head[i : i + 2]) for i in _firsts(base, head)]


def _firsts(base: Sequence[object], head: Sequence[object]) -> range:
    return range(0, min(len(base), len(head)) - 1, 2)


def _calm(rounds: Sequence[Round], preempted: Sequence[int]) -> list[Round]:
    """Keep the rounds in which the cores were left alone, or the calmest ones where there are none.

    What else took a core away says nothing of either arm, and a round has
    both: the choice favours neither.
    """
    limit = min(preempted, default=0) + CALM
    return [pair for pair, count in zip(rounds, preempted, strict=True) if count <= limit]


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
