"""Screen before confirming: which cases are worth fresh blocks, and how many.

Nothing here raises an alarm: that takes a confirmation, on blocks that the
screening never saw. So it may look at its blocks as often as it likes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from harness.ab import verdict
from harness.ab.model import ALPHA
from harness.core.decision import Change, Decision
from harness.core.units import format_percent
from harness.stats import sequential, signed_rank
from harness.stats.sequential import FirstLook, Weights

EVIDENCE = 1 / 4
"""The p against no effect at all that asks for a confirmation: of three blocks the smallest may stray."""

_CAUTION = 0.05  # the chance with which the true spread is larger than it is taken for


def is_candidate(
    blocks: Sequence[float], *, min_effect: float, share: float = 0.5, weights: Weights = None
) -> bool:
    """Return whether screening blocks ask for a confirmation.

    They do where the estimate reaches `share` of the minimum effect and the
    blocks agree on its sign (p ≤ EVIDENCE). A half, so that a true effect well
    above the minimum is hardly ever missed. Blocks that have no ratio ask for
    a confirmation too.
    """
    if len(blocks) == 0 or not all(map(math.isfinite, blocks)):
        return True
    p = min(signed_rank.p_above(blocks, 0.0, weights), signed_rank.p_below(blocks, 0.0, weights))
    return p <= EVIDENCE and abs(signed_rank.estimate(blocks, weights)) >= math.log1p(min_effect) * share


def blocks_worth(
    screened: Sequence[float],
    *,
    fewest: int,
    most: int,
    min_effect: float,
    alpha: float = ALPHA,
    weights: Weights = None,
) -> int:
    """Return how many fresh blocks would show what the screening saw, between `fewest` and `most`.

    Takes the estimate as it is and the spread for larger than it was: few
    blocks estimate it badly.
    """
    n = len(screened)
    gap = abs(signed_rank.estimate(screened, weights)) - math.log1p(min_effect) if n else 0.0
    if gap <= 0 or n < 2 or fewest >= most:
        return most
    spread = signed_rank.spread(screened, weights) * _inflation(n)
    return bisect_left(range(most), True, lo=fewest, key=lambda n: _shows(n, alpha, spread, gap))


def _shows(n: int, alpha: float, spread: float, gap: float) -> bool:
    """Return whether `n` blocks of this spread show what lies by `gap` beyond the limit."""
    shift = signed_rank.visible_shift(n, alpha)
    return shift is not None and shift * spread <= gap


def screened(
    blocks: Sequence[float],
    *,
    planned: int,
    min_effect: float,
    alpha: float = ALPHA,
    first: FirstLook | None = None,
    weights: Weights = None,
) -> Decision:
    """Decide what is no candidate: equivalent or inconclusive, never an alarm.

    The smallest visible effect is that of the whole job: of the `planned`
    blocks that a candidate would have been decided on, the `first` of them at a
    look of their own.
    """
    found = verdict.decide(blocks, min_effect=min_effect, alpha=alpha, weights=weights)
    if not found.blocks or found.ratio is None:
        return found
    shift = sequential.visible_shift(planned, alpha, first)
    mde = sequential.smallest_visible(blocks, math.log1p(min_effect), shift, weights)
    if found.verdict is Change.EQUIVALENT:
        return replace(found, mde=mde)
    limit = format_percent(min_effect)
    unsure = replace(found, verdict=Change.INCONCLUSIVE, mde=mde)
    return unsure.explain(f"no candidate for more than {limit}, nor shown to be within it", ": ")


def _inflation(n: int) -> float:
    """Return the factor that an SD of n normal values falls short by, but with the chance _CAUTION."""
    from scipy.special import chdtri

    return math.sqrt((n - 1) / float(chdtri(n - 1, 1 - _CAUTION)))
