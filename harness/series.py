"""The blocks of one pair of arms, as they come in, and how the budget of a case is spent on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.judge import trial
from harness.measure import Draw, Request
from harness.trial import Reading, Seen, Terms

SCREEN_FEW = 3
"""Blocks of a screening at least."""

LEAST_SPAN_S, FAIR_SPAN_S = 0.1, 0.2
"""Calls of a block, both arms together: at least, and where that leaves blocks enough for a verdict."""

REST_S = 0.5
"""What a block is taken to cost beyond its calls, most of it two starts, before one was seen."""

IN_HAND = 0.1
"""The share of the budget that is not planned for: a block may take longer than the last ones did."""


@dataclass
class Series:
    """The blocks of one pair of requests, and what is still to be done for it."""

    case: str
    requests: tuple[Request, Request]
    terms: Terms
    screening: list[Mapping[str, Reading]] = field(default_factory=list)
    fresh: list[Mapping[str, Reading]] = field(default_factory=list)  # of the confirmation
    missing: dict[str, str] = field(default_factory=dict)
    candidates: frozenset[str] = frozenset()
    planned: int = 0  # fresh blocks
    first: int | None = None  # of these, the blocks of the first look
    ended: bool = False  # nothing is left to do for it
    unconfirmed: str = ""
    spent_s: float = 0.0
    rest_s: float = REST_S  # what the latest block cost beyond its calls
    draws: list[Draw] = field(default_factory=list)  # for the next blocks

    @property
    def block_s(self) -> float:
        """What a block has cost on average."""
        return self.spent_s / max(1, len(self.screening) + len(self.fresh))

    @property
    def least_s(self) -> float:
        """What a block of the fewest calls would cost."""
        return self.rest_s + LEAST_SPAN_S

    def payable(self, block_s: float | None = None) -> int:
        """Return how many more blocks of `block_s`, or of the usual length, the budget pays."""
        return max(0, int((self.terms.budget_s - self.spent_s) / (block_s or self.block_s)))

    def span_s(self) -> float:
        """Return how long the calls of the next block may last.

        A block should cost no more than what is left of the budget pays for the
        blocks that are still to come: those planned, else as many as a second
        look takes, or, where those would be too short for a p95, as a first one
        takes. And its calls take no longer than the rest of it: beyond that, more
        blocks tell more than longer ones.
        """
        left_s = (1 - IN_HAND) * (self.terms.budget_s - self.spent_s)
        if self.planned:
            span_s = left_s / max(1, self.planned - len(self.fresh)) - self.rest_s
        else:
            screening = max(1, SCREEN_FEW - len(self.screening))
            looks = trial.confirmation_blocks(self.terms, 2) + 1, trial.second_look_blocks(self.terms, 2)
            first_s, second_s = (left_s / (screening + blocks) - self.rest_s for blocks in looks)
            span_s = max(second_s, min(first_s, FAIR_SPAN_S))
        return max(LEAST_SPAN_S, min(span_s, max(self.rest_s, REST_S)))

    def give_up(self, reason: str) -> None:
        """End it without a verdict."""
        self.ended, self.unconfirmed = True, reason

    def seen(self) -> Seen:
        """Hand over what there is."""
        return Seen(
            case=self.case,
            screening=tuple(self.screening),
            fresh=tuple(self.fresh),
            planned=self.planned,
            first=self.first,
            candidates=self.candidates,
            unconfirmed=self.unconfirmed,
            missing=self.missing,
        )
