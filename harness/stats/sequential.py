"""Exact tests of values that are looked at once or twice, and of several hypotheses at a time.

Values lie above a margin, below its negative, within both, or nothing is
shown. Two looks share alpha (Bonferroni), several hypotheses share it by
Holm's weighted rule, and a test ends early only where no values to come could
change what it shows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from harness.stats import signed_rank

EQUIVALENCE_ALPHA = 0.05
"""Chance of calling equivalent what differs by the margin; it raises no alarm, so 5% will do."""

LOOKS = (0.8, 0.2)
"""How two looks share alpha: p₁ / 0.8 and p₂ / 0.2, whichever is smaller, is a p again.

The first gets what it hardly misses: 7 values can show something at 0.8%, 8 at 0.4%.
"""

EARLY_SHARE = 0.5
"""What a first look gets that is taken long before the values that are planned are there."""

STRAYS = 4
"""Values, those of the smallest ranks, that may lie on the wrong side where a number of values is safe."""

Key = TypeVar("Key", bound=Hashable)
Weights = Sequence[float] | None
"""What each value weighs; None: all the same."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """A look at the first values; the second one, at all of them, gets what it leaves of alpha."""

    after: int  # values
    share: float = LOOKS[0]  # of alpha

    @property
    def early(self) -> bool:
        """Whether it is taken before the values that are planned are there."""
        return self.share == EARLY_SHARE

    @property
    def left(self) -> float:
        """What it leaves of alpha; no rounding error of the difference is to make a p another one."""
        return round(1.0 - self.share, 9)


Looks = Callable[[int], tuple[FirstLook | None, int]]
"""For a number of values: the first look, if there are two, and how many are planned for it."""

MOST_VALUES = 10_000

Test = Callable[[Sequence[float], float, Weights], float]


class Shown(StrEnum):
    """What a test shows of the values."""

    ABOVE = "above"
    BELOW = "below"
    WITHIN = "within"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Sides:
    """The p of each one-sided test."""

    above: float
    below: float
    within: float  # the larger one of two

    def p_of(self, shown: Shown) -> float:
        """Return the p of the test that shows it; where none does, that of the nearer side."""
        known = {Shown.ABOVE: self.above, Shown.BELOW: self.below, Shown.WITHIN: self.within}
        return known.get(shown, min(self.above, self.below))


def fewest_values(alpha: float, tests: float = 1) -> int:
    """Return the fewest values that can show anything where `tests` share `alpha`."""
    return signed_rank.values_needed(alpha / max(1, tests))


def safe_values(alpha: float, tests: float = 1) -> int:
    """Return the fewest values that show something though STRAYS of them say otherwise."""
    return signed_rank.values_needed(alpha / max(1, tests), STRAYS)


def p_of_sides(
    values: Sequence[float], margin: float, first: FirstLook | None = None, weights: Weights = None
) -> Sides:
    """Test each side; where there was a `first` look, both looks count."""

    def p(test: Test, threshold: float) -> float:
        return _p(test, values, threshold, first, weights)

    return Sides(
        above=p(signed_rank.p_above, margin),
        below=p(signed_rank.p_below, -margin),
        within=max(p(signed_rank.p_below, margin), p(signed_rank.p_above, -margin)),
    )


def _p(
    test: Test, values: Sequence[float], threshold: float, first: FirstLook | None, weights: Weights
) -> float:
    """Return the p of `test`, over both looks where there are two."""
    if first is None:
        return test(values, threshold, weights)
    p = test(values[: first.after], threshold, weights and weights[: first.after]) / first.share
    if len(values) > first.after:
        p = min(p, test(values, threshold, weights) / first.left)
    return min(1.0, p)


def show(p: Sides, alpha: float) -> Shown:
    """Return what is shown at `alpha`, or within the margin at EQUIVALENCE_ALPHA."""
    if p.above <= alpha:
        return Shown.ABOVE
    if p.below <= alpha:
        return Shown.BELOW
    return Shown.WITHIN if p.within <= EQUIVALENCE_ALPHA else Shown.NOTHING


def holm(
    p_values: Mapping[Key, float], alpha: float, shares: Mapping[Key, float] | None = None
) -> dict[Key, float]:
    """Return the level at which each hypothesis is tested by Holm's (1979) weighted step-down rule.

    In the order of p over share, each is tested at its share of alpha among
    those that are left, and never at more, for its share, than stopped the
    one before it. Shares are 1 unless given.
    """
    share = {key: (shares or {}).get(key, 1.0) for key in p_values}
    left, levels, stopped = sum(share.values()), {}, math.inf
    for key, p in sorted(p_values.items(), key=lambda item: item[1] / share[item[0]]):
        a_share = min(alpha / left, stopped)  # the level for a share of 1
        levels[key] = a_share * share[key]
        if p > levels[key]:
            stopped = a_share
        left -= share[key]
    return levels


def final_outcome(
    values: Sequence[float],
    planned: int,
    margin: float,
    *,
    levels: tuple[float, float],
    first: FirstLook | None = None,
    weights: Weights = None,
) -> tuple[Shown, float | None] | None:
    """Return what no completion to `planned` values can change, and the largest p it can end with.

    The values to come are taken as large and as small as they could be, so
    that stopping here is no peeking, whatever they will weigh. `levels` are
    the laxest and the strictest that Holm's rule may come to. None while a
    completion could still change it.
    """
    alpha, strict = levels
    left = max(0, planned - len(values))
    known = [*(weights or [1.0] * len(values)), *[1.0] * left]
    rising, falling = [*values, *[math.inf] * left], [*values, *[-math.inf] * left]
    high, low = (p_of_sides(completed, margin, first, known) for completed in (rising, falling))
    if low.above <= strict:
        return Shown.ABOVE, low.above
    if high.below <= strict:
        return Shown.BELOW, high.below
    if min(high.above, low.below) <= alpha:
        return None
    # within has two sides, and the worst completion of one is the best of the other
    if max(high.within, low.within) <= EQUIVALENCE_ALPHA:
        return Shown.WITHIN, max(high.within, low.within)
    best = max(
        _p(signed_rank.p_below, falling, margin, first, known),
        _p(signed_rank.p_above, rising, -margin, first, known),
    )
    return (Shown.NOTHING, None) if best > EQUIVALENCE_ALPHA else None


def visible_shift(n: int, alpha: float, first: FirstLook | None = None) -> float | None:
    """Return how many SDs beyond the margin a change must lie to be seen in `n` values, at the last look."""
    if first is not None:
        alpha *= first.share if n <= first.after else first.left
    return signed_rank.visible_shift(n, alpha)


def values_to_see(shift: float, alpha: float, fewest: int, looks: Looks) -> int | None:
    """Return the fewest values, `fewest` at least, that show what lies `shift` SDs beyond the margin.

    `looks` gives the first look at so many values, if there are two; None where more
    than MOST_VALUES would be needed.
    """

    def shows(n: int) -> bool:
        first, _ = looks(n)
        seen = visible_shift(n, alpha, first)
        return seen is not None and seen <= shift

    low, high = fewest, fewest
    while not shows(high):
        low, high = high + 1, high * 3 // 2
        if high > MOST_VALUES:
            return None
    return bisect_left(range(high), True, lo=low, key=shows)


def smallest_visible(
    values: Sequence[float], margin: float, shift: float | None, weights: Weights = None
) -> float | None:
    """Return the effect that lies `shift` SDs of these values beyond `margin`; None without a shift."""
    if shift is None or len(values) < 2:
        return None
    return math.expm1(margin + shift * signed_rank.spread(values, weights))
