"""Decide an A/B from its blocks: one log-ratio each, HEAD over BASE, and what it weighs, and nothing else.

A job of several cases screens each on a few blocks; the candidates are measured
again on fresh blocks and decided on those alone, with Holm's correction over
the candidates. Since the two sets of blocks are independent, screening costs
no error rate. A job of one case has nothing to choose among: all its blocks
decide, with Holm's correction over its metrics. Blocks are looked at twice at
most, after those that a clear change takes and after all that the budget pays;
the looks share alpha. Where the budget pays too few for two, there is one look.

A block weighs the less, the less precise it is known to be. How precise says
nothing of HEAD against BASE: the tests are as exact as without.

`direction` is the metric's: where higher is better, a ratio below one is the
regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.core.decision import Change, Decision
from harness.core.units import format_percent
from harness.stats import signed_rank

ALPHA = 0.01
"""Chance of a false regression, and of a false improvement."""

EQUIVALENCE_ALPHA = 0.05
"""Chance of calling equivalent what differs by the minimum effect; it raises no alarm, so 5% will do."""

LOOKS = (0.8, 0.2)
"""How two looks at a confirmation share alpha: p₁ / 0.8 and p₂ / 0.2, whichever is smaller, is a p again.

The first gets what it hardly misses: 7 blocks can show something at 0.8%, 8 at 0.4%.
"""

STRAYS = 4
"""Blocks, those of the smallest ranks, that may lie on the wrong side of all that a budget pays."""

Key = TypeVar("Key", bound=Hashable)
Weights = Sequence[float] | None
"""What each block weighs; None: all the same."""

Test = Callable[[Sequence[float], float, Weights], float]


def blocks_needed(alpha: float = ALPHA, candidates: float = 1) -> int:
    """Return the fewest blocks that can give a verdict at `alpha`, Holm's correction included."""
    return signed_rank.values_needed(alpha / candidates)


def second_look_needed(alpha: float = ALPHA, candidates: float = 1) -> int:
    """Return the fewest blocks that give a verdict at a second look though STRAYS of them say otherwise."""
    return safe_blocks(LOOKS[1] * alpha, candidates)


def safe_blocks(alpha: float = ALPHA, candidates: float = 1) -> int:
    """Return the fewest blocks that give a verdict at a single look though STRAYS of them say otherwise."""
    return signed_rank.values_needed(alpha / candidates, STRAYS)


def decide(
    blocks: Sequence[float],
    *,
    min_effect: float,
    alpha: float = ALPHA,
    direction: str = "lower",
    first: int | None = None,
    weights: Weights = None,
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
    p = _sides(worse, margin, first, weights)
    verdict = _verdict(p, alpha)
    numbers = _numbers(blocks, margin, alpha, first, weights)
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


def _sides(
    worse: Sequence[float], margin: float, first: int | None = None, weights: Weights = None
) -> _Sides:
    def p(test: Test, threshold: float) -> float:
        return _p(test, worse, threshold, first, weights)

    return _Sides(
        regression=p(signed_rank.p_above, margin),
        improvement=p(signed_rank.p_below, -margin),
        equivalence=max(p(signed_rank.p_below, margin), p(signed_rank.p_above, -margin)),
    )


def _p(test: Test, values: Sequence[float], threshold: float, first: int | None, weights: Weights) -> float:
    """Return the p of `test`, over both looks where there was one after the `first` values."""
    if first is None:
        return test(values, threshold, weights)
    p = test(values[:first], threshold, weights and weights[:first]) / LOOKS[0]
    if len(values) > first:
        p = min(p, test(values, threshold, weights) / LOOKS[1])
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


def _numbers(
    blocks: Sequence[float], margin: float, alpha: float, first: int | None, weights: Weights
) -> Decision:
    """Return ratio, interval, blocks and the smallest effect that these blocks could have shown."""
    bounds, n = signed_rank.interval(blocks, weights=weights), len(blocks)
    return Decision(
        verdict=Change.INCONCLUSIVE,
        ratio=math.exp(signed_rank.estimate(blocks, weights)),
        low=math.exp(bounds[0]) if bounds else None,
        high=math.exp(bounds[1]) if bounds else None,
        blocks=n,
        mde=smallest_visible(blocks, margin, visible_shift(n, alpha, first), weights),
    )


def visible_shift(n: int, alpha: float, first: int | None = None) -> float | None:
    """Return how many SDs beyond the limit a change must lie to be seen in `n` blocks, at the last look."""
    if first is not None:
        alpha *= LOOKS[0] if n <= first else LOOKS[1]
    return signed_rank.visible_shift(n, alpha)


def smallest_visible(
    blocks: Sequence[float], margin: float, shift: float | None, weights: Weights = None
) -> float | None:
    """Return the effect that lies `shift` SDs of these blocks beyond `margin`; None without a shift."""
    if shift is None or len(blocks) < 2:
        return None
    return math.expm1(margin + shift * signed_rank.spread(blocks, weights))


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


def holm(
    p_values: Mapping[Key, float], alpha: float, shares: Mapping[Key, float] | None = None
) -> dict[Key, float]:
    """Return the level at which each hypothesis is tested by Holm's (1979) weighted step-down rule.

    In the order of p over share, each is held against its share of alpha among
    those that are left, and never against more, for its share, than stopped
    the row before it. Shares are 1 unless given.
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


def confirm(
    candidates: Mapping[Key, Sequence[float]],
    *,
    min_effect: float,
    alpha: float = ALPHA,
    directions: Mapping[Key, str] | None = None,
    firsts: Mapping[Key, int | None] | None = None,
    weights: Mapping[Key, Weights] | None = None,
    shares: Mapping[Key, float] | None = None,
) -> dict[Key, Decision]:
    """Decide every candidate on its fresh blocks, with Holm's correction over all of them.

    Regressions and improvements are two families, each at `alpha`, which goes
    to the candidates by their `shares`. `firsts` says after how many blocks
    there was a first look, `weights` what each block weighs.
    """
    ways = {key: (directions or {}).get(key, "lower") for key in candidates}
    first = {key: (firsts or {}).get(key) for key in candidates}
    weight = {key: (weights or {}).get(key) for key in candidates}
    margin = math.log1p(min_effect)
    sides = {
        key: _sides(_worse(blocks, ways[key]), margin, first[key], weight[key])
        for key, blocks in candidates.items()
        if all(math.isfinite(block) for block in blocks)
    }
    worse = holm({key: p.regression for key, p in sides.items()}, alpha, shares)
    better = holm({key: p.improvement for key, p in sides.items()}, alpha, shares)
    decisions = {}
    for key, blocks in candidates.items():
        level = alpha
        if key in sides:
            nearer_worse = sides[key].regression <= sides[key].improvement
            level = worse[key] if nearer_worse else better[key]
        decisions[key] = decide(
            blocks,
            min_effect=min_effect,
            alpha=level,
            direction=ways[key],
            first=first[key],
            weights=weight[key],
        )
    return decisions


def settled(
    blocks: Sequence[float],
    planned: int,
    *,
    min_effect: float,
    alpha: float = ALPHA,
    candidates: float = 1,
    direction: str = "lower",
    first: int | None = None,
    weights: Weights = None,
) -> Decision | None:
    """Return the decision that no completion to `planned` blocks can change; None while one can.

    The blocks to come are taken as bad and as good as they could be, so that
    stopping here is no peeking: the verdict is that of the full job, and its p
    an upper bound, whatever they will weigh. With several `candidates`, counted
    in shares of this one, it holds whatever Holm's correction will be.
    """
    if not all(math.isfinite(block) for block in blocks):
        return decide(blocks, min_effect=min_effect)
    left, worse = max(0, planned - len(blocks)), _worse(blocks, direction)
    known = [*(weights or [1.0] * len(blocks)), *[1.0] * left]
    found = _settled(worse, left, math.log1p(min_effect), (alpha, alpha / candidates), first, known)
    if found is None:
        return None
    verdict, p = found
    reason = f"after {len(blocks)} of {planned} blocks no others could change it"
    numbers = _numbers(blocks, math.log1p(min_effect), alpha, first, weights)
    return replace(numbers, verdict=verdict, p=p, min_effect=min_effect, reason=reason)


def _settled(
    worse: Sequence[float],
    left: int,
    margin: float,
    levels: tuple[float, float],
    first: int | None,
    weights: Weights,
) -> tuple[Change, float | None] | None:
    """Return the verdict that is certain, and the largest p that its test can end with.

    `levels` are the laxest and the strictest that Holm's correction may come to.
    """
    alpha, strict = levels
    rising, falling = [*worse, *[math.inf] * left], [*worse, *[-math.inf] * left]
    slow, fast = (_sides(completed, margin, first, weights) for completed in (rising, falling))
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
        _p(signed_rank.p_below, falling, margin, first, weights),
        _p(signed_rank.p_above, rising, -margin, first, weights),
    )
    return (Change.INCONCLUSIVE, None) if best > EQUIVALENCE_ALPHA else None
