"""Turn the raw slices of a block into one log-ratio a metric: the only numbers that an A/B is decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TypeVar

import numpy as np

from harness.ab.model import BlockReading
from harness.core.metrics import METRICS
from harness.core.record import Observation
from harness.stats.signed_rank import Floats

Slices = Sequence[Sequence[int]]
"""The samples of one arm, ns a call, slice by slice."""

P50, P95, MEMORY = "latency/p50", "latency/p95", "memory/peak"
QUANTILES = {name: row.quantile for name in (P50, P95) if (row := METRICS[name]).quantile}

P95_CALLS = 40
"""Calls of an arm that a p95 is taken from at least: two in forty lie beyond it."""

P95_ROUND_CALLS = 130
"""Calls of an arm that make a round of their own, where there are so many: of fewer, chance decides
whether a p95 lies among the slow calls or the fast ones."""

CALM_NEEDED = 3
"""Undisturbed ABBAs that the others are left out for, as to p95."""

AGREEMENT = 0.04
"""How far apart an arm's two slices in an ABBA may be, as a logarithm, to halve what it weighs as to p50.

With a neighbour that burnt the same core, p50 strayed by more than 0.9% in 7% of blocks of fewer than
fifteen ABBAs where they were weighed so, and in 11% where all counted alike.
"""

PAIRED_CALLS = 32
"""Calls of an arm in an ABBA that are paired with the other's; of more, so many equally spaced quantiles."""

MAD_TO_SD, MEDIAN_TO_MEAN = 1.4826, 1.2533
"""Of normal values: their SD over the median absolute deviation; the error of the median over the mean's."""

Item = TypeVar("Item")

Round = tuple[list[int], list[int]]
"""Calls of both arms that were made at about the same time."""


def read_block(
    slices: tuple[Slices, Slices],
    preempted: tuple[Sequence[int], Sequence[int]],
    observations: tuple[Observation | None, Observation | None],
) -> tuple[dict[str, BlockReading], dict[str, str]]:
    """Return a reading of each metric that this block has, and why it has not the others.

    Memory is among them where both workers were asked for it.
    """
    readings: dict[str, BlockReading] = {}
    missing: dict[str, str] = {}
    turns = _turns(*slices)
    calls = _calls(turns)
    if calls:
        readings[P50] = _read_p50(turns, _agreement(*slices))
    else:
        missing[P50] = "no calls of an arm in a block"
    if calls >= P95_CALLS:
        readings[P95] = _read_p95(_calm(turns, [sum(map(sum, pair)) for pair in _both(*preempted)]))
    else:
        missing[P95] = f"{calls} calls of an arm in a block; {P95_CALLS} are needed"
    peaks = [_peak(observation) for observation in observations]
    if None not in peaks:
        before, after = (peak.get("bytes") for peak in peaks if peak is not None)
        if before and after:
            readings[MEMORY] = BlockReading(math.log(after / before), before, after)
        else:
            missing[MEMORY] = str(
                next(peak["unavailable"] for peak in peaks if peak and "unavailable" in peak)
            )
    return readings, missing


def _both(base: Sequence[Item], head: Sequence[Item]) -> list[tuple[tuple[Item, Item], tuple[Item, Item]]]:
    """Give both arms' two slices in every ABBA; an unfinished one is left out."""
    twos = (zip(arm[::2], arm[1::2], strict=False) for arm in (base, head))
    return list(zip(*twos, strict=False))


def _turns(base: Slices, head: Slices) -> list[Round]:
    """Join the two slices of each arm in every ABBA."""
    return [([*a, *b], [*c, *d]) for (a, b), (c, d) in _both(base, head)]


def _agreement(base: Slices, head: Slices) -> Floats:
    """Weigh every ABBA by how well each arm's two slices in it agree.

    Where they do not, the speed of the core changed in the midst of it. That
    affects both arms alike: the weights favour neither.
    """
    centres = [
        [math.log(max(1.0, median(part))) if len(part) else 0.0 for part in arm] for arm in (base, head)
    ]
    return np.array([1 / (AGREEMENT + abs(a - b) + abs(c - d)) for (a, b), (c, d) in _both(*centres)])


def _calm(turns: Sequence[Round], preempted: Sequence[int]) -> Sequence[Round]:
    """Leave out the ABBAs in which something else took a core away, where enough others are there.

    An ABBA has slices of both arms, so the choice favours neither. The samples of all are kept. Fewer calls
    than make a round are not chosen from: how many slow ones are among those left would be chance.
    """
    calm = [turn for turn, count in zip(turns, preempted, strict=True) if count == 0]
    return calm if len(calm) >= CALM_NEEDED and _calls(calm) >= P95_ROUND_CALLS else turns


def _calls(turns: Sequence[Round]) -> int:
    """Count the calls of the arm that has fewer."""
    return min(sum(map(len, arm)) for arm in zip(*turns, strict=True)) if turns else 0


def _rounds(turns: Sequence[Round]) -> list[Round]:
    """Join ABBAs in the order in which they ran: as many rounds as have calls enough, one at least."""
    count = min(len(turns), max(1, _calls(turns) // P95_ROUND_CALLS))
    bounds = [len(turns) * i // count for i in range(count + 1)]
    return [
        (
            [call for base, _ in turns[start:end] for call in base],
            [call for _, head in turns[start:end] for call in head],
        )
        for start, end in pairwise(bounds)
    ]


def _read_p50(turns: Sequence[Round], weights: Floats) -> BlockReading:
    """Take the ratio of every call of HEAD to every call of BASE in the same ABBA; keep the median of all.

    That is Hodges and Lehmann's (1963) estimate of a shift between two samples, of the logarithms.
    Noise only ever adds to a call: it falls on both arms, and cancels there, where a median of few
    calls has it or has not. The ABBAs have a weight each. The error is that of a median over them:
    the spread of their own estimates over the root of their number.
    """
    medians, before, after = _ratios(turns, QUANTILES[P50])
    if not np.isfinite(medians).all():
        return BlockReading(math.nan, before, after)
    pairs = [_pairs(base, head) for base, head in turns]
    shares = [np.full(len(part), weight / len(part)) for part, weight in zip(pairs, weights, strict=True)]
    ratio = _median(np.concatenate(pairs), np.concatenate(shares))
    apart = [abs(float(np.median(part)) - ratio) for part in pairs]
    error = MEDIAN_TO_MEAN * MAD_TO_SD * float(np.median(apart)) / math.sqrt(len(apart))
    rounds = tuple(float(np.median(part)) for part in pairs)
    return BlockReading(ratio, before, after, error, rounds)


def _pairs(base: Sequence[int], head: Sequence[int]) -> Floats:
    """Return the log-ratio of every call of `head` to every call of `base`."""
    before, after = (np.log(_thinned(calls)) for calls in (base, head))
    return np.subtract.outer(after, before).ravel()


def _thinned(calls: Sequence[int]) -> Floats:
    """Return the calls, or as many quantiles as are paired where there are more; 1 ns at least."""
    found = np.maximum(1.0, np.asarray(calls, np.float64))
    if len(found) <= PAIRED_CALLS:
        return found
    return np.quantile(found, (np.arange(PAIRED_CALLS) + 0.5) / PAIRED_CALLS)


def _read_p95(turns: Sequence[Round]) -> BlockReading:
    """Take the ratio of the p95s in each round of calls enough, and keep the median over the rounds.

    The error is that of a quantile of all calls, estimated from the calls beside it (both arms together).
    """
    rounds = _rounds(turns)
    ratios, before, after = _ratios(rounds, QUANTILES[P95])
    arms = [np.concatenate([np.asarray(part) for part in arm]) for arm in zip(*turns, strict=True)]
    return BlockReading(float(np.median(ratios)), before, after, math.hypot(*map(_error_of_p95, arms)))


def _error_of_p95(calls: Floats) -> float:
    """Return half the distance, as a logarithm, of the quantiles by one standard error on either side."""
    share = QUANTILES[P95]
    aside = math.sqrt(share * (1 - share) / len(calls))
    low, high = np.maximum(1.0, np.quantile(calls, [share - aside, min(1.0, share + aside)]))
    return math.log(high / low) / 2


def _ratios(rounds: Sequence[Round], share: float) -> tuple[Floats, float, float]:
    """Return the log-ratio of a quantile in each round, and each arm's median over the rounds, s."""
    levels = np.array([[np.quantile(calls, share) for calls in pair] for pair in rounds], np.float64)
    before, after = np.median(levels, axis=0) * 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):  # calls too short for the clock have no ratio
        return np.log(levels[:, 1] / levels[:, 0]), float(before), float(after)


def _median(values: Floats, weights: Floats) -> float:
    """Return the weighted median: half of the weight lies below it, and half above."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / np.sum(weights)
    places = [int(np.searchsorted(below, 0.5 + slack)) for slack in (-1e-9, 1e-9)]
    return float(np.mean(values[order][places]))


def _peak(observation: Observation | None) -> Mapping[str, int] | None:
    return observation.memory.get("peak") if observation else None
