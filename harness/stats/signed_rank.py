"""The exact one-sample signed-rank test, its estimate and interval (Wilcoxon 1945, Hodges and Lehmann 1963).

Everything is read off the Walsh averages, the means of all pairs of values
(each with itself too): the rank sum of the values above a threshold is the
number of Walsh averages above it (Tukey 1949). So test, estimate and interval
agree with each other by construction. The null distribution is exact for
every number of values; a tie with the threshold counts as not beyond it, and
ties between values make the test conservative, never the other way.

Values may have weights, the inverse of what is known of their errors. Then
the distances from the threshold are ranked in units of these: a wild value
that is known to be imprecise has a small rank, where it would outweigh all
others. Of two distances x/s and y/t the sum is positive where the mean of x
and y weighted by 1/s and 1/t is: the weighted Walsh averages count the same.
The test stays exact whatever the weights are, so long as they say nothing of
the side of the threshold on which a value lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = Sequence[float] | Floats

POWER = 0.95
"""Chance with which the smallest visible effect is seen."""

_DRAWS = 4000
_PARTS = 8  # of the draws, which together would fill a cache
_LARGEST = 60  # values up to which the factor of the smallest visible effect is simulated


@cache
def tail(n: int) -> Floats:
    """Return P(T ≥ t) for t = 0 … n(n+1)/2, where T sums a random half of the ranks 1 … n."""
    mass = np.ones(1)
    for rank in range(1, n + 1):
        wider = np.zeros(len(mass) + rank)
        wider[: len(mass)] += mass / 2
        wider[rank:] += mass / 2
        mass = wider
    return np.minimum(1.0, np.cumsum(mass[::-1])[::-1])


@cache
def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of all pairs of n values."""
    return np.triu_indices(n)


def walsh(values: Values, weights: Values | None = None) -> Floats:
    """Return the n(n+1)/2 Walsh averages in ascending order; weighted ones where there are `weights`."""
    x = np.asarray(values, np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    rows, columns = _pairs(len(x))
    return np.sort((x[rows] * w[rows] + x[columns] * w[columns]) / (w[rows] + w[columns]))


def p_above(values: Values, threshold: float, weights: Values | None = None) -> float:
    """Return the exact one-sided p of "the values lie above the threshold"; 1 without values."""
    beyond = int(np.count_nonzero(walsh(values, weights) > threshold))
    return float(tail(len(values))[beyond])


def p_below(values: Values, threshold: float, weights: Values | None = None) -> float:
    """Return the exact one-sided p of "the values lie below the threshold"; 1 without values."""
    return p_above([-value for value in values], -threshold, weights)


def estimate(values: Values, weights: Values | None = None) -> float:
    """Return the Hodges-Lehmann estimate: the median of the Walsh averages."""
    return float(np.median(walsh(values, weights)))


def spread(values: Values, weights: Values | None = None) -> float:
    """Return the SD around the mean, both weighted; that of the sample where all weigh the same."""
    x = np.asarray(values, np.float64)
    n = len(x)
    square = float(np.average((x - np.average(x, weights=weights)) ** 2, weights=weights))
    return math.sqrt(square * n / (n - 1))


def interval(
    values: Values, level: float = 0.95, weights: Values | None = None
) -> tuple[float, float] | None:
    """Return the exact two-sided interval; None where there are too few values for the level."""
    critical = critical_count(len(values), (1 - level) / 2)
    if critical is None:
        return None
    averages = walsh(values, weights)
    return float(averages[-critical]), float(averages[critical - 1])


@cache
def critical_count(n: int, alpha: float) -> int | None:
    """Return the fewest Walsh averages beyond a threshold that reject at `alpha`; None where none do."""
    chances = tail(n)
    if chances[-1] > alpha:
        return None
    return int(np.argmax(chances <= alpha))


def values_needed(alpha: float, strays: int = 0) -> int:
    """Return the fewest values that reject though those of the `strays` smallest ranks say otherwise."""
    n = strays + 1
    while tail(n)[(n * (n + 1) - strays * (strays + 1)) // 2] > alpha:
        n += 1
    return n


@cache
def visible_shift(n: int, alpha: float) -> float | None:
    """Return how far beyond the threshold normal values must lie, in SDs, to be seen with POWER.

    By simulation with a fixed seed; None where n values can never reject.
    """
    if n > _LARGEST:
        reference = visible_shift(_LARGEST, alpha)
        return None if reference is None else float(reference * (_LARGEST / n) ** 0.5)
    critical = critical_count(n, alpha)
    return None if critical is None else _simulated_shift(n, critical)


@cache
def _simulated_shift(n: int, critical: int) -> float:
    """Return the shift with which `critical` of n values' Walsh averages lie above zero, with POWER."""
    rows, columns = _pairs(n)
    draws = np.random.default_rng(n).standard_normal((_DRAWS, n))
    place = len(rows) - critical
    # a shift of s is seen when the critical-th largest Walsh average, plus s, is above zero
    short = [
        -np.partition((part[:, rows] + part[:, columns]) / 2, place)[:, place]
        for part in np.array_split(draws, _PARTS)
    ]
    return float(np.quantile(np.concatenate(short), POWER))
