"""The blocks of one pair of arms, as they come in, and how the budget of a case is spent on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.ab import decide as trial
from harness.ab.model import ABSettings, CaseBlocks, Reading
from harness.measure import BlockOrder, Request

SCREEN_FEW = 3
"""Blocks after which a case is looked at, so as to spend no more on one in which nothing shows."""

LEAST_SPAN_S, FAIR_SPAN_S = 0.1, 0.2
"""Calls of a block, both arms together: at least, and where that leaves blocks enough for a verdict."""

REST_S = 0.5
"""What a block is taken to cost beyond its calls, most of it two starts, before one was seen."""

RECENT = 8
"""Blocks whose slowest the next one is reckoned to be as slow as, where the budget comes to an end."""

END_S = 0.05
"""What the end of a block, and the last calls before it, may take beyond its limit."""

IN_HAND = 0.1
"""The share of the budget that is not planned for: a block may take longer than the last ones did."""


@dataclass
class Series:
    """The blocks of one pair of requests, and what is still to be done for it."""

    case: str
    requests: tuple[Request, Request]
    terms: ABSettings
    alone: bool = False  # the only case of its job: all its blocks decide
    screening: list[Mapping[str, Reading]] = field(default_factory=list)
    fresh: list[Mapping[str, Reading]] = field(default_factory=list)  # that decide
    missing: dict[str, str] = field(default_factory=dict)
    candidates: frozenset[str] = frozenset()
    planned: int = 0  # fresh blocks
    first: int | None = None  # of these, the blocks of the first look
    ended: bool = False  # nothing is left to do for it
    unconfirmed: str = ""
    late: str = ""  # which arm did not start within the budget
    spent_s: float = 0.0
    rests_s: list[float] = field(default_factory=list)  # what each block cost beyond its calls
    draws: list[BlockOrder] = field(default_factory=list)  # for the next blocks

    @property
    def block_s(self) -> float:
        """What a block has cost on average."""
        return self.spent_s / max(1, len(self.rests_s))

    @property
    def least_s(self) -> float:
        """What a block of the fewest calls would cost, as the latest did."""
        return (self.rests_s[-1] if self.rests_s else REST_S) + LEAST_SPAN_S

    def payable(self, block_s: float | None = None) -> int:
        """Return how many more blocks of `block_s`, or of the usual length, the budget pays."""
        return max(0, int((self.terms.budget_s - self.spent_s) / (block_s or self.block_s)))

    def pays(self) -> bool:
        """Tell whether the budget pays one more block, be it as slow as any of late; the first it does."""
        return not self.rests_s or self._spare_s() >= LEAST_SPAN_S

    def limit_s(self) -> float:
        """Return how long the next block may take before it is given up.

        One that is needed though the budget does not pay it, and the first, take what they take.
        """
        paid = self.rests_s and self.pays()
        return self.terms.budget_s - self.spent_s - END_S if paid else math.inf

    def span_s(self) -> float:
        """Return how long the calls of the next block may last.

        A block should cost no more than what is left of the budget pays for the
        blocks that are still to come: those planned, else as many as are safe to
        decide on, or, where those would be too short, as have a fair chance.
        Its calls take no longer than the rest of it: beyond that, more blocks tell
        more than longer ones. At the end of the budget they leave half of what is
        there in hand.
        """
        left_s = (1 - IN_HAND) * (self.terms.budget_s - self.spent_s)
        rest_s = self.rests_s[-1] if self.rests_s else REST_S
        if self.planned:
            span_s = left_s / max(1, self.planned - len(self.fresh)) - rest_s
        else:
            fair_s, safe_s = (left_s / blocks - rest_s for blocks in self._to_come())
            span_s = max(safe_s, min(fair_s, FAIR_SPAN_S))
        return max(LEAST_SPAN_S, min(span_s, max(rest_s, REST_S), self._spare_s() / 2))

    def _to_come(self) -> tuple[int, int]:
        """Return how many blocks are still to come for a fair chance of a verdict, and for a safe one."""
        if self.alone:
            family, done = trial.family(self.terms.metrics), len(self.fresh)
            fair, safe = trial.fair_blocks(self.terms, family), trial.safe_blocks(self.terms, family)
            return max(1, fair - done), max(1, safe - done)
        screening = max(1, SCREEN_FEW - len(self.screening))
        looks = trial.confirmation_blocks(self.terms, 2) + 1, trial.second_look_blocks(self.terms, 2)
        return screening + looks[0], screening + looks[1]

    def _spare_s(self) -> float:
        """Return what the budget leaves for the calls of one more block."""
        return self.terms.budget_s - self.spent_s - max(self.rests_s[-RECENT:], default=0.0)

    def give_up(self, reason: str) -> None:
        """End it without a verdict."""
        self.ended, self.unconfirmed = True, reason

    def seen(self) -> CaseBlocks:
        """Hand over what there is."""
        return CaseBlocks(
            case=self.case,
            screening=tuple(self.screening),
            fresh=tuple(self.fresh),
            planned=self.planned,
            first=self.first,
            candidates=self.candidates,
            unconfirmed=self.unconfirmed,
            late=self.late,
            missing=self.missing,
        )
