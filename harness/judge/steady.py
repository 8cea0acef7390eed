"""Decide whether one process's timed calls are one steady stretch. Flags, never a silent no.

Each check wants an effect that matters and one that the noise does not
explain; calls in a row are not independent, so blocks of calls are compared
and never the calls themselves.
"""

from __future__ import annotations

import numpy as np

from harness.core.units import format_percent, format_seconds
from harness.judge.metrics.latency import outlier_count
from harness.stats.intervals import Floats

MIN_CALLS = 30
"""Calls below which steadiness is unknown."""

BLOCKS = 10
DRIFT = 0.02
"""Change of the median over the stretch that matters, as a ratio."""
WARMUP = 0.05
"""Excess of the first block that matters, as a ratio."""
OUTLIERS = 0.05
"""Share of far outliers above which a median hides something."""
MODES = 0.85
"""Share of the variance that two levels must explain; 0.64 for normal, 0.75 for uniform samples."""
SEPARATION = 0.05
MINORITY = 0.1


def why_unknown(calls_s: Floats) -> str:
    """Return why the steadiness of one process's timed calls is unknown; empty where it is known."""
    if len(calls_s) < MIN_CALLS:
        calls = "1 call is" if len(calls_s) == 1 else f"{len(calls_s)} calls are"
        return f"{calls} too few, {MIN_CALLS} needed"
    return "calls of 0 s" if float(np.min(calls_s)) <= 0 else ""


def steadiness(calls_s: Floats) -> tuple[str, ...] | None:
    """Return what is unsteady about the timed calls of one process, in words; None where it is unknown."""
    if why_unknown(calls_s):
        return None
    found = (_warmup(calls_s) or _drift(calls_s), _two_speeds(calls_s), _outliers(calls_s))
    return tuple(flag for flag in found if flag)


def _block_medians(calls_s: Floats) -> Floats:
    return np.array([np.median(block) for block in np.array_split(calls_s, BLOCKS)])


def _warmup(calls_s: Floats) -> str:
    """Flag a first block far slower than all that follow."""
    first, *rest = _block_medians(calls_s)
    level = float(np.median(rest))
    noise = 1.4826 * float(np.median(np.abs(np.array(rest) - level)))
    excess = first / level - 1
    if excess > WARMUP and first > max(rest) and first > level + 5 * noise:
        return f"warm-up too short: the first tenth of the calls ran {format_percent(excess)} slower"
    return ""


def _drift(calls_s: Floats) -> str:
    """Flag a trend: Kendall's tau over the blocks' medians at 1% (exact for ten: |S| of 29 or more of 45)."""
    medians = _block_medians(calls_s)
    order = np.sign(np.subtract.outer(medians, medians))
    concordance = int(np.sum(np.tril(order)))
    third = len(calls_s) // 3
    change = float(np.median(calls_s[-third:]) / np.median(calls_s[:third])) - 1
    if abs(concordance) >= TREND and abs(change) > DRIFT and np.sign(change) == np.sign(concordance):
        return f"drift: the last third of the calls ran {format_percent(change, signed=True)} to the first"
    return ""


TREND = 29
"""Smallest Kendall S over ten blocks that chance reaches less than once in a hundred."""


def _two_speeds(calls_s: Floats) -> str:
    """Flag two modes: the best split in two levels explains nearly all of the variance (Otsu 1979)."""
    ordered = np.sort(calls_s)
    cut = len(ordered) // 100
    ordered = ordered[cut : len(ordered) - cut]
    logs = np.log(ordered)
    n, total = len(logs), float(np.var(logs)) * len(logs)
    if total == 0:
        return ""
    below = np.arange(1, n)
    sums = np.cumsum(logs)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (n - below)
    explained = below * (n - below) / n * (high - low) ** 2 / total
    best = int(np.argmax(explained))
    slow, gap = 1 - below[best] / n, high[best] - low[best]
    if explained[best] < MODES or gap < SEPARATION or not MINORITY <= slow <= 1 - MINORITY:
        return ""
    levels = (format_seconds(float(np.exp(low[best]))), format_seconds(float(np.exp(high[best]))))
    return f"two speeds: {levels[0]}, and {levels[1]} in {format_percent(slow)} of the calls"


def _outliers(calls_s: Floats) -> str:
    share = outlier_count(calls_s) / len(calls_s)
    return f"{format_percent(share)} of the calls are far outliers" if share > OUTLIERS else ""
