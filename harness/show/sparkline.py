"""Draw the course of values in one line of text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
WIDEST = 40
LEAST_SPAN = 0.05
"""Least height of a sparkline, as a share of its middle: noise alone is drawn flat."""


def sparkline(values: Sequence[float]) -> str:
    """Draw the course of values in one line; where they are many, each bar is the median of some."""
    number = min(len(values), WIDEST)
    cuts = [round(index * len(values) / number) for index in range(number + 1)]
    bins = [statistics.median(values[a:b]) for a, b in pairwise(cuts)]
    low, high = min(bins), max(bins)
    middle, span = (low + high) / 2, max(high - low, LEAST_SPAN * abs(low + high) / 2)
    if span == 0:
        return BARS[len(BARS) // 2] * len(bins)
    places = (round(len(BARS) * (value - middle) / span) + len(BARS) // 2 for value in bins)
    return "".join(BARS[min(place, len(BARS) - 1)] for place in places)
