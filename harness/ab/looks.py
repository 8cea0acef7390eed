"""Look at the blocks of a case so far: is it a candidate, is it decided, what does more take?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.ab import screening, verdict
from harness.ab.model import ABSettings, BlockReading, CaseBlocks
from harness.ab.schedule import IN_HAND, OnlyCase, Schedule, SeveralCases
from harness.core.decision import Change
from harness.core.metrics import HEADLINE as P50
from harness.core.metrics import METRICS
from harness.stats import sequential, signed_rank
from harness.stats.sequential import LOOKS

Blocks = Sequence[Mapping[str, BlockReading]]

CHANGED = frozenset({Change.REGRESSION, Change.IMPROVEMENT})

BETWEEN = 0.002
"""The error of a ratio that no block shows: what one pair of processes differs by from the next."""


def candidates(blocks: Blocks, settings: ABSettings, *, share: float = 0.5) -> frozenset[str]:
    """Name the metrics for which screening blocks ask for a confirmation."""
    return frozenset(
        metric
        for metric in settings.metrics
        if (ratios := column(blocks, metric))
        and screening.is_candidate(
            ratios, min_effect=settings.min_effect, share=share, weights=weights(blocks, metric)
        )
    )


def is_open(blocks: Blocks, settings: ABSettings) -> bool:
    """Return whether screening blocks leave p50 undecided: no candidate, nor shown to be the same."""
    if P50 in candidates(blocks, settings):
        return False
    decision = verdict.decide(
        column(blocks, P50),
        min_effect=settings.min_effect,
        alpha=settings.alpha,
        weights=weights(blocks, P50),
    )
    return decision.verdict is Change.INCONCLUSIVE


def blocks_to_confirm(seen: CaseBlocks, schedule: SeveralCases, most: int) -> int:
    """Return how many fresh blocks confirm what the screening saw, at most `most`.

    One block more than the fewest that could show anything: one may stray.
    """
    settings = schedule.settings
    alpha = LOOKS[0] * settings.alpha / schedule.tests
    return max(
        screening.blocks_worth(
            column(seen.screening, metric),
            fewest=min(schedule.fair, most),
            most=most,
            min_effect=settings.min_effect,
            alpha=alpha * share_of(metric),
            weights=weights(seen.screening, metric),
        )
        for metric in seen.candidates
    )


def budget_to_confirm(seen: CaseBlocks, schedule: SeveralCases) -> float | None:
    """Return the budget with which a confirmation shows the effect asked for; None: no reasonable one."""
    needed = [budget_needed(seen, seen.screening, metric, schedule) for metric in seen.candidates]
    return None if None in needed else max((each for each in needed if each), default=0.0)


def is_final(seen: CaseBlocks, schedule: Schedule) -> bool:
    """Return whether no completion of the planned fresh blocks can change any verdict of this case."""
    settings = schedule.settings
    return all(
        verdict.final_decision(
            column(seen.fresh, metric),
            seen.planned,
            min_effect=settings.min_effect,
            alpha=settings.alpha,
            tests=schedule.tests / share_of(metric),
            first=seen.first,
            weights=weights(seen.fresh, metric),
        )
        for metric in seen.candidates
    )


def is_decided(seen: CaseBlocks, schedule: Schedule) -> bool:
    """Return whether a first look gives every candidate of this case a verdict.

    In an only case every metric is a candidate: of those, whatever may still be a change.
    """
    asked = seen.candidates
    if not isinstance(schedule, SeveralCases):
        asked &= candidates(seen.fresh, schedule.settings)
    return all(_first_verdict(seen, schedule, metric) is not Change.INCONCLUSIVE for metric in asked)


def is_answered(seen: CaseBlocks, schedule: Schedule) -> bool:
    """Return whether a first look needs no other one.

    A job that chose its budget ends where p50, asked for, is shown to have changed: what p95 would add takes
    as long again, and whoever wants it names a budget. An early look must not leave p50 open, and of a job
    without it no metric at all.
    """
    if schedule.settings.most_s and isinstance(schedule, OnlyCase):
        leading = seen.candidates & {P50} or seen.candidates
        found = {_first_verdict(seen, schedule, metric) for metric in leading}
        if P50 in leading and found <= CHANGED:
            return True
        if Change.INCONCLUSIVE in found and seen.first and seen.first.early:
            return False
    return is_decided(seen, schedule)


def _first_verdict(seen: CaseBlocks, schedule: Schedule, metric: str) -> Change:
    settings = schedule.settings
    return verdict.decide(
        column(seen.fresh, metric),
        min_effect=settings.min_effect,
        alpha=settings.alpha * share_of(metric) / schedule.tests,
        first=seen.first,
        weights=weights(seen.fresh, metric),
    ).verdict


def budget_needed(seen: CaseBlocks, blocks: Blocks, metric: str, schedule: Schedule) -> float | None:
    """Return the budget, s, that shows the effect asked for as these blocks spread."""
    settings, ratios = schedule.settings, column(blocks, metric)
    gap = math.log1p(settings.effect) - math.log1p(settings.min_effect)
    if len(ratios) < 2 or not all(map(math.isfinite, ratios)) or not seen.block_s or gap <= 0:
        return None
    spread = signed_rank.spread(ratios, weights(blocks, metric))
    level = settings.alpha * share_of(metric) / schedule.tests
    shift = gap / spread if spread else math.inf
    needed = sequential.values_to_see(shift, level, schedule.fair, schedule.looks)
    whole = needed and len(seen.screening) + needed
    return whole and math.ceil(whole * seen.block_s / (1 - IN_HAND))


def share_of(metric: str) -> float:
    """Return the share of alpha that a metric gets beside others."""
    return METRICS[metric].alpha_share


def column(blocks: Blocks, metric: str) -> list[float]:
    """Return a metric's log-ratios, block by block; a block that does not have it is left out."""
    return [block[metric].ratio for block in blocks if metric in block]


def weights(blocks: Blocks, metric: str) -> list[float]:
    """Return what a metric's log-ratios weigh, block by block: the inverse of their errors."""
    return [1 / math.hypot(BETWEEN, block[metric].error) for block in blocks if metric in block]
