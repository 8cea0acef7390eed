"""The second loop: two arms of the same cases in turn, block by block, until it is decided or paid for.

Every case is measured once in each arm for what needs no repetition (does it
run, size, outputs). Then blocks: few for every case, and fresh ones for the
candidates, which alone decide; where there is one case only, there is nothing
to screen, and every block decides. One case's base arm runs against itself as
the control. Every block is on disk before the next one begins.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

from harness import measure
from harness.ab import decide as trial
from harness.ab.blocks import read_block
from harness.ab.budget import SCREEN_FEW, Series
from harness.ab.model import ABResult, ABSettings, CaseBlocks, Pair, Pairing, Reading
from harness.build.scratch import scratch
from harness.core.case import Case
from harness.core.decision import MetricComparison
from harness.core.listener import Listener
from harness.core.record import Record, Status
from harness.core.report import GateOutcome
from harness.core.suite import Gate, Sampling, Suite
from harness.core.units import format_seconds
from harness.judge import gates
from harness.judge.agreement import unlike_inputs
from harness.measure import Block, BlockOrder
from harness.run.bench import Bench, OpenBench, open_arms
from harness.store.trace import Trace

ARMS = ("base", "head")
SCREEN_ALL = 6
"""Blocks that a case gets: after SCREEN_FEW a clear candidate is known, after all most are decided."""

WARMUP_CALLS, WARMUP_S = 3, 0.01
"""Warm-up of a block's worker at most: the first calls of every slice are thrown away as well."""

ONCE = ("accuracy/", "memory/", "model/")
"""Beginnings of the metrics that a record of few calls has as well as any other."""


def run_ab(
    pairing: Pairing,
    suite: Suite,
    terms: ABSettings,
    results_dir: Path,
    cache_dir: Path,
    *,
    base: Mapping[str, str] | None = None,
    head: Mapping[str, str] | None = None,
    listener: Listener | None = None,
    open_bench: OpenBench = open_arms,
) -> ABResult:
    """Compare every pair and return what was found; `base` and `head` name the arms.

    Ctrl-C ends the measuring: what is known by then is judged, and the trial is
    marked interrupted. Raw facts are in ``<results>/ab/<id>.jsonl``. Raises
    InputError where data is wrong, StoreError where results cannot be kept.
    """
    begun = monotonic()
    machine = measure.describe_machine()
    named = {"base": dict(base or {}), "head": dict(head or {})}
    with scratch() as work, Trace(results_dir / "ab") as trace:
        names = [pair.name for pair in pairing.pairs]
        trace.append({"job": trace.id, **named, **asdict(terms), "cases": names, "environment": machine})
        bench = open_bench(_brief(suite), cache_dir, work, machine)
        job = _Job(bench, suite.sampling, terms, trace, listener or Listener())
        interrupted = False
        try:
            job.run(pairing.pairs)
        except KeyboardInterrupt:
            interrupted = True
        found = job.conclude(interrupted)
        made = replace(
            found,
            base=named["base"],
            head=named["head"],
            pairing=pairing,
            gates=_hold_gates(suite.gates, found.comparisons, job.records),
            interrupted=interrupted,
            seconds=monotonic() - begun,
            file=str(trace.path),
        )
        trace.append({"rows": [row.to_json() for row in made.comparisons], "summary": made.to_json()})
        return made


def _hold_gates(
    asked: Sequence[Gate], rows: Sequence[MetricComparison], records: Mapping[str, tuple[Record, Record]]
) -> tuple[GateOutcome, ...]:
    """Hold gates against what was compared, and against HEAD's record where that alone has the metric."""
    compared = {row.metric for row in rows}
    once = [gate for gate in asked if gate.metric.startswith(ONCE) and gate.metric not in compared]
    heads = [replace(head, case=case) for case, (_, head) in records.items()]
    bases = {case: base for case, (base, _) in records.items()}
    axes = {case: head.axes for case, (_, head) in records.items()}
    return (
        *gates.evaluate_comparisons([gate for gate in asked if gate not in once], rows, axes),
        *gates.evaluate(once, heads, {"previous": bases, "anchor": bases}),
    )


def _brief(suite: Suite) -> Suite:
    """Time a few calls only, once: the blocks are for that."""
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


class _Lost(Exception):
    """An arm was lost in a block."""

    def __init__(self, arm: str, status: str, block: int, reason: str) -> None:
        super().__init__(f"{arm} {status} in block {block}: {reason}")
        self.arm, self.status, self.reason = arm, status, reason


class _Job:
    """One job on its way."""

    def __init__(
        self, bench: Bench, sampling: Sampling, terms: ABSettings, trace: Trace, listener: Listener
    ) -> None:
        self.bench = bench
        self.sampling = replace(
            sampling,
            warmup_calls=min(sampling.warmup_calls, WARMUP_CALLS),
            warmup_s=min(sampling.warmup_s, WARMUP_S),
        )
        self.terms = terms
        self.trace = trace
        self.listener = listener
        self.random = random.Random(terms.seed)
        self.rows: list[MetricComparison] = []
        self.failed: dict[str, str] = {}
        self.series: list[Series] = []
        self.controlled: Series | None = None  # the one whose base arm also runs against itself
        self.control: Series | None = None
        self.records: dict[str, tuple[Record, Record]] = {}
        self.left: list[str] = []  # cases that nothing is known of yet
        self.blocks = 0

    def run(self, pairs: Sequence[Pair]) -> None:
        """Go through all stages."""
        self.left = [pair.name for pair in pairs]
        labelled = sum(pair.head.artifact.model.data is not None for pair in pairs)
        for number, pair in enumerate(pairs, 1):
            self.listener.start_stage("numbers", pair.name, number, len(pairs))
            outcome = self._compare_once(pair, labelled)
            self.left.remove(pair.name)
            self.listener.end_stage(outcome, self._at_most_s())
        if not self.series:
            return
        self.controlled = self.random.choice(self.series)
        base = self.controlled.requests[0]
        planned = trial.control_blocks(self.terms)
        self.control = Series(self.controlled.case, (base, base), self.terms, planned=planned)
        if len(self.series) == 1:
            self.series[0].alone = True
            self._stage("blocks", self.series, self._decide)
        else:
            self._stage("screening", self.series, self._screen)
            self._stage("confirmation", [item for item in self.series if not item.ended], self._confirm)
        self._stage("control", [self.control], self._top_up)

    def conclude(self, interrupted: bool) -> ABResult:
        """Judge what there is."""
        for series in self.series:
            if interrupted and not series.ended:
                of = f" of {series.planned}" if series.planned else ""
                series.give_up(f"interrupted after {len(series.fresh) or len(series.screening)}{of} blocks")
        control = None
        if self.control is not None:
            ended = self.control.unconfirmed
            control = trial.judge_control(self.control.case, self.control.fresh, self.terms, ended)
        seen = [item.seen() for item in self.series]
        seen += [CaseBlocks(case, unconfirmed="interrupted before it was measured") for case in self.left]
        rows = [*self.rows, *trial.decide_blocks(seen, self.terms)]
        records = self.records.values()
        return ABResult(
            job=self.trace.id,
            terms=self.terms,
            base={},
            head={},
            comparisons=trial.conclude(rows, control),
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

    def _stage(self, name: str, series: Sequence[Series], step: Callable[[Series], str]) -> None:
        for number, item in enumerate(series, 1):
            self.listener.start_stage(name, item.case, number, len(series))
            try:
                outcome = step(item)
            except _Lost as lost:
                outcome = self.failed[item.case] = str(lost)
                self.rows.append(trial.lost_arm(item.case, lost.arm, lost.status, lost.reason))
                item.screening.clear()  # of an arm that cannot be relied on nothing is concluded
                item.fresh.clear()
                item.give_up(outcome)
            self.listener.end_stage(outcome, self._at_most_s())

    def _at_most_s(self) -> float:
        """Return how long the rest may take: what is left of every budget, and of the control's."""
        budget_s = self.terms.budget_s
        left = [budget_s - item.spent_s for item in self.series if not item.ended]
        if self.control is None or not self.control.ended:
            left.append(budget_s - (self.control.spent_s if self.control else 0.0))
        return sum(max(0.0, span) for span in left) + len(self.left) * budget_s

    # what is measured once

    def _compare_once(self, pair: Pair, labelled: int) -> str:
        """Measure what needs no blocks; where both arms run, make ready for blocks.

        `labelled` cases of the job may have labels, whose tests share alpha.
        """
        base, head = self._record(pair.base), self._record(pair.head)
        bad = [
            f"{arm} {record.status}: {record.reason}"
            for arm, record in zip(ARMS, (base, head), strict=True)
            if record.status is not Status.OK
        ]
        self.records[pair.name] = base, head
        self.rows += trial.compare_records(pair.name, base, head, self.terms, labelled)
        if bad:
            self.failed[pair.name] = "; ".join(bad)
            return self.failed[pair.name]
        self.rows += self._compare_answers(pair)
        requests = [self.bench.request(case, self.sampling) for case in (pair.base, pair.head)]
        self.series.append(Series(pair.name, (requests[0], requests[1]), self.terms))
        return "both arms run"

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
        return trial.compare_answers(
            pair.name,
            base,
            head,
            model.output,
            task=model.task,
            same_load=loads[0] == loads[1],
            unlike=unlike_inputs(*self.records[pair.name]),
        )

    # blocks

    def _decide(self, series: Series) -> str:
        """Run the blocks of the only case: all of them decide, unless the first ones show nothing."""
        self._probe(series, series.fresh)
        metrics = frozenset(item for item in self.terms.metrics if trial.column(series.fresh, item))
        family, done = trial.family(metrics), len(series.fresh)
        fewest = trial.fewest_blocks(self.terms, family)
        most, shorter = (done + series.payable(block_s) for block_s in (None, series.least_s))
        most = max(most, min(shorter, trial.fair_blocks(self.terms, family)))
        series.first, series.planned = trial.looks(self.terms, family, most)
        series.candidates = trial.candidates(series.fresh, self.terms)
        if not series.candidates:
            series.ended = True
        elif most < fewest:
            self._give_up(series, "verdict", fewest, done)
        else:
            series.candidates = metrics
            self._look(series, fewest, family)
        return series.unconfirmed or f"{len(series.fresh)} blocks"

    def _screen(self, series: Series) -> str:
        """Run few blocks: is the case worth a confirmation, and what is left of the budget for it?"""
        self._probe(series, series.screening)
        series.candidates = trial.candidates(series.screening, self.terms)
        series.planned = series.payable()
        series.ended = not series.candidates
        return f"{', '.join(sorted(series.candidates)) or 'nothing'} to confirm"

    def _probe(self, series: Series, blocks: list[Mapping[str, Reading]]) -> None:
        """Run the first blocks of a case, until it is a candidate or there is little hope that it is."""
        while series.pays():
            self._block(series, blocks)
            if len(blocks) == SCREEN_FEW and trial.candidates(blocks, self.terms, share=1.0):
                break
            if len(blocks) >= SCREEN_ALL and not self._goes_on(series, blocks):
                break

    def _goes_on(self, series: Series, blocks: Sequence[Mapping[str, Reading]]) -> bool:
        """Tell whether a case that is no candidate goes on: for half the budget, until it is one.

        That nothing changed is looked at once on the way, so that no run of luck is waited for.
        """
        if series.spent_s > self.terms.budget_s / 2 or trial.candidates(blocks, self.terms):
            return False
        return len(blocks) > SCREEN_ALL or trial.is_open(blocks, self.terms)

    def _confirm(self, series: Series) -> str:
        """Run as many fresh blocks as the decision takes, where the budget pays the fewest that could."""
        family = sum(trial.family(item.candidates) for item in self.series)
        needed = trial.confirmation_blocks(self.terms, family)
        if series.planned < needed <= series.payable(series.least_s):
            series.planned = needed  # of shorter blocks
        if series.planned < needed:
            self._give_up(series, "confirmation", needed, 0)
            return series.unconfirmed
        series.first = series.planned = trial.blocks_to_confirm(
            series.seen(), self.terms, family=family, most=series.planned
        )
        self._look(series, needed, family)
        return f"{len(series.fresh)} fresh blocks"

    def _give_up(self, series: Series, what: str, needed: int, done: int) -> None:
        """End a case whose budget pays fewer blocks than can show anything; say which would do."""
        budget_s = math.ceil(series.spent_s + (needed - done) * series.block_s)
        series.give_up(
            f"a {what} takes {needed} blocks of {format_seconds(series.least_s)} at least, and the "
            f"budget pays {done + series.payable(series.least_s)}; --budget {budget_s} would do"
        )

    def _look(self, series: Series, needed: int, family: float) -> None:
        """Run the blocks of the first look; what it leaves open gets all the budget pays, then another."""
        self._run_planned(series, needed, family)
        if series.first and not self._is_decided(series, family):
            planned = len(series.fresh) + series.payable()
            if planned > series.first and planned >= trial.second_look_blocks(self.terms, family):
                series.planned = planned
                self._run_planned(series, needed, family)
        series.ended = True

    def _is_decided(self, series: Series, family: float) -> bool:
        """Tell whether the first look leaves nothing open: in an only case, nothing that may be a change."""
        if len(series.fresh) > (series.first or 0):
            return False  # the first blocks went beyond it
        seen = series.seen()
        if series.alone:
            seen = replace(seen, candidates=seen.candidates & trial.candidates(series.fresh, self.terms))
        return trial.is_decided(seen, self.terms, family=family)

    def _run_planned(self, series: Series, needed: int, family: float) -> None:
        """Run the planned blocks, as far as they can change a verdict and the budget pays them."""
        while len(series.fresh) < series.planned:
            if len(series.fresh) >= needed and not series.pays():
                series.planned = len(series.fresh)  # slower than foreseen; no ratio has a say in it
                break
            self._block(series, series.fresh)
            if trial.is_settled(series.seen(), self.terms, family=family):
                break

    def _top_up(self, control: Series) -> str:
        """Give the control the blocks that it still lacks."""
        while not control.ended:
            self._block_of_control(control)
        return control.unconfirmed or f"{len(control.fresh)} blocks"

    def _block(self, series: Series, into: list[Mapping[str, Reading]]) -> None:
        """Run one block of `series`, and one of the control where it is this one that is controlled."""
        fresh = "blocks" if series.alone else "confirmation"
        into.extend(self._read_block(series, fresh if into is series.fresh else "screening"))
        if series is self.controlled and self.control is not None and not self.control.ended:
            self._block_of_control(self.control)

    def _block_of_control(self, control: Series) -> None:
        """Run one block of the control; whatever ends that early says nothing of the case."""
        try:
            control.fresh.extend(self._read_block(control, "control"))
        except _Lost as lost:
            control.give_up(f"base {lost.status} against itself: {lost.reason}")
            return
        control.ended = len(control.fresh) >= control.planned
        if not control.ended and not control.pays():
            control.give_up(f"its budget of {format_seconds(self.terms.budget_s)} is spent")

    def _read_block(self, series: Series, stage: str) -> list[Mapping[str, Reading]]:
        """Run one block, keep its raw facts, and read it; nothing of one whose start outlasted the budget."""
        span_s = series.span_s()
        block = self.bench.run_block(series.requests, self._draw(series), span_s, series.limit_s())
        self.blocks += 1
        if block.lost is not None and not block.late:
            self.trace.append(_facts(series.case, stage, block, {}))
            raise self._lost(block)
        series.spent_s += block.wall_s
        series.rests_s.append(max(block.start_s, block.wall_s - span_s))
        if block.late and block.lost is not None:
            self.trace.append(_facts(series.case, stage, block, {}))
            arm, spent = ARMS[block.lost], format_seconds(block.wall_s)
            series.late = f"a block was given up: {arm} did not start in the {spent} that the budget left"
            return []
        readings, missing = read_block(block.samples_ns, block.preempted, block.observations)
        self.trace.append(_facts(series.case, stage, block, readings))
        series.missing.update(missing)
        return [readings]

    def _draw(self, series: Series) -> BlockOrder:
        """Draw the order of the next block: in every four, each way to start and to lead once."""
        if not series.draws:
            series.draws = [BlockOrder(starts, leads) for starts in (0, 1) for leads in (0, 1)]
            self.random.shuffle(series.draws)
        return series.draws.pop()

    def _lost(self, block: Block) -> _Lost:
        """Say which arm was lost, and how."""
        assert block.lost is not None
        seen = block.observations[block.lost]
        error = (seen.error if seen else None) or {"status": "failed", "message": "no answer"}
        return _Lost(ARMS[block.lost], error["status"], self.blocks, error["message"])


def _facts(case: str, stage: str, block: Block, readings: Mapping[str, Reading]) -> dict[str, Any]:
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
