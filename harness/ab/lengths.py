"""Plan how many blocks an only case gets and how long they are, from what its first blocks showed.

Read are the cost of a start, the spread of the ABBAs within each block around
that block's own centre, and the spread between the blocks of the control. None
of them depends on the side on which a block of the case lies, so the signed-rank
test that follows is as exact as with lengths fixed before.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from harness.ab.blocks import MAD_TO_SD, MEDIAN_TO_MEAN
from harness.ab.model import BlockPlan, BlockReading, Components
from harness.ab.schedule import OnlyCase
from harness.stats.sequential import visible_shift

FEWEST_CONTROLS = 3
"""Blocks of the control that a spread between processes is taken from at least."""

LARGEST_CORRELATION = 0.9
WINSOR = 3.0  # SDs of an ABBA beyond which it counts as so far away for the correlation

STEP = 1.12
"""The ratio of the numbers of blocks that are tried: the smallest visible change is flat around its best."""

BUDGET_STEP, LONGEST_S = 1.15, 3600.0
"""The ratio of the budgets that are tried, and the largest."""


def components(
    own: Sequence[BlockReading], control: Sequence[BlockReading], start_s: float
) -> Components | None:
    """Return the parts of the spread; None where the blocks are too few, or none spread.

    Calls so slow that a block has one ABBA show no spread within blocks: all of it counts as between them.
    """
    timed = [block for block in (*own, *control) if block.rounds and block.round_s > 0]
    many = [block for block in timed if len(block.rounds) > 1] or timed
    if not many or len(control) < FEWEST_CONTROLS or not all(math.isfinite(b.ratio) for b in control):
        return None
    apart = [_centred(block.rounds) for block in many if len(block.rounds) > 1]
    within = MAD_TO_SD * float(np.median(np.abs(np.concatenate(apart)))) if apart else 0.0
    found = Components(
        start_s=start_s,
        round_s=float(np.mean([block.round_s for block in many])),
        within=within,
        correlation=_correlation(apart, within),
        between=0.0,
        rounds=sum(len(block.rounds) for block in many),
        control_blocks=len(control),
    )
    if not math.isfinite(within) or (apart and not within):
        return None
    spans = [max(1, len(block.rounds)) * (block.round_s or found.round_s) for block in control]
    of_calls = float(np.mean([variance(found, span_s) for span_s in spans]))
    between = max(0.0, float(np.var([block.ratio for block in control], ddof=1)) - of_calls)
    return replace(found, between=math.sqrt(between)) if within or between else None


def variance(parts: Components, span_s: float) -> float:
    """Return the variance of the log-ratio of a block whose calls last `span_s`."""
    inflation = (1 + parts.correlation) / (1 - parts.correlation)
    of_calls = (MEDIAN_TO_MEAN * parts.within) ** 2 * inflation * parts.round_s / span_s
    return float(parts.between**2 + of_calls)


def plan_blocks(
    parts: Components, schedule: OnlyCase, done_spans_s: Sequence[float], left_s: float, least_s: float
) -> BlockPlan | None:
    """Return the number of blocks with which the smallest change shows, and how long those to come are.

    Blocks of `done_spans_s` are there, and `left_s` is to be spent on others of
    `least_s` of calls at least. None where it pays no number with a fair chance.
    """
    done = len(done_spans_s)
    lowest = max(schedule.fair, done + 1)
    highest = done + int(left_s / (parts.start_s + least_s))
    if highest < lowest:
        return None
    tried = {lowest, highest, *(number for number in _ladder() if lowest < number < highest)}
    plans = (_plan(parts, schedule, done_spans_s, left_s, blocks) for blocks in sorted(tried))
    return min(plans, key=_visible)


def budget_needed(
    visible_in: Callable[[float], float | None], effect: float, least_s: float, longest_s: float = LONGEST_S
) -> float | None:
    """Return the smallest budget, s, in which `effect` is visible, `least_s` at least; None where none is.

    `visible_in` gives the smallest visible change of a budget; the larger that is, the smaller the change.
    """
    if _is_seen(visible_in(least_s), effect):
        return least_s
    count = max(0, math.ceil(math.log(longest_s / least_s, BUDGET_STEP))) + 1
    budgets = [min(longest_s, least_s * BUDGET_STEP**step) for step in range(count)]
    place = bisect_left(budgets, True, key=lambda budget_s: _is_seen(visible_in(budget_s), effect))
    return budgets[place] if place < count else None


def _is_seen(visible: float | None, effect: float) -> bool:
    return visible is not None and visible <= effect


@cache
def _ladder() -> tuple[int, ...]:
    """Return numbers of blocks from a few to more than an hour has: the same ones whatever is planned."""
    steps = range(math.ceil(math.log(10 * LONGEST_S, STEP)))
    return tuple(sorted({round(STEP**step) for step in steps}))


def _plan(
    parts: Components, schedule: OnlyCase, done_spans_s: Sequence[float], left_s: float, blocks: int
) -> BlockPlan:
    to_come = blocks - len(done_spans_s)
    span_s = left_s / to_come - parts.start_s
    of_done = sum(variance(parts, span) for span in done_spans_s)
    spread = math.sqrt((of_done + to_come * variance(parts, span_s)) / blocks)
    first, _ = schedule.looks(blocks)
    shift = visible_shift(blocks, schedule.settings.alpha / schedule.tests, first)
    visible = None if shift is None else math.expm1(math.log1p(schedule.settings.min_effect) + shift * spread)
    return BlockPlan(len(done_spans_s), blocks, span_s, spread, visible, parts)


def _visible(plan: BlockPlan) -> float:
    return math.inf if plan.visible is None else plan.visible


def _centred(rounds: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return how far ABBAs lie from their block's centre, less what few of them make that too small by."""
    values = np.asarray(rounds, np.float64)
    return (values - np.median(values)) * math.sqrt(len(values) / (len(values) - 1))


def _correlation(apart: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]], within: float) -> float:
    """Return the correlation of neighbouring ABBAs of a block, 0 at least; corrected for the centring."""
    if not within > 0:
        return 0.0
    clipped = [np.clip(part, -WINSOR * within, WINSOR * within) for part in apart]
    square = sum(float(np.sum(part**2)) for part in clipped)
    beside = sum(float(np.sum(part[1:] * part[:-1])) for part in clipped)
    if not square > 0:
        return 0.0
    mean_length = sum(map(len, clipped)) / len(clipped)
    return min(LARGEST_CORRELATION, max(0.0, beside / square + 1 / mean_length))
