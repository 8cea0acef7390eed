"""Decide an A/B from its blocks. One log-ratio a block, HEAD over BASE; nothing else is looked at.

A job goes: screen every case on a few blocks; the candidates are measured
again on fresh blocks and decided on those alone, with Holm's correction over
the candidates. Since the two sets of blocks are independent, screening costs
no error rate. A confirmation is looked at twice at most, after the blocks that
the screening asked for and after all that the budget pays; the looks share
alpha.

`direction` is the metric's: where higher is better, a ratio below one is the
regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from harness.comparison import Change, Decision
from harness.judge import signed_rank
from harness.units import format_percent

ALPHA = 0.01
"""Chance of a false regression, and of a false improvement."""

EQUIVALENCE_ALPHA = 0.05
"""Chance of calling equivalent what differs by the minimum effect; it raises no alarm, so 5% will do."""

LOOKS = (0.8, 0.2)
"""How two looks at a confirmation share alpha: p₁ / 0.8 and p₂ / 0.2, whichever is smaller, is a p again.

The first is by signed ranks and gets what it hardly misses: 7 blocks can show something at 0.8%, 8 at
0.4%. The second is by signs alone, which a wild block costs no more than any other.
"""

STRAYS = 1
"""Blocks on the wrong side that a second look is to see through."""

Key = TypeVar("Key", bound=Hashable)
Test = Callable[[Sequence[float], float], float]

_SIGN: dict[Test, Test] = {
    signed_rank.p_above: signed_rank.sign_above,
    signed_rank.p_below: signed_rank.sign_below,
}


def blocks_needed(alpha: float = ALPHA, candidates: int = 1) -> int:
    """Return the fewest blocks that can give a verdict at `alpha`, Holm's correction included."""
    return signed_rank.values_needed(alpha / candidates)


def second_look_needed(alpha: float = ALPHA, candidates: int = 1) -> int:
    """Return the fewest blocks that give a verdict at a second look though STRAYS of them say otherwise."""
    return signed_rank.sign_values_needed(LOOKS[1] * alpha / candidates, STRAYS)


def decide(
    blocks: Sequence[float],
    *,
    min_effect: float,
    alpha: float = ALPHA,
    direction: str = "lower",
    first: int | None = None,
) -> Decision:
    """Decide on log-ratios: exact one-sided signed-rank tests against the minimum effect.

    A regression is shown where the effect exceeds `min_effect` (a ratio less
    one) at `alpha`; equivalence where it is shown to be smaller on both sides.
    Where there was a look after the `first` blocks, both looks count.
    """
    if not all(math.isfinite(block) for block in blocks):
        bad = sum(not math.isfinite(block) for block in blocks)
        return _nothing(f"{bad} of {len(blocks)} blocks have no ratio", len(blocks), min_effect)
    if len(blocks) == 0:
        return _nothing("no blocks", 0, min_effect)
    worse, margin = _worse(blocks, direction), math.log1p(min_effect)
    p = _sides(worse, margin, first)
    verdict = _verdict(p, alpha)
    numbers = _numbers(blocks, margin, alpha, first)
    return replace(
        numbers,
        verdict=verdict,
        p=_p_of(verdict, p),
        min_effect=min_effect,
        reason=_reason(verdict, numbers, p, min_effect, alpha),
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """The p of each one-sided test."""

    regression: float
    improvement: float
    equivalence: float  # the larger one of two


def _worse(blocks: Sequence[float], direction: str) -> list[float]:
    """Turn log-ratios so that larger is worse."""
    return [-block for block in blocks] if direction == "higher" else list(blocks)


def _sides(worse: Sequence[float], margin: float, first: int | None = None) -> _Sides:
    return _Sides(
        regression=_p(signed_rank.p_above, worse, margin, first),
        improvement=_p(signed_rank.p_below, worse, -margin, first),
        equivalence=max(
            _p(signed_rank.p_below, worse, margin, first), _p(signed_rank.p_above, worse, -margin, first)
        ),
    )


def _p(test: Test, values: Sequence[float], threshold: float, first: int | None) -> float:
    """Return the p of `test`, over both looks where there was one after the `first` values."""
    if first is None:
        return test(values, threshold)
    p = test(values[:first], threshold) / LOOKS[0]
    if len(values) > first:
        p = min(p, _SIGN[test](values, threshold) / LOOKS[1])
    return min(1.0, p)


def _verdict(p: _Sides, alpha: float) -> Change:
    if p.regression <= alpha:
        return Change.REGRESSION
    if p.improvement <= alpha:
        return Change.IMPROVEMENT
    return Change.EQUIVALENT if p.equivalence <= EQUIVALENCE_ALPHA else Change.INCONCLUSIVE


def _p_of(verdict: Change, p: _Sides) -> float:
    """Return the p of the test that decided; where none did, that of the nearer alarm."""
    known = {
        Change.REGRESSION: p.regression,
        Change.IMPROVEMENT: p.improvement,
        Change.EQUIVALENT: p.equivalence,
    }
    return known.get(verdict, min(p.regression, p.improvement))


def _numbers(blocks: Sequence[float], margin: float, alpha: float, first: int | None = None) -> Decision:
    """Return ratio, interval, blocks and the smallest effect that these blocks could have shown."""
    bounds, n = signed_rank.interval(blocks), len(blocks)
    if first is None:
        shift = signed_rank.visible_shift(n, alpha)
    elif n <= first:
        shift = signed_rank.visible_shift(n, LOOKS[0] * alpha)
    else:
        shift = signed_rank.sign_visible_shift(n, LOOKS[1] * alpha)
    return Decision(
        verdict=Change.INCONCLUSIVE,
        ratio=math.exp(signed_rank.estimate(blocks)),
        low=math.exp(bounds[0]) if bounds else None,
        high=math.exp(bounds[1]) if bounds else None,
        blocks=n,
        mde=smallest_visible(blocks, margin, shift),
    )


def smallest_visible(blocks: Sequence[float], margin: float, shift: float | None) -> float | None:
    """Return the effect that lies `shift` SDs of these blocks beyond `margin`; None without a shift."""
    if shift is None or len(blocks) < 2:
        return None
    return math.expm1(margin + shift * float(np.std(blocks, ddof=1)))


def _reason(verdict: Change, numbers: Decision, p: _Sides, min_effect: float, alpha: float) -> str:
    limit, change = format_percent(min_effect), format_percent((numbers.ratio or 1) - 1, signed=True)
    if verdict is Change.EQUIVALENT:
        return f"{change}, shown to be within ±{limit} (p = {p.equivalence:.2g})"
    if verdict is not Change.INCONCLUSIVE:
        return f"{change}, shown to exceed {limit} (p = {_p_of(verdict, p):.2g})"
    needed = blocks_needed(alpha)
    if numbers.blocks < needed:
        return f"{numbers.blocks} blocks; {needed} are needed to show anything at {alpha:.2g}"
    return f"{change}: neither shown to exceed {limit} (p = {_p_of(verdict, p):.2g}) nor to be within it"


def _nothing(reason: str, blocks: int, min_effect: float) -> Decision:
    return Decision(verdict=Change.INCONCLUSIVE, blocks=blocks, min_effect=min_effect, reason=reason)


def holm(p_values: Mapping[Key, float], alpha: float) -> dict[Key, float]:
    """Return the level at which each hypothesis is tested by Holm's (1979) step-down rule.

    The k-th smallest p of m is held against alpha / (m - k + 1), and never
    against more than stopped the row before it.
    """
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    levels, stopped = {}, math.inf
    for index, (key, p) in enumerate(ordered):
        level = min(alpha / (len(ordered) - index), stopped)
        levels[key] = level
        if p > level:
            stopped = level
    return levels


def confirm(
    candidates: Mapping[Key, Sequence[float]],
    *,
    min_effect: float,
    alpha: float = ALPHA,
    directions: Mapping[Key, str] | None = None,
    firsts: Mapping[Key, int | None] | None = None,
) -> dict[Key, Decision]:
    """Decide every candidate on its fresh blocks, with Holm's correction over all of them.

    Regressions and improvements are two families, each at `alpha`. `firsts`
    says after how many blocks there was a first look.
    """
    ways = {key: (directions or {}).get(key, "lower") for key in candidates}
    first = {key: (firsts or {}).get(key) for key in candidates}
    margin = math.log1p(min_effect)
    sides = {
        key: _sides(_worse(blocks, ways[key]), margin, first[key])
        for key, blocks in candidates.items()
        if all(math.isfinite(block) for block in blocks)
    }
    worse = holm({key: p.regression for key, p in sides.items()}, alpha)
    better = holm({key: p.improvement for key, p in sides.items()}, alpha)
    decisions = {}
    for key, blocks in candidates.items():
        level = alpha
        if key in sides:
            nearer_worse = sides[key].regression <= sides[key].improvement
            level = worse[key] if nearer_worse else better[key]
        decisions[key] = decide(
            blocks, min_effect=min_effect, alpha=level, direction=ways[key], first=first[key]
        )
    return decisions


def settled(
    blocks: Sequence[float],
    planned: int,
    *,
    min_effect: float,
    alpha: float = ALPHA,
    candidates: int = 1,
    direction: str = "lower",
    first: int | None = None,
) -> Decision | None:
    """Return the decision that no completion to `planned` blocks can change; None while one can.

    The blocks to come are taken as bad and as good as they could be, so that
    stopping here is no peeking: the verdict is that of the full job, and its p
    an upper bound. With several `candidates` it holds whatever Holm's
    correction will be.
    """
    if not all(math.isfinite(block) for block in blocks):
        return decide(blocks, min_effect=min_effect)
    left, worse = max(0, planned - len(blocks)), _worse(blocks, direction)
    found = _settled(worse, left, math.log1p(min_effect), (alpha, alpha / candidates), first)
    if found is None:
        return None
    verdict, p = found
    reason = f"after {len(blocks)} of {planned} blocks no others could change it"
    numbers = _numbers(blocks, math.log1p(min_effect), alpha, first)
    return replace(numbers, verdict=verdict, p=p, min_effect=min_effect, reason=reason)


def _settled(
    worse: Sequence[float], left: int, margin: float, levels: tuple[float, float], first: int | None
) -> tuple[Change, float | None] | None:
    """Return the verdict that is certain, and the largest p that its test can end with.

    `levels` are the laxest and the strictest that Holm's correction may come to.
    """
    alpha, strict = levels
    rising, falling = [*worse, *[math.inf] * left], [*worse, *[-math.inf] * left]
    slow, fast = _sides(rising, margin, first), _sides(falling, margin, first)
    if fast.regression <= strict:
        return Change.REGRESSION, fast.regression
    if slow.improvement <= strict:
        return Change.IMPROVEMENT, slow.improvement
    if min(slow.regression, fast.improvement) <= alpha:
        return None
    # equivalence has two sides, and the worst completion of one is the best of the other
    if max(slow.equivalence, fast.equivalence) <= EQUIVALENCE_ALPHA:
        return Change.EQUIVALENT, max(slow.equivalence, fast.equivalence)
    best = max(
        _p(signed_rank.p_below, falling, margin, first), _p(signed_rank.p_above, rising, -margin, first)
    )
    return (Change.INCONCLUSIVE, None) if best > EQUIVALENCE_ALPHA else None
