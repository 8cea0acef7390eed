"""The exact one-sample signed-rank test, its estimate and interval (Wilcoxon 1945, Hodges and Lehmann 1963).

Beside it the sign test, for values so wild that the largest ranks say nothing.

Everything is read off the Walsh averages, the means of all pairs of values
(each with itself too): the rank sum of the values above a threshold is the
number of Walsh averages above it (Tukey 1949). So test, estimate and interval
agree with each other by construction. The null distribution is exact for
every number of values; a tie with the threshold counts as not beyond it, and
ties between values make the test conservative, never the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = Sequence[float] | Floats

POWER = 0.95
"""Chance with which the smallest visible effect is seen."""

_DRAWS = 4000
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


def walsh(values: Values) -> Floats:
    """Return the n(n+1)/2 Walsh averages in ascending order."""
    x = np.asarray(values, np.float64)
    rows, columns = np.triu_indices(len(x))
    return np.sort((x[rows] + x[columns]) / 2)


def p_above(values: Values, threshold: float) -> float:
    """Return the exact one-sided p of "the values lie above the threshold"; 1 without values."""
    beyond = int(np.count_nonzero(walsh(values) > threshold))
    return float(tail(len(values))[beyond])


def p_below(values: Values, threshold: float) -> float:
    """Return the exact one-sided p of "the values lie below the threshold"; 1 without values."""
    return p_above([-value for value in values], -threshold)


def sign_above(values: Values, threshold: float) -> float:
    """Return the exact one-sided p of the sign test of "the values lie above"."""
    from scipy.special import bdtrc

    beyond = int(np.count_nonzero(np.asarray(values, np.float64) > threshold))
    return float(bdtrc(beyond - 1, len(values), 0.5)) if beyond else 1.0


def sign_below(values: Values, threshold: float) -> float:
    """Return the exact one-sided p of the sign test of "the values lie below"."""
    return sign_above([-value for value in values], -threshold)


def estimate(values: Values) -> float:
    """Return the Hodges-Lehmann estimate: the median of the Walsh averages."""
    return float(np.median(walsh(values)))


def interval(values: Values, level: float = 0.95) -> tuple[float, float] | None:
    """Return the exact two-sided interval; None where there are too few values for the level."""
    critical = critical_count(len(values), (1 - level) / 2)
    if critical is None:
        return None
    averages = walsh(values)
    return float(averages[-critical]), float(averages[critical - 1])


@cache
def critical_count(n: int, alpha: float) -> int | None:
    """Return the fewest Walsh averages beyond a threshold that reject at `alpha`; None where none do."""
    chances = tail(n)
    if chances[-1] > alpha:
        return None
    return int(np.argmax(chances <= alpha))


def values_needed(alpha: float) -> int:
    """Return the fewest values with which the test can reject at all: 2^-n ≤ alpha."""
    n = 1
    while 0.5**n > alpha:
        n += 1
    return n


def sign_values_needed(alpha: float, strays: int) -> int:
    """Return the fewest values with which the sign test rejects though `strays` lie on the wrong side."""
    n = strays + 1
    while sign_above([1.0] * (n - strays) + [-1.0] * strays, 0.0) > alpha:
        n += 1
    return n


@cache
def sign_visible_shift(n: int, alpha: float) -> float | None:
    """Return the same of the sign test: how far normal values must lie, in SDs, to be seen with POWER.

    By simulation with a fixed seed; None where n values can never reject.
    """
    strays = -1
    while strays + 1 < n and sign_values_needed(alpha, strays + 1) <= n:
        strays += 1
    if strays < 0:
        return None
    lowest = np.sort(np.random.default_rng(n).standard_normal((_DRAWS, n)))[:, strays]
    return float(np.quantile(-lowest, POWER))


@cache
def visible_shift(n: int, alpha: float) -> float | None:
    """Return how far beyond the threshold normal values must lie, in SDs, to be seen with POWER.

    By simulation with a fixed seed; None where n values can never reject.
    """
    if n > _LARGEST:
        reference = visible_shift(_LARGEST, alpha)
        return None if reference is None else float(reference * (_LARGEST / n) ** 0.5)
    critical = critical_count(n, alpha)
    if critical is None:
        return None
    generator = np.random.default_rng(n)
    # a shift of s is seen when the critical-th largest Walsh average, plus s, is above zero
    short = [-walsh(generator.standard_normal(n))[-critical] for _ in range(_DRAWS)]
    return float(np.quantile(short, POWER))
