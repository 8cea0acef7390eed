"""Run the blocks of a job one after the other, and those of the control beside those of its case.

Every block is on disk before the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from random import Random
from typing import Any

from harness.ab import lengths
from harness.ab.blocks import P50, P95_CALLS
from harness.ab.budget import LEAST_SPAN_S, BlockBudget
from harness.ab.model import ARMS, BlockPlan, BlockReading, Lost
from harness.ab.schedule import IN_HAND, SCREEN_ALL, OnlyCase
from harness.core.record import Status
from harness.core.units import format_seconds
from harness.measure import Block
from harness.run.bench import Bench
from harness.store.trace import Trace

Readings = Mapping[str, BlockReading]
"""What one block shows: a reading for each metric that it has."""

Read = Callable[..., tuple[dict[str, BlockReading], dict[str, str]]]
"""Turns the raw slices of a block into readings, as `harness.ab.blocks.read_block` does."""


TAIL_SPARE = 1.1
"""By how much longer than so many calls took the calls of a block are made that is to have as many."""


class ArmLost(Exception):
    """An arm was lost in a block."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(str(lost))
        self.lost = lost


class BlockRunner:
    """Runs blocks. One case is `controlled`: its base arm also runs against itself."""

    def __init__(self, bench: Bench, trace: Trace, read: Read, random: Random) -> None:
        self.bench = bench
        self.trace = trace
        self.read = read
        self.random = random
        self.blocks = 0  # so far
        self.controlled: BlockBudget | None = None
        self.control: BlockBudget | None = None

    def control_one_of(self, budgets: Sequence[BlockBudget]) -> BlockBudget:
        """Draw the case whose base arm is the control; return the budget of the control."""
        self.controlled = drawn = self.random.choice(budgets)
        base, schedule = drawn.requests[0], drawn.schedule
        self.control = BlockBudget(
            drawn.case, (base, base), drawn.budget_s, schedule, planned=schedule.control
        )
        return self.control

    def run(self, budget: BlockBudget, into: list[Readings], stage: str) -> None:
        """Run one block of a case, and one of the control where it is this case that is controlled.

        Raises ArmLost.
        """
        into.extend(self._run(budget, stage))
        if budget is self.controlled and self.control is not None and not self.control.ended:
            self._run_control(self.control)
        if len(into) == SCREEN_ALL and budget.plan is None:
            self._plan(budget, into)

    def _plan(self, budget: BlockBudget, blocks: Sequence[Readings]) -> None:
        """Plan the other blocks of an only case after so many, whatever the ratios of these are."""
        schedule, control = budget.schedule, self.control
        if not isinstance(schedule, OnlyCase) or control is None or budget.lengthened_s():
            return
        own, controls = ([block[P50] for block in each if P50 in block] for each in (blocks, control.fresh))
        rests_s = budget.rests_s[-len(blocks) :]
        parts = lengths.components(own, controls, sum(rests_s) / len(rests_s))
        if parts is not None:
            spans_s = [max(LEAST_SPAN_S, len(block.rounds) * block.round_s) for block in own]
            measured = [name for name in schedule.settings.metrics if any(name in block for block in blocks)]
            exact = OnlyCase.of(schedule.settings, measured)

            least_s = max(LEAST_SPAN_S, parts.round_s)

            def plan(left_s: float) -> BlockPlan | None:
                return lengths.plan_blocks(parts, exact, spans_s, left_s, least_s)

            needed_s = self._grow(budget, plan) if schedule.settings.most_s else None
            made = plan(budget.to_plan_s)
            budget.plan = made and replace(made, budget_s=budget.budget_s, needed_s=needed_s)

    def _grow(self, budget: BlockBudget, plan: Callable[[float], BlockPlan | None]) -> float | None:
        """Make the budget as large as the change that is to be visible needs; return what that is."""

        def visible_in(budget_s: float) -> float | None:
            made = plan((1 - IN_HAND) * (budget_s - budget.spent_s))
            return None if made is None else made.visible

        needed_s = lengths.budget_needed(visible_in, budget.schedule.settings.effect, budget.budget_s)
        budget.grow(needed_s)
        return needed_s

    def finish_control(self, control: BlockBudget) -> str:
        """Run the blocks that the control still lacks; return how it ended."""
        while not control.ended:
            self._run_control(control)
        return control.unconfirmed or f"{len(control.fresh)} blocks"

    def _run_control(self, control: BlockBudget) -> None:
        """Run one block of the control; an arm that is lost there does not fail the case."""
        try:
            control.fresh.extend(self._run(control, "control"))
        except ArmLost as error:
            control.give_up(f"base {error.lost.status} against itself: {error.lost.reason}")
            return
        control.ended = len(control.fresh) >= control.planned
        left = control.planned - len(control.fresh)
        if not control.ended and not control.pays() and not control.grow_for(left):
            control.give_up(f"its budget of {format_seconds(control.budget_s)} is spent")

    def _run(self, budget: BlockBudget, stage: str) -> list[Readings]:
        """Run one block, keep its raw facts, and read it; nothing of one whose start outlasted the budget."""
        span_s = budget.span_s()
        block = self.bench.run_block(budget.requests, budget.draw(self.random), span_s, budget.limit_s())
        self.blocks += 1
        if block.lost is not None:
            self.trace.append(_facts(budget.case, stage, block, {}))
            if not block.late:
                raise ArmLost(_describe_loss(block, self.blocks))
        budget.spend(block.wall_s, max(block.start_s, block.wall_s - span_s))
        if block.late and block.lost is not None:
            arm, spent = ARMS[block.lost], format_seconds(block.wall_s)
            budget.late = f"a block was given up: {arm} did not start in the {spent} that the budget left"
            return []
        readings, missing = self.read(block.samples_ns, block.preempted, block.observations)
        if (p50 := readings.get(P50)) and p50.rounds:
            readings[P50] = replace(p50, round_s=block.span_s / len(p50.rounds))
        self.trace.append(_facts(budget.case, stage, block, readings))
        budget.missing.update(missing)
        if calls := min(sum(map(len, arm)) for arm in block.samples_ns):
            budget.tail_s = max(budget.tail_s, block.span_s * P95_CALLS / calls * TAIL_SPARE)
        return [readings]


def _describe_loss(block: Block, number: int) -> Lost:
    """Return which arm was lost in a block, and how."""
    assert block.lost is not None
    seen = block.observations[block.lost]
    error = (seen.error if seen else None) or {"status": "failed", "message": "no answer"}
    return Lost(ARMS[block.lost], Status(error["status"]), error["message"], number)


def _facts(case: str, stage: str, block: Block, readings: Readings) -> dict[str, Any]:
    """Return what is kept of a block: everything that its numbers were computed from."""
    return {
        "case": case,
        "stage": stage,
        "starts": ARMS[block.draw.starts],
        "turns": block.turns,
        "slice_ns": block.slice_ns,
        "start_s": block.start_s,
        "wall_s": block.wall_s,
        "span_s": block.span_s,
        "lost": None if block.lost is None else ARMS[block.lost],
        "late": block.late,
        "readings": {metric: asdict(reading) for metric, reading in readings.items()},
        "samples_ns": block.samples_ns,
        "preempted": block.preempted,
        "arms": [
            seen and {"memory": seen.memory, "system": seen.system, "error": seen.error, "exit": seen.exit}
            for seen in block.observations
        ],
    }
