"""How many samples a quantile takes: plain arithmetic, so that a plan can ask without numpy."""

from __future__ import annotations

from functools import cache


@cache
def sample_floor(quantile: float, confidence: float = 0.99) -> int:
    """Return the fewest samples that can estimate `quantile`: at least two lie beyond it.

    The smallest n with P(at least two of n exceed the quantile) ≥ confidence,
    whatever the distribution (Wilks 1941): 64 for p90, 130 for p95, 662 for p99.
    """
    n = 2
    while 1 - quantile**n - n * (1 - quantile) * quantile ** (n - 1) < confidence:
        n += 1
    return n
