"""Run an A/B: two arms of the same cases in turn, until it is decided or the budget is spent.

Every case is measured once in each arm for what needs no repetition (does it
run, size, outputs). Then blocks, as the schedule has it: few for every case,
and fresh ones for the candidates, which alone decide; or, where there is one
case only, blocks that all decide. One case's base arm runs against itself as
the control. Every block is on disk before the next one begins.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from harness import measure
from harness.ab import decide
from harness.ab.blocks import read_block
from harness.ab.budget import BlockBudget
from harness.ab.model import (
    ARMS,
    ABResult,
    ABSettings,
    BlockReading,
    CaseBlocks,
    Lost,
    Pair,
    Pairing,
    describe_lost,
)
from harness.ab.schedule import SCREEN_ALL, SCREEN_FEW, OnlyCase, SeveralCases, count_tests, schedule_of
from harness.build.scratch import scratch
from harness.core.case import Case, thaw
from harness.core.decision import Change, MetricComparison
from harness.core.listener import Listener
from harness.core.record import Record, Status
from harness.core.report import GateOutcome
from harness.core.suite import Gate, Sampling, Suite
from harness.core.units import format_seconds
from harness.judge import gates
from harness.judge.agreement import apart, unlike_inputs
from harness.measure import Block, Request
from harness.run.bench import Bench, OpenBench, open_arms
from harness.store.trace import Trace

WARMUP_CALLS, WARMUP_S = 3, 0.01
"""Warm-up of a block's worker at most: the first calls of every slice are thrown away as well."""

ONCE = ("accuracy/", "memory/", "model/")
"""Beginnings of the metrics that a record of few calls has as well as any other."""

Read = Callable[..., tuple[dict[str, BlockReading], dict[str, str]]]
"""Turns the raw slices of a block into readings, as `harness.ab.blocks.read_block` does."""


def run_ab(
    pairing: Pairing,
    suite: Suite,
    settings: ABSettings,
    results_dir: Path,
    cache_dir: Path,
    *,
    base: Mapping[str, str] | None = None,
    head: Mapping[str, str] | None = None,
    listener: Listener | None = None,
    open_bench: OpenBench = open_arms,
    read: Read = read_block,
    clock: Callable[[], float] = monotonic,
) -> ABResult:
    """Compare every pair and return what was found; `base` and `head` name the arms.

    Ctrl-C ends the measuring: what is known by then is judged, and the result is
    marked interrupted. Raw facts are in ``<results>/ab/<id>.jsonl``. Raises
    InputError where data is wrong, StoreError where results cannot be kept.
    """
    begun = clock()
    machine = measure.describe_machine()
    arms = {"base": dict(base or {}), "head": dict(head or {})}
    with scratch() as work, Trace(results_dir / "ab") as trace:
        names = [pair.name for pair in pairing.pairs]
        trace.append({"job": trace.id, **arms, **asdict(settings), "cases": names, "environment": machine})
        bench = open_bench(_time_few_calls(suite), cache_dir, work, machine)
        job = _Job(bench, suite.sampling, settings, trace, listener or Listener(), read)
        interrupted = False
        try:
            job.run(pairing.pairs)
        except KeyboardInterrupt:
            interrupted = True
        found = job.conclude(interrupted)
        result = replace(
            found,
            base=arms["base"],
            head=arms["head"],
            pairing=pairing,
            gates=_evaluate_gates(suite.gates, found.comparisons, job.records),
            interrupted=interrupted,
            seconds=clock() - begun,
            file=str(trace.path),
        )
        trace.append({"rows": [row.to_json() for row in result.comparisons], "summary": result.to_json()})
        return result


def _time_few_calls(suite: Suite) -> Suite:
    """Time a few calls only where a case is measured once: the blocks are for that."""
    few = replace(
        suite.sampling,
        warmup_calls=1,
        warmup_s=0.0,
        calls=suite.sampling.min_calls,
        seconds=None,
        target_ci=None,
        processes=1,
    )
    return replace(suite, sampling=few)


def _evaluate_gates(
    asked: Sequence[Gate], rows: Sequence[MetricComparison], records: Mapping[str, tuple[Record, Record]]
) -> tuple[GateOutcome, ...]:
    """Evaluate gates on what was compared, and on HEAD's record where that alone has the metric."""
    compared = {row.metric for row in rows}
    once = [gate for gate in asked if gate.metric.startswith(ONCE) and gate.metric not in compared]
    heads = [replace(head, case=case) for case, (_, head) in records.items()]
    bases = {case: base for case, (base, _) in records.items()}
    axes = {case: head.axes for case, (_, head) in records.items()}
    return (
        *gates.evaluate_comparisons([gate for gate in asked if gate not in once], rows, axes),
        *gates.evaluate(once, heads, {"previous": bases, "anchor": bases}),
    )


class _ArmLost(Exception):
    """An arm was lost in a block."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(str(lost))
        self.lost = lost


class _Job:
    """One job on its way."""

    def __init__(
        self,
        bench: Bench,
        sampling: Sampling,
        settings: ABSettings,
        trace: Trace,
        listener: Listener,
        read: Read,
    ) -> None:
        self.bench = bench
        self.sampling = replace(
            sampling,
            warmup_calls=min(sampling.warmup_calls, WARMUP_CALLS),
            warmup_s=min(sampling.warmup_s, WARMUP_S),
        )
        self.settings = settings
        self.trace = trace
        self.listener = listener
        self.read = read
        self.random = random.Random(settings.seed)
        self.rows: list[MetricComparison] = []  # of what blocks do not decide
        self.records: dict[str, tuple[Record, Record]] = {}
        self.failed: dict[str, tuple[Lost, ...]] = {}
        self.waiting: dict[str, str] = {}  # case without any block -> why, where the job ends now
        self.ready: dict[str, tuple[Request, Request]] = {}  # cases that run in both arms
        self.budgets: list[BlockBudget] = []
        self.controlled: BlockBudget | None = None  # the case whose base arm also runs against itself
        self.control: BlockBudget | None = None
        self.blocks = 0

    def run(self, pairs: Sequence[Pair]) -> None:
        """Go through all stages."""
        self._measure_once(pairs)
        if not self.ready:
            return
        schedule = schedule_of(self.settings, len(self.ready))
        budget_s = self.settings.budget_s
        self.budgets = [BlockBudget(case, both, budget_s, schedule) for case, both in self.ready.items()]
        self.waiting.clear()
        self.controlled = self.random.choice(self.budgets)
        case, base = self.controlled.case, self.controlled.requests[0]
        self.control = BlockBudget(case, (base, base), budget_s, schedule, planned=schedule.control)
        if isinstance(schedule, OnlyCase):
            self._stage("blocks", self.budgets, self._decide_only_case)
        else:
            self._stage("screening", self.budgets, self._screen)
            tests = sum(count_tests(budget.candidates) for budget in self.budgets)
            confirmation = SeveralCases.of(self.settings, tests)
            left = [budget for budget in self.budgets if not budget.ended]
            self._stage("confirmation", left, lambda budget: self._confirm(budget, confirmation))
        self._stage("control", [self.control], self._finish_control)

    def conclude(self, interrupted: bool) -> ABResult:
        """Judge what there is."""
        for budget in self.budgets:
            if interrupted and not budget.ended:
                of = f" of {budget.planned}" if budget.planned else ""
                budget.give_up(f"interrupted after {len(budget.fresh) or len(budget.screening)}{of} blocks")
        control = None
        if self.control is not None:
            case, seen, ended = self.control.case, self.control.fresh, self.control.unconfirmed
            control = decide.judge_control(case, seen, self.control.schedule, ended)
        cases = [budget.seen() for budget in self.budgets]
        cases += [CaseBlocks(case, unconfirmed=why) for case, why in self.waiting.items()]
        rows = [*self.rows, *decide.decide_blocks(cases, self.settings)]
        records = self.records.values()
        return ABResult(
            job=self.trace.id,
            settings=self.settings,
            base={},
            head={},
            comparisons=decide.conclude(rows, control),
            control=control,
            failed=self.failed,
            unsupported=frozenset(
                case
                for case, (base, head) in self.records.items()
                if base.status is head.status is Status.UNSUPPORTED
            ),
            notes=tuple(dict.fromkeys(note for pair in records for record in pair for note in record.notes)),
            blocks=self.blocks,
        )

    def _at_most_s(self) -> float:
        """Return how long the rest may take: what is left of every budget, and of the control's."""
        budget_s = self.settings.budget_s
        left = [budget.left_s for budget in self.budgets if not budget.ended]
        if self.control is None or not self.control.ended:
            left.append(self.control.left_s if self.control else budget_s)
        return sum(max(0.0, span) for span in left) + len(self.waiting) * budget_s

    # what is measured once

    def _measure_once(self, pairs: Sequence[Pair]) -> None:
        """Measure what needs no blocks; where both arms run, make ready for blocks."""
        self.waiting = {pair.name: "interrupted before it was measured" for pair in pairs}
        labelled = sum(pair.head.artifact.model.data is not None for pair in pairs)
        for number, pair in enumerate(pairs, 1):
            self.listener.start_stage("numbers", pair.name, number, len(pairs))
            lost = self._compare_once(pair, labelled)
            if lost:
                self.failed[pair.name] = lost
                del self.waiting[pair.name]
            else:
                requests = [self.bench.request(case, self.sampling) for case in (pair.base, pair.head)]
                self.ready[pair.name] = requests[0], requests[1]
                self.waiting[pair.name] = "interrupted after 0 blocks"
            self.listener.end_stage(describe_lost(lost) or "both arms run", self._at_most_s())

    def _compare_once(self, pair: Pair, labelled: int) -> tuple[Lost, ...]:
        """Compare the records and the outputs of both arms; return the arms that do not run.

        `labelled` cases of the job may have labels, whose tests share alpha.
        """
        both = base, head = self._record(pair.base), self._record(pair.head)
        self.records[pair.name] = both
        self.rows += decide.compare_records(pair.name, base, head, self.settings, labelled)
        lost = tuple(
            Lost(arm, record.status, record.reason)
            for arm, record in zip(ARMS, both, strict=True)
            if record.status is not Status.OK
        )
        if not lost:
            self.rows += self._compare_answers(pair)
        return lost

    def _record(self, case: Case) -> Record:
        record = self.bench.measure(case, self.trace.id)
        self.trace.append({"record": record.to_json()})
        return record

    def _compare_answers(self, pair: Pair) -> list[MetricComparison]:
        base, head = (self.bench.outputs.pop(case) for case in (pair.base, pair.head))
        if base.values is None or head.values is None:
            return []
        model = pair.head.artifact.model
        loads = [(case.load.batch, case.load.shapes) for case in (pair.base, pair.head)]
        compare = partial(
            decide.compare_answers,
            pair.name,
            head=head,
            wanted=model.output,
            tolerance=thaw(model.tolerance),
            same_load=loads[0] == loads[1],
            unlike=unlike_inputs(*self.records[pair.name]),
        )
        found = compare(base)
        if base.varies is None and any(row.decision.verdict is Change.REGRESSION for row in found):
            # before HEAD is blamed: another process of BASE must answer as the first did
            return compare(replace(base, varies=apart(base, self.bench.evaluate(pair.base))))
        return found

    # stages of blocks

    def _stage(self, name: str, budgets: Sequence[BlockBudget], step: Callable[[BlockBudget], str]) -> None:
        """Take each case through one stage; a case that loses an arm ends, the others go on."""
        for number, budget in enumerate(budgets, 1):
            self.listener.start_stage(name, budget.case, number, len(budgets))
            try:
                outcome = step(budget)
            except _ArmLost as error:
                outcome = str(error.lost)
                self.failed[budget.case] = (error.lost,)
                self.rows.append(decide.judge_lost(budget.case, error.lost))
                budget.drop(outcome)
            self.listener.end_stage(outcome, self._at_most_s())

    def _decide_only_case(self, budget: BlockBudget) -> str:
        """Run the blocks of the only case: all of them decide, unless the first ones show nothing."""
        self._probe(budget, budget.fresh, "blocks")
        measured = [metric for metric in self.settings.metrics if decide.column(budget.fresh, metric)]
        schedule, done = OnlyCase.of(self.settings, measured), len(budget.fresh)
        most, of_shorter = (done + budget.payable(block_s) for block_s in (None, budget.least_s))
        most = max(most, min(of_shorter, schedule.fair))
        budget.first, budget.planned = schedule.looks(most)
        budget.candidates = decide.candidates(budget.fresh, self.settings)
        if not budget.candidates:
            budget.ended = True
        elif most < schedule.fewest:
            self._give_up(budget, "verdict", schedule.fewest, done)
        else:
            budget.candidates = frozenset(measured)
            self._look(budget, schedule, "blocks")
        return budget.unconfirmed or f"{len(budget.fresh)} blocks"

    def _screen(self, budget: BlockBudget) -> str:
        """Run few blocks: is the case worth a confirmation, and what is left of the budget for it?"""
        self._probe(budget, budget.screening, "screening")
        budget.candidates = decide.candidates(budget.screening, self.settings)
        budget.planned = budget.payable()
        budget.ended = not budget.candidates
        return f"{', '.join(sorted(budget.candidates)) or 'nothing'} to confirm"

    def _confirm(self, budget: BlockBudget, schedule: SeveralCases) -> str:
        """Run as many fresh blocks as the decision takes, where the budget pays the fewest that could."""
        if budget.planned < schedule.fewest <= budget.payable(budget.least_s):
            budget.planned = schedule.fewest  # of shorter blocks
        if budget.planned < schedule.fewest:
            self._give_up(budget, "confirmation", schedule.fewest, 0)
            return budget.unconfirmed
        budget.planned = decide.blocks_to_confirm(budget.seen(), schedule, budget.planned)
        budget.first = budget.planned
        self._look(budget, schedule, "confirmation")
        return f"{len(budget.fresh)} fresh blocks"

    def _finish_control(self, control: BlockBudget) -> str:
        """Give the control the blocks that it still lacks."""
        while not control.ended:
            self._run_control()
        return control.unconfirmed or f"{len(control.fresh)} blocks"

    # steps of a stage

    def _probe(self, budget: BlockBudget, blocks: list[Mapping[str, BlockReading]], stage: str) -> None:
        """Run the first blocks of a case, until it is a candidate or there is little hope that it is."""
        while budget.pays():
            self._run_block(budget, blocks, stage)
            if len(blocks) == SCREEN_FEW and decide.candidates(blocks, self.settings, share=1.0):
                break
            if len(blocks) >= SCREEN_ALL and not self._goes_on(budget, blocks):
                break

    def _goes_on(self, budget: BlockBudget, blocks: Sequence[Mapping[str, BlockReading]]) -> bool:
        """Tell whether a case that is no candidate goes on: for half the budget, until it is one.

        That nothing changed is tested once on the way, so that no run of luck is waited for.
        """
        if budget.spent_s > budget.budget_s / 2 or decide.candidates(blocks, self.settings):
            return False
        return len(blocks) > SCREEN_ALL or decide.is_open(blocks, self.settings)

    def _give_up(self, budget: BlockBudget, what: str, needed: int, done: int) -> None:
        """End a case whose budget pays fewer blocks than can show anything; name one that would do."""
        budget_s = math.ceil(budget.spent_s + (needed - done) * budget.block_s)
        budget.give_up(
            f"a {what} takes {needed} blocks of {format_seconds(budget.least_s)} at least, and the "
            f"budget pays {done + budget.payable(budget.least_s)}; --budget {budget_s} would do"
        )

    def _look(self, budget: BlockBudget, schedule: OnlyCase | SeveralCases, stage: str) -> None:
        """Run the blocks of the first look; what it leaves open gets all the budget pays, then another."""
        self._run_planned(budget, schedule, stage)
        # where the first blocks went beyond the first look, it is none
        looked = budget.first and len(budget.fresh) <= budget.first
        if budget.first and not (looked and decide.is_decided(budget.seen(), schedule)):
            planned = len(budget.fresh) + budget.payable()
            if planned > budget.first and planned >= schedule.second_look:
                budget.planned = planned
                self._run_planned(budget, schedule, stage)
        budget.ended = True

    def _run_planned(self, budget: BlockBudget, schedule: OnlyCase | SeveralCases, stage: str) -> None:
        """Run the planned blocks, as far as they can change a verdict and the budget pays them."""
        while len(budget.fresh) < budget.planned:
            if len(budget.fresh) >= schedule.fewest and not budget.pays():
                budget.planned = len(budget.fresh)  # slower than foreseen; no ratio has a say in it
                break
            self._run_block(budget, budget.fresh, stage)
            if decide.is_settled(budget.seen(), schedule):
                break

    # blocks

    def _run_block(self, budget: BlockBudget, into: list[Mapping[str, BlockReading]], stage: str) -> None:
        """Run one block of a case, and one of the control where it is this one that is controlled."""
        into.extend(self._read_block(budget, stage))
        if budget is self.controlled and self.control is not None and not self.control.ended:
            self._run_control()

    def _run_control(self) -> None:
        """Run one block of the control; whatever ends that early says nothing of the case."""
        control = self.control
        assert control is not None
        try:
            control.fresh.extend(self._read_block(control, "control"))
        except _ArmLost as error:
            control.give_up(f"base {error.lost.status} against itself: {error.lost.reason}")
            return
        control.ended = len(control.fresh) >= control.planned
        if not control.ended and not control.pays():
            control.give_up(f"its budget of {format_seconds(control.budget_s)} is spent")

    def _read_block(self, budget: BlockBudget, stage: str) -> list[Mapping[str, BlockReading]]:
        """Run one block, keep its raw facts, and read it; nothing of one whose start outlasted the budget."""
        span_s = budget.span_s()
        block = self.bench.run_block(budget.requests, budget.draw(self.random), span_s, budget.limit_s())
        self.blocks += 1
        if block.lost is not None:
            self.trace.append(_facts(budget.case, stage, block, {}))
            if not block.late:
                raise _ArmLost(_describe_loss(block, self.blocks))
        budget.spend(block.wall_s, max(block.start_s, block.wall_s - span_s))
        if block.late and block.lost is not None:
            arm, spent = ARMS[block.lost], format_seconds(block.wall_s)
            budget.late = f"a block was given up: {arm} did not start in the {spent} that the budget left"
            return []
        readings, missing = self.read(block.samples_ns, block.preempted, block.observations)
        self.trace.append(_facts(budget.case, stage, block, readings))
        budget.missing.update(missing)
        return [readings]


def _describe_loss(block: Block, number: int) -> Lost:
    """Return which arm was lost in a block, and how."""
    assert block.lost is not None
    seen = block.observations[block.lost]
    error = (seen.error if seen else None) or {"status": "failed", "message": "no answer"}
    return Lost(ARMS[block.lost], Status(error["status"]), error["message"], number)


def _facts(case: str, stage: str, block: Block, readings: Mapping[str, BlockReading]) -> dict[str, Any]:
    """Return what is kept of a block: everything that its numbers were computed from."""
    return {
        "case": case,
        "stage": stage,
        "starts": ARMS[block.draw.starts],
        "turns": block.turns,
        "slice_ns": block.slice_ns,
        "start_s": block.start_s,
        "wall_s": block.wall_s,
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
