"""Verdict on one metric from its blocks: log-ratios, HEAD over BASE, what each weighs, and nothing else.

A block weighs the less, the less precise it is known to be. Its precision
does not depend on which arm is faster: the tests are as exact as without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.ab.model import ALPHA
from harness.core.decision import Change, Decision
from harness.core.units import format_percent
from harness.stats import sequential, signed_rank
from harness.stats.sequential import FirstLook, Key, Shown, Sides, Weights

CHANGES = {
    Shown.ABOVE: Change.REGRESSION,
    Shown.BELOW: Change.IMPROVEMENT,
    Shown.WITHIN: Change.EQUIVALENT,
    Shown.NOTHING: Change.INCONCLUSIVE,
}
"""Lower is better for every metric of an A/B."""


def decide(
    blocks: Sequence[float],
    *,
    min_effect: float,
    alpha: float = ALPHA,
    first: FirstLook | None = None,
    weights: Weights = None,
) -> Decision:
    """Decide on log-ratios: exact one-sided signed-rank tests against the minimum effect.

    A regression is shown where the effect exceeds `min_effect` (a ratio less
    one) at `alpha`; equivalence where it is shown to be smaller on both sides.
    Where there was a `first` look, both looks count.
    """
    if bad := sum(not math.isfinite(block) for block in blocks):
        return _nothing(f"{bad} of {len(blocks)} blocks have no ratio", len(blocks), min_effect)
    if len(blocks) == 0:
        return _nothing("no blocks", 0, min_effect)
    margin = math.log1p(min_effect)
    p = sequential.p_of_sides(blocks, margin, first, weights)
    shown = sequential.show(p, alpha)
    numbers = _numbers(blocks, margin, alpha, first, weights)
    found = replace(numbers, verdict=CHANGES[shown], p=p.p_of(shown), min_effect=min_effect)
    return _explain(found, shown, p, alpha)


def decide_all(
    candidates: Mapping[Key, Sequence[float]],
    *,
    min_effect: float,
    alpha: float = ALPHA,
    firsts: Mapping[Key, FirstLook | None] | None = None,
    weights: Mapping[Key, Weights] | None = None,
    shares: Mapping[Key, float] | None = None,
) -> dict[Key, Decision]:
    """Decide every candidate on its blocks, with Holm's correction over all of them.

    Regressions and improvements are two families, each at `alpha`, which goes
    to the candidates by their `shares`. `firsts` says after how many blocks
    there was a first look, `weights` what each block weighs.
    """
    first = {key: (firsts or {}).get(key) for key in candidates}
    weight = {key: (weights or {}).get(key) for key in candidates}
    sides = {
        key: sequential.p_of_sides(blocks, math.log1p(min_effect), first[key], weight[key])
        for key, blocks in candidates.items()
        if all(map(math.isfinite, blocks))
    }
    worse = sequential.holm({key: p.above for key, p in sides.items()}, alpha, shares)
    better = sequential.holm({key: p.below for key, p in sides.items()}, alpha, shares)
    decisions = {}
    for key, blocks in candidates.items():
        level = alpha
        if key in sides:
            level = worse[key] if sides[key].above <= sides[key].below else better[key]
        decisions[key] = decide(
            blocks, min_effect=min_effect, alpha=level, first=first[key], weights=weight[key]
        )
    return decisions


def final_decision(
    blocks: Sequence[float],
    planned: int,
    *,
    min_effect: float,
    alpha: float = ALPHA,
    tests: float = 1,
    first: FirstLook | None = None,
    weights: Weights = None,
) -> Decision | None:
    """Return the decision that no completion to `planned` blocks can change; None while one can.

    Its p is an upper bound. With several `tests`, counted in shares of this
    one, it holds whatever Holm's correction will be.
    """
    if not all(map(math.isfinite, blocks)):
        return decide(blocks, min_effect=min_effect)
    margin, levels = math.log1p(min_effect), (alpha, alpha / tests)
    found = sequential.final_outcome(blocks, planned, margin, levels=levels, first=first, weights=weights)
    if found is None:
        return None
    shown, p = found
    reason = f"after {len(blocks)} of {planned} blocks no others could change it"
    numbers = _numbers(blocks, margin, alpha, first, weights)
    return replace(numbers, verdict=CHANGES[shown], p=p, min_effect=min_effect, reason=reason)


def _numbers(
    blocks: Sequence[float], margin: float, alpha: float, first: FirstLook | None, weights: Weights
) -> Decision:
    """Return ratio, interval, blocks and the smallest effect that these blocks could have shown."""
    bounds, n = signed_rank.interval(blocks, weights=weights), len(blocks)
    shift = sequential.visible_shift(n, alpha, first)
    return Decision(
        verdict=Change.INCONCLUSIVE,
        ratio=math.exp(signed_rank.estimate(blocks, weights)),
        low=math.exp(bounds[0]) if bounds else None,
        high=math.exp(bounds[1]) if bounds else None,
        blocks=n,
        mde=sequential.smallest_visible(blocks, margin, shift, weights),
    )


def _explain(found: Decision, shown: Shown, p: Sides, alpha: float) -> Decision:
    limit, needed = format_percent(found.min_effect or 0.0), sequential.fewest_values(alpha)
    if shown is Shown.WITHIN:
        return found.explain(f"shown to be within ±{limit} (p = {p.within:.2g})")
    if shown is not Shown.NOTHING:
        return found.explain(f"shown to exceed {limit} (p = {p.p_of(shown):.2g})")
    if found.blocks < needed:
        reason = f"{found.blocks} blocks; {needed} are needed to show anything at {alpha:.2g}"
        return replace(found, reason=reason)
    neither = f"neither shown to exceed {limit} (p = {p.p_of(shown):.2g}) nor to be within it"
    return found.explain(neither, ": ")


def _nothing(reason: str, blocks: int, min_effect: float) -> Decision:
    return Decision(verdict=Change.INCONCLUSIVE, blocks=blocks, min_effect=min_effect, reason=reason)
