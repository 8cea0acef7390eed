"""Two levels that a quantity flips between from process to process, where it has no level in between.

An allocator that asks for one more arena in some processes and not in others
makes memory such a quantity. Its spread is no noise that more processes would
average away, and a process at the other level is no change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

APART = 3.0
"""How many times as far apart levels are at least as the values of one of them."""

FEWEST = 3  # values of a side
TWICE = 2  # values of a level, at least: one alone is a stray


Flags = tuple[bool, ...]
"""For each value of a side: is it at the higher level?"""


def find_levels(base: Sequence[float], head: Sequence[float], least: float) -> tuple[Flags, Flags] | None:
    """Tell for each positive value which of two levels it is at, `least` apart as a ratio less one, at least.

    None where there is one level, or one a side: then it is a shift or none.
    """
    if min(len(base), len(head)) < FEWEST or not all(0 < value < math.inf for value in (*base, *head)):
        return None
    joint = _cut([*base, *head], least)
    before, after = (joint, joint) if joint else (_cut(base, least), _cut(head, least))
    if before is None or after is None:
        return None
    high = tuple(value > before for value in base), tuple(value > after for value in head)
    flips = any(any(side) and not all(side) for side in high)
    return high if flips else None


def _cut(values: Sequence[float], least: float) -> float | None:
    """Return the largest value of the lower level; None where there are no two."""
    ordered = sorted(values)
    logs = [math.log(value) for value in ordered]
    gaps = [after - before for before, after in pairwise(logs)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    low, high = logs[: widest + 1], logs[widest + 1 :]
    within = max(low[-1] - low[0], high[-1] - high[0])
    clear = gaps[widest] > math.log1p(least) and gaps[widest] >= APART * within
    return ordered[widest] if clear and min(len(low), len(high)) >= TWICE else None


def fisher(first: int, of_first: int, second: int, of_second: int) -> float:
    """Return the two-sided p of Fisher's exact test that two shares, `first` of `of_first`, are the same."""
    both = first + second
    whole = math.comb(of_first + of_second, both)

    def chance(count: int) -> float:
        return math.comb(of_first, count) * math.comb(of_second, both - count) / whole

    seen = chance(first) * (1 + 1e-9)
    possible = range(max(0, both - of_second), min(of_first, both) + 1)
    return min(1.0, sum(each for count in possible if (each := chance(count)) <= seen))
