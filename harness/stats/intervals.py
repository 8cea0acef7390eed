"""Intervals and sample floors.

Everything is at 95% unless a level is named. The unit of replication between
processes is the process: calls within one process share its luck (memory
layout, frequency, neighbours), so their number says little about the next one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.95


def quantile_ranks(n: int, quantile: float, level: float = LEVEL) -> tuple[int, int] | None:
    """Return the 1-based ranks of the order statistics that hold `quantile` between them.

    Distribution-free: the number of samples below the quantile is binomial.
    None where n is too small for both ends (n < 6 for the median at 95%).
    """
    below = binomial_shares(n, quantile)
    tail = (1 - level) / 2
    low = int(np.searchsorted(below, tail, side="left"))
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return (low, high) if low >= 1 and high <= n else None


def binomial_shares(n: int, share: float) -> Floats:
    """Return the chances of at most 0 to n hits: [n + 1].

    SciPy has this (`scipy.special.bdtr`, which the tests compare it with), and takes 0.4 s to import.
    """
    hits = np.arange(n)
    steps = np.log((n - hits) / (hits + 1)) + math.log(share / (1 - share))
    logs = n * math.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    return np.cumsum(np.exp(logs))


def quantile_interval(samples: Floats, quantile: float) -> tuple[float, float] | None:
    """Return the distribution-free interval of one process's quantile, or None below its floor."""
    ranks = quantile_ranks(len(samples), quantile)
    if ranks is None:
        return None
    ordered = np.sort(samples)
    return float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1])


def t_half_width(values: Floats, level: float = LEVEL) -> float:
    """Return the half-width of Student's interval of the mean of two or more values."""
    quantile = t_quantile(len(values) - 1, level)
    return quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """Return what Student's t of `freedom` degrees stays within, of either sign, with the chance `level`.

    By the finite series of its distribution, and Cornish and Fisher's expansion from 200 degrees on
    (Abramowitz and Stegun 26.7.3 to 26.7.5). SciPy has it too (`scipy.special.stdtrit`, which the tests
    compare it with), and takes 0.4 s to import.
    """
    if freedom >= 200:
        z = _normal_quantile((1 + level) / 2)
        terms = (
            z,
            (z**3 + z) / 4,
            (5 * z**5 + 16 * z**3 + 3 * z) / 96,
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
            (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        )
        return math.fsum(term / freedom**power for power, term in enumerate(terms))
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if _t_chance(angle, freedom) < level else (low, angle)
    return math.tan(low) * math.sqrt(freedom)


def _t_chance(angle: float, freedom: int) -> float:
    """Return the chance that t is within the square root of `freedom` times the tangent of `angle`."""
    cosine = math.cos(angle)
    odd = freedom % 2
    term = total = cosine if odd else 1.0
    for step in range(1 + odd, freedom - 2, 2):
        term *= step / (step + 1) * cosine**2
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + (math.sin(angle) * total if freedom > 1 else 0.0))


def between_processes(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Join one number a process: geometric mean, and Student's interval of the logarithms.

    No interval for a single process, nor where a number is zero: the plain mean then.
    """
    if len(values) == 1 or min(values) <= 0:
        return float(np.mean(values)), None, None
    logs = np.log(values)
    centre, half = float(np.mean(logs)), t_half_width(logs)
    return math.exp(centre), math.exp(centre - half), math.exp(centre + half)


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's score interval of a share of independent samples (Wilson 1927)."""
    z = _normal_quantile((1 + LEVEL) / 2)
    centre = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(hits * (n - hits) / n + z * z / 4)
    # at the ends it is the end, whatever rounding says
    return 0.0 if hits == 0 else max(0.0, centre - half), 1.0 if hits == n else min(1.0, centre + half)


def paired_share_interval(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Return Bonett and Price's (2012) interval of a difference of paired shares.

    `gained` of n samples are right now and were wrong, `lost` the other way
    round. One of the two intervals that Fagerland, Lydersen and Laake (2014)
    recommend; sane where nothing changed at all.
    """
    z = _normal_quantile((1 + LEVEL) / 2)
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def mean_interval(values: Floats) -> tuple[float, float] | None:
    """Return Student's interval of the mean, or None for a single value."""
    if len(values) < 2:
        return None
    centre, half = float(np.mean(values)), t_half_width(values)
    return centre - half, centre + half


def _normal_quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)
