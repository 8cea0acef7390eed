"""Intervals and sample floors.

Everything is at 95% unless a level is named. The unit of replication between
processes is the process: calls within one process share its luck (memory
layout, frequency, neighbours), so their number says little about the next one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.95


def quantile_ranks(n: int, quantile: float, level: float = LEVEL) -> tuple[int, int] | None:
    """Return the 1-based ranks of the order statistics that hold `quantile` between them.

    Distribution-free: the number of samples below the quantile is binomial.
    None where n is too small for both ends (n < 6 for the median at 95%).
    """
    from scipy.special import bdtr

    below = bdtr(np.arange(n + 1), n, quantile)
    tail = (1 - level) / 2
    low = int(np.searchsorted(below, tail, side="left"))
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return (low, high) if low >= 1 and high <= n else None


def quantile_interval(samples: Floats, quantile: float) -> tuple[float, float] | None:
    """Return the distribution-free interval of one process's quantile, or None below its floor."""
    ranks = quantile_ranks(len(samples), quantile)
    if ranks is None:
        return None
    ordered = np.sort(samples)
    return float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1])


def t_half_width(values: Floats, level: float = LEVEL) -> float:
    """Return the half-width of Student's interval of the mean of two or more values."""
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    return quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))


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
    return max(0.0, centre - half), min(1.0, centre + half)


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
    from scipy.special import ndtri

    return float(ndtri(share))
