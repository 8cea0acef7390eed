"""The blocks of one pair of arms, as they come in, and how the budget of a case is spent on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from harness.ab.blocks import P50, P95, P95_CALLS, P95_ROUND_CALLS
from harness.ab.model import BlockPlan, BlockReading, CaseBlocks
from harness.ab.schedule import IN_HAND, Schedule
from harness.measure import BlockOrder, Request
from harness.stats.sequential import FirstLook

LEAST_SPAN_S, FAIR_SPAN_S = 0.1, 0.2
"""Calls of a block, both arms together: at least, and where that leaves blocks enough for a verdict."""

REST_S = 0.5
"""What a block is taken to cost beyond its calls, most of it two starts, before one was measured."""

RECENT = 8
"""Blocks whose slowest the next one is reckoned to be as slow as, where the budget comes to an end."""

END_S = 0.05
"""What the end of a block, and the last calls before it, may take beyond its limit."""


@dataclass
class BlockBudget:
    """The blocks of one pair of requests, and what is left of the budget for more."""

    case: str
    requests: tuple[Request, Request]
    budget_s: float
    schedule: Schedule
    screening: list[Mapping[str, BlockReading]] = field(default_factory=list)
    fresh: list[Mapping[str, BlockReading]] = field(default_factory=list)  # that decide
    missing: dict[str, str] = field(default_factory=dict)
    candidates: frozenset[str] = frozenset()
    planned: int = 0  # fresh blocks
    plan: BlockPlan | None = None  # made from the first blocks, where they show what to plan by
    first: FirstLook | None = None  # where they are looked at twice
    ended: bool = False  # nothing is left to do for it
    unconfirmed: str = ""
    late: str = ""  # which arm did not start within the budget
    tail_s: float = 0.0  # what the calls of a block take that has a p95; 0: not known
    spent_s: float = 0.0
    rests_s: list[float] = field(default_factory=list)  # what each block cost beyond its calls
    orders: list[BlockOrder] = field(default_factory=list)  # of the next blocks

    @property
    def left_s(self) -> float:
        """What is left of the budget."""
        return self.budget_s - self.spent_s

    @property
    def to_plan_s(self) -> float:
        """What is left of the budget and may be planned for."""
        return (1 - IN_HAND) * self.left_s

    @property
    def block_s(self) -> float:
        """What a block has cost on average."""
        return self.spent_s / max(1, len(self.rests_s))

    @property
    def least_s(self) -> float:
        """What a block of the fewest calls would cost, as the latest did."""
        return (self.rests_s[-1] if self.rests_s else REST_S) + LEAST_SPAN_S

    @property
    def may_grow(self) -> bool:
        """Whether the cap is larger than the budget."""
        return (self.schedule.settings.most_s or 0.0) > self.budget_s

    def grow(self, needed_s: float | None) -> bool:
        """Make the budget as large as is needed, up to the cap; None needs more than any. Did it grow?"""
        before_s, most_s = self.budget_s, self.schedule.settings.most_s
        if most_s is not None:
            self.budget_s = max(before_s, min(most_s, math.inf if needed_s is None else needed_s))
            self.plan = self.plan and replace(self.plan, budget_s=self.budget_s)
        return self.budget_s > before_s

    def grow_for(self, blocks: int) -> bool:
        """Make the budget pay so many more blocks, up to the cap; return whether it pays the next one.

        They are reckoned to be as slow as any of late: of few blocks one slow start is the next one's too.
        """
        slowest_s = max(self.rests_s[-RECENT:], default=REST_S) + LEAST_SPAN_S
        self.grow(self.spent_s + blocks * max(self.block_s, slowest_s) / (1 - IN_HAND))
        return self.pays()

    def payable(self, block_s: float | None = None) -> int:
        """Return how many more blocks of `block_s`, or of the usual length, the budget pays."""
        return max(0, int(self.left_s / (block_s or self.block_s)))

    def pays(self) -> bool:
        """Return whether the budget pays one more block, be it as slow as any of late; the first it does."""
        return not self.rests_s or self._spare_s() >= LEAST_SPAN_S

    def limit_s(self) -> float:
        """Return how long the next block may take before it is given up.

        One that is needed though the budget does not pay it, and the first, take what they take.
        """
        paid = self.rests_s and self.pays()
        return self.left_s - END_S if paid else math.inf

    def span_s(self) -> float:
        """Return how long the calls of the next block may last.

        A block should cost no more than what is left of the budget pays for the
        blocks that are still to come: those planned, else as many as are safe to
        decide on, or, where those would be too short, as have a fair chance.
        Its calls take no longer than the rest of it: beyond that, more blocks show
        more than longer ones. At the end of the budget they leave half of what is
        there in hand. Where a plan was made from the first blocks, it says how long.
        """
        if tail_s := self.lengthened_s():
            return tail_s
        if self.plan:
            return max(LEAST_SPAN_S, min(self.plan.span_s, self._spare_s() / 2))
        left_s = self.to_plan_s
        rest_s = self.rests_s[-1] if self.rests_s else REST_S
        if self.planned:
            span_s = left_s / max(1, self.planned - len(self.fresh)) - rest_s
        else:
            to_come = self.schedule.to_come(len(self.screening), len(self.fresh))
            fair_s, safe_s = (left_s / blocks - rest_s for blocks in to_come)
            span_s = max(safe_s, min(fair_s, FAIR_SPAN_S))
        return max(LEAST_SPAN_S, min(span_s, max(rest_s, REST_S), self._spare_s() / 2))

    def lengthened_s(self) -> float:
        """Return how long blocks are made for a p95, asked for without p50; 0 where they are not.

        As many calls as make one steady, else as many as it takes: what a fair number of blocks pays.
        """
        asked = self.schedule.settings.metrics
        if P95 not in asked or P50 in asked or not self.tail_s:
            return 0.0
        paid_s = min(self._fair_s() - self.rests_s[-1], self._spare_s())
        spans_s = (self.tail_s * calls / P95_CALLS for calls in (P95_ROUND_CALLS, P95_CALLS))
        return next((span_s for span_s in spans_s if span_s <= paid_s), 0.0)

    def _fair_s(self) -> float:
        """Return what each of the blocks that are still to come for a fair chance may cost."""
        return self.left_s / self.schedule.to_come(len(self.screening), len(self.fresh))[0]

    def _spare_s(self) -> float:
        """Return what the budget leaves for the calls of one more block."""
        return self.left_s - max(self.rests_s[-RECENT:], default=0.0)

    def draw(self, random: Random) -> BlockOrder:
        """Draw the order of the next block: in every four, each way to start and to lead once."""
        if not self.orders:
            self.orders = [BlockOrder(starts, leads) for starts in (0, 1) for leads in (0, 1)]
            random.shuffle(self.orders)
        return self.orders.pop()

    def spend(self, wall_s: float, rest_s: float) -> None:
        """Count one more block, of which `rest_s` went into other things than calls."""
        self.spent_s += wall_s
        self.rests_s.append(rest_s)

    def give_up(self, reason: str) -> None:
        """End it without a verdict."""
        self.ended, self.unconfirmed = True, reason

    def drop(self, reason: str) -> None:
        """End it and forget its blocks: of an arm that was lost nothing is concluded."""
        self.screening.clear()
        self.fresh.clear()
        self.give_up(reason)

    def seen(self) -> CaseBlocks:
        """Return what there is, for the verdict."""
        return CaseBlocks(
            case=self.case,
            screening=tuple(self.screening),
            fresh=tuple(self.fresh),
            planned=self.planned,
            first=self.first,
            candidates=self.candidates,
            unconfirmed=self.unconfirmed,
            late=self.late,
            block_s=self.block_s,
            rest_s=sum(self.rests_s) / max(1, len(self.rests_s)),
            tail_s=self.tail_s,
            missing=self.missing,
        )
