"""Run an A/B: two arms of the same cases in turn, until it is decided or the budget is spent.

Every case is measured once in each arm for what needs no repetition (does it
run, size, outputs). Then blocks, as the schedule has it: few for every case,
and fresh ones for the candidates, which alone decide; or, where there is one
case only, blocks that all decide. One case's base arm runs against itself as
the control. Every block is on disk before the next one begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from time import monotonic

from harness import measure
from harness.ab import decide
from harness.ab.blocks import read_block
from harness.ab.budget import BlockBudget
from harness.ab.model import ABResult, ABSettings, CaseBlocks, Control, Lost, Pair, Pairing, describe_lost
from harness.ab.records import ArmRecords
from harness.ab.runner import ArmLost, BlockRunner, Read
from harness.ab.schedule import OnlyCase, SeveralCases, count_tests, schedule_of
from harness.ab.stages import CaseStages
from harness.build.scratch import scratch
from harness.core.decision import MetricComparison
from harness.core.listener import Listener
from harness.core.record import Record
from harness.core.report import GateOutcome
from harness.core.sampling import Sampling
from harness.core.suite import Gate, Suite
from harness.judge import gates
from harness.measure import Request
from harness.run.bench import Bench, OpenBench, open_arms
from harness.run.inputs import check_inputs
from harness.store.trace import Trace

WARMUP_CALLS, WARMUP_S = 3, 0.01
"""Warm-up of a block's worker at most: the first calls of every slice are thrown away as well."""

ONCE = ("accuracy/", "memory/", "model/", "instructions/")
"""Beginnings of the metrics that a record of few calls has as well as any other."""


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
    check_inputs(case for pair in pairing.pairs for case in (pair.base, pair.head))
    machine = measure.describe_machine()
    arms = {"base": dict(base or {}), "head": dict(head or {})}
    with scratch() as work, Trace(results_dir / "ab") as trace:
        names = [pair.name for pair in pairing.pairs]
        trace.append({"job": trace.id, **arms, **asdict(settings), "cases": names, "environment": machine})
        bench = open_bench(_measure_once(suite, settings), cache_dir, work, machine)
        job = _Job(pairing.pairs, bench, suite.sampling, settings, trace, listener or Listener(), read)
        interrupted = False
        try:
            job.run()
        except KeyboardInterrupt:
            interrupted = True
        found = job.conclude(interrupted)
        result = replace(
            found,
            base=arms["base"],
            head=arms["head"],
            pairing=pairing,
            gates=_evaluate_gates(suite.gates, found.comparisons, job.records.of_case),
            interrupted=interrupted,
            seconds=clock() - begun,
            file=str(trace.path),
        )
        trace.append({"rows": [row.to_json() for row in result.comparisons], "summary": result.to_json()})
        return result


def _measure_once(suite: Suite, settings: ABSettings) -> Suite:
    """Time a few calls where a case is measured once: blocks are for that; count what was asked for."""
    few = replace(
        suite.sampling,
        warmup_calls=1,
        warmup_s=0.0,
        calls=suite.sampling.min_calls,
        seconds=None,
        target_ci=None,
        processes=1,
    )
    asked = suite.measure.with_passes(instructions=True) if settings.counted else suite.measure
    return replace(suite, sampling=few, measure=asked)


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


class _Job:
    """One job on its way."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        bench: Bench,
        sampling: Sampling,
        settings: ABSettings,
        trace: Trace,
        listener: Listener,
        read: Read,
    ) -> None:
        self.pairs = pairs
        self.bench = bench
        self.sampling = replace(
            sampling,
            warmup_calls=min(sampling.warmup_calls, WARMUP_CALLS),
            warmup_s=min(sampling.warmup_s, WARMUP_S),
        )
        self.settings = settings
        self.listener = listener
        self.records = ArmRecords(bench, trace, settings, pairs)
        self.runner = BlockRunner(bench, trace, read, Random(settings.seed))
        self.stages = CaseStages(self.runner, settings)
        self.rows: list[MetricComparison] = []  # of arms that were lost among the blocks
        self.failed: dict[str, tuple[Lost, ...]] = {}
        self.waiting: dict[str, str] = {}  # case without any block -> why, where the job ends now
        self.ready: dict[str, tuple[Request, Request]] = {}  # cases that run in both arms
        self.budgets: list[BlockBudget] = []

    def run(self) -> None:
        """Go through all stages."""
        self._measure_once()
        if not self.ready or not self.settings.metrics:  # counts take no blocks
            return
        schedule = schedule_of(self.settings, len(self.ready))
        budget_s = self.settings.budget_s
        self.budgets = [BlockBudget(case, both, budget_s, schedule) for case, both in self.ready.items()]
        self.waiting.clear()
        control = self.runner.control_one_of(self.budgets)
        if isinstance(schedule, OnlyCase):
            self._stage("blocks", self.budgets, self.stages.decide_only_case)
        else:
            self._stage("screening", self.budgets, self.stages.screen)
            tests = sum(count_tests(budget.candidates) for budget in self.budgets)
            confirmation = SeveralCases.of(self.settings, tests)
            left = [budget for budget in self.budgets if not budget.ended]
            self._stage("confirmation", left, lambda budget: self.stages.confirm(budget, confirmation))
        self._stage("control", [control], self.runner.finish_control)

    def _measure_once(self) -> None:
        """Measure what needs no blocks; where both arms run, make ready for blocks."""
        self.waiting = {pair.name: "interrupted before it was measured" for pair in self.pairs}
        for number, pair in enumerate(self.pairs, 1):
            self.listener.start_stage("numbers", pair.name, number, len(self.pairs))
            lost = self.records.compare(pair)
            if lost:
                self.failed[pair.name] = lost
                del self.waiting[pair.name]
            else:
                requests = [self.bench.request(case, self.sampling) for case in (pair.base, pair.head)]
                self.ready[pair.name] = requests[0], requests[1]
                self.waiting[pair.name] = "interrupted after 0 blocks"
            self.listener.end_stage(describe_lost(lost) or "both arms run", self._at_most_s())

    def _stage(self, name: str, budgets: Sequence[BlockBudget], step: Callable[[BlockBudget], str]) -> None:
        """Take each case through one stage; a case that loses an arm ends, the others go on."""
        for number, budget in enumerate(budgets, 1):
            self.listener.start_stage(name, budget.case, number, len(budgets))
            try:
                outcome = step(budget)
            except ArmLost as error:
                outcome = str(error.lost)
                self.failed[budget.case] = (error.lost,)
                self.rows.append(decide.judge_lost(budget.case, error.lost))
                budget.drop(outcome)
            self.listener.end_stage(outcome, self._at_most_s())

    def _at_most_s(self) -> float:
        """Return how long the rest may take: what is left of every budget, were it to grow to its cap.

        That of the control, too.
        """
        control = self.runner.control
        most_s = max(self.settings.budget_s, self.settings.most_s or 0.0) if self.settings.metrics else 0.0
        left = [most_s - budget.spent_s for budget in self.budgets if not budget.ended]
        if control is None or not control.ended:
            left.append(most_s - control.spent_s if control else most_s)
        return sum(max(0.0, span) for span in left) + len(self.waiting) * most_s

    def conclude(self, interrupted: bool) -> ABResult:
        """Judge what there is."""
        for budget in self.budgets:
            if interrupted and not budget.ended:
                of = f" of {budget.planned}" if budget.planned else ""
                budget.give_up(f"interrupted after {len(budget.fresh) or len(budget.screening)}{of} blocks")
        control = self._judge_control()
        cases = [budget.seen() for budget in self.budgets]
        cases += [CaseBlocks(case, unconfirmed=why) for case, why in self.waiting.items()]
        rows = [*self.records.rows, *self.rows, *decide.decide_blocks(cases, self.settings)]
        return ABResult(
            job=self.runner.trace.id,
            settings=self.settings,
            base={},
            head={},
            comparisons=decide.conclude(rows, control),
            control=control,
            failed=self.failed,
            unsupported=self.records.unsupported,
            notes=self.records.notes,
            disagreements=decide.find_disagreements(rows),
            blocks=self.runner.blocks,
            plans={budget.case: budget.plan for budget in self.budgets if budget.plan},
        )

    def _judge_control(self) -> Control | None:
        control = self.runner.control
        if control is None:
            return None
        return decide.judge_control(control.case, control.fresh, control.schedule, control.unconfirmed)
