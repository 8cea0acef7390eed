"""What is done with the blocks of one case: decide the only one, screen one of several, or confirm it."""

from __future__ import annotations

import math

from harness.ab import looks
from harness.ab.blocks import P50
from harness.ab.budget import BlockBudget
from harness.ab.model import ABSettings
from harness.ab.runner import BlockRunner, Readings
from harness.ab.schedule import SCREEN_ALL, SCREEN_FEW, OnlyCase, SeveralCases
from harness.core.units import format_seconds
from harness.stats.sequential import FirstLook

FAIR_BUDGETS = 2.0
"""A budget that is so many times too small for what is asked still shows it about every other time."""


class CaseStages:
    """The stages that one case goes through; each returns in a few words how it ended.

    A stage raises `harness.ab.runner.ArmLost` where an arm is lost.
    """

    def __init__(self, runner: BlockRunner, settings: ABSettings) -> None:
        self.runner = runner
        self.settings = settings

    def decide_only_case(self, budget: BlockBudget) -> str:
        """Run the blocks of the only case: all of them decide, unless the first ones show nothing."""
        self._probe(budget, budget.fresh, "blocks")
        if any(block[P50].round_s for block in budget.fresh if P50 in block):
            # lengths are planned after so many blocks, whatever these show
            while len(budget.fresh) < SCREEN_ALL and self._pays(budget, budget.fresh):
                self.runner.run(budget, budget.fresh, "blocks")
        measured = [metric for metric in self.settings.metrics if looks.column(budget.fresh, metric)]
        schedule, done = OnlyCase.of(self.settings, measured), len(budget.fresh)
        most, of_shorter = (done + budget.payable(block_s) for block_s in (None, budget.least_s))
        most = max(most, min(of_shorter, schedule.fair))
        if budget.plan:
            most = max(done, budget.plan.blocks)
        budget.first, budget.planned = schedule.looks(most)
        if budget.first is None and budget.may_grow:
            budget.first = FirstLook(budget.planned)
        budget.candidates = looks.candidates(budget.fresh, self.settings)
        if not budget.candidates and not self._is_worth_its_budget(budget):
            budget.ended = True
        elif most < schedule.fewest:
            self._give_up(budget, "verdict", schedule.fewest, done)
        else:
            budget.candidates = frozenset(measured)
            self._look(budget, schedule, "blocks")
        return budget.unconfirmed or f"{len(budget.fresh)} blocks"

    def screen(self, budget: BlockBudget) -> str:
        """Run few blocks: is the case worth a confirmation, and what is left of the budget for it?"""
        self._probe(budget, budget.screening, "screening")
        budget.candidates = looks.candidates(budget.screening, self.settings)
        budget.planned = budget.payable()
        budget.ended = not budget.candidates
        return f"{', '.join(sorted(budget.candidates)) or 'nothing'} to confirm"

    def confirm(self, budget: BlockBudget, schedule: SeveralCases) -> str:
        """Run as many fresh blocks as the decision takes, where the budget pays the fewest that could."""
        if self.settings.most_s and budget.grow(looks.budget_to_confirm(budget.seen(), schedule)):
            budget.planned = budget.payable()
        if budget.planned < schedule.fewest <= budget.payable(budget.least_s):
            budget.planned = schedule.fewest  # of shorter blocks
        if budget.planned < schedule.fewest:
            self._give_up(budget, "confirmation", schedule.fewest, 0)
            return budget.unconfirmed
        budget.planned = looks.blocks_to_confirm(budget.seen(), schedule, budget.planned)
        budget.first = FirstLook(budget.planned)
        self._look(budget, schedule, "confirmation")
        return f"{len(budget.fresh)} fresh blocks"

    # steps of a stage

    def _probe(self, budget: BlockBudget, blocks: list[Readings], stage: str) -> None:
        """Run the first blocks of a case, until it is a candidate or there is little hope that it is."""
        while self._pays(budget, blocks):
            self.runner.run(budget, blocks, stage)
            if len(blocks) == SCREEN_FEW and looks.candidates(blocks, self.settings, share=1.0):
                break
            if len(blocks) >= SCREEN_ALL and not self._goes_on(budget, blocks):
                break

    def _pays(self, budget: BlockBudget, blocks: list[Readings]) -> bool:
        """Return whether there is a budget for one more block; it grows for those that a plan takes."""
        missing = SCREEN_ALL - len(blocks)
        return budget.pays() or (missing > 0 and budget.grow_for(missing))

    def _goes_on(self, budget: BlockBudget, blocks: list[Readings]) -> bool:
        """Return whether a case that is no candidate goes on: for half the budget, until it is one.

        That nothing changed is tested once on the way, so that no run of luck is waited for.
        """
        if budget.spent_s > budget.budget_s / 2 or looks.candidates(blocks, self.settings):
            return False
        return len(blocks) > SCREEN_ALL or looks.is_open(blocks, self.settings)

    def _is_worth_its_budget(self, budget: BlockBudget) -> bool:
        """Return whether p50, no candidate yet, is open, and the budget may well show what is asked."""
        needed_s = budget.plan.needed_s if budget.plan else None
        shows = needed_s is not None and needed_s <= FAIR_BUDGETS * budget.budget_s
        return shows and P50 in self.settings.metrics and looks.is_open(budget.fresh, self.settings)

    def _give_up(self, budget: BlockBudget, what: str, needed: int, done: int) -> None:
        """End a case whose budget pays fewer blocks than can show anything; name one that would do."""
        budget_s = math.ceil(budget.spent_s + (needed - done) * budget.block_s)
        budget.give_up(
            f"a {what} takes {needed} blocks of {format_seconds(budget.least_s)} at least, and the "
            f"budget pays {done + budget.payable(budget.least_s)}; --budget {budget_s} would do"
        )

    def _look(self, budget: BlockBudget, schedule: OnlyCase | SeveralCases, stage: str) -> None:
        """Run the blocks of the first look; what it leaves open gets all the budget pays, then another.

        A budget that may grow does so for what may be a change: the plan took the spread from few blocks.
        """
        self._run_planned(budget, schedule, stage)
        # where the first blocks went beyond the first look, it is none
        looked = budget.first and len(budget.fresh) <= budget.first.after
        if budget.first and not (looked and looks.is_answered(budget.seen(), schedule)):
            if not looks.is_decided(budget.seen(), schedule):
                budget.grow(FAIR_BUDGETS * budget.budget_s)
            planned = len(budget.fresh) + budget.payable()
            if planned > budget.first.after and planned >= schedule.second_look:
                budget.planned = planned
                self._run_planned(budget, schedule, stage)
        budget.ended = True

    def _run_planned(self, budget: BlockBudget, schedule: OnlyCase | SeveralCases, stage: str) -> None:
        """Run the planned blocks, as far as they can change a verdict and the budget pays them."""
        while len(budget.fresh) < budget.planned:
            if len(budget.fresh) >= schedule.fewest and not budget.pays():
                budget.planned = len(budget.fresh)  # slower than foreseen; no ratio has a say in it
                break
            self.runner.run(budget, budget.fresh, stage)
            if looks.is_final(budget.seen(), schedule):
                break
