"""Two arms held against each other, with the fake engine's exact numbers.

Most tests make up the blocks and run everything else for real; some start
real workers, and assert nothing about their speed.
"""

from __future__ import annotations

import json
import math
import resource
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from make import open_repeating_arms

from harness.ab.arms import pair_cases
from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, Lost, Pairing
from harness.cli.ab import exit_code
from harness.core.case import Case
from harness.core.decision import Change, MetricComparison
from harness.core.errors import StoreError
from harness.core.listener import Listener
from harness.core.record import Observation, Record, Status
from harness.judge.outputs import Outputs
from harness.measure import Block, BlockOrder, Request
from harness.plan import plan_document
from harness.run.bench import Bench, open_arms
from harness.store.lines import whole_lines

P50, P95, PEAK = "latency/p50", "latency/p95", "memory/peak"
TWO = ("m", "n")
"""Models of a job that screens: of one case there is nothing to choose among."""

QUICK = {"warmup_calls": 2, "warmup_seconds": 0, "calls": 20, "timeout": 20}
FAKE = {"call_ns": [1_000], "memory": {"peak": 50_000}, "outputs": {"y": [[0.1, 0.9], [0.8, 0.2]]}}
SLOWER = {"when": {"graph_opt": "all"}, "call_ns": [1_020]}

WILD = -40.0
"""By how many percent HEAD differs in a block that a neighbour disturbed, and that tells nothing."""

STRAY = -15.0
"""The same of a block that nothing tells to be worse than others."""

Percent = Mapping[str, float] | None
"""How much slower HEAD is in a block, by model; None: HEAD is lost in it."""


def suite(*cases: Mapping[str, Any], models: tuple[str, ...] = ("m",), **keys: Any) -> dict[str, Any]:
    """A suite of fake models; `cases` say what differs where."""
    fake = {**FAKE, "cases": list(cases)}
    return {"models": {name: {"source": {"fake": fake}} for name in models}, "sampling": QUICK, **keys}


def paired(document: dict[str, Any], base: str = "basic", head: str = "all") -> tuple[Any, Pairing]:
    """The arms: two levels of optimization."""
    plans = [
        plan_document({**document, "axes": {**document.get("axes", {}), "graph_opt": level}}, Path.cwd(), "s")
        for level in (base, head)
    ]
    return plans[0].suite, pair_cases(plans[0], plans[1], {"graph_opt"})


@pytest.fixture
def workshop() -> SimpleNamespace:
    """Hold what makes the bench of a job: the real one, where a test does not make up its blocks."""
    return SimpleNamespace(open_bench=open_arms)


@pytest.fixture
def trial(tmp_path: Path, workshop: SimpleNamespace) -> Callable[..., ABResult]:
    """Run a job."""

    def run(document: dict[str, Any], listener: Listener | None = None, **settings: Any) -> ABResult:
        made, pairing = paired(document)
        asked = ABSettings(**{"seed": 1, **settings})
        return run_ab(
            pairing,
            made,
            asked,
            tmp_path / "results",
            tmp_path / "cache",
            listener=listener,
            open_bench=workshop.open_bench,
        )

    return run


class Blocks:
    """Blocks made up: HEAD differs by so many percent, and each costs so many seconds."""

    def __init__(self, *percent: float, wall_s: float = 0.5, calls: int = 20) -> None:
        self.percent = percent or (0.0,)
        self.wall_s = wall_s
        self.calls = calls
        self.control: tuple[float, ...] = (0.0,)
        self.peaks = 50_000, 50_000
        self.swing = 0  # by which HEAD's peak is larger in one block, and smaller in the next
        self.lost: dict[int, int] = {}  # number of the block -> arm
        self.stop_at: int | None = None
        self.stop_at_case: int | None = None  # of the records
        self.slow_from: int | None = None
        self.rests_s: tuple[float, ...] = ()  # what blocks cost beyond their calls; else `wall_s` is all
        self.swings: tuple[float, ...] = ()  # by which share HEAD differs more in each ABBA of a block
        self.call_s = 0.0  # what a call takes: then a block has as many as its time pays
        self.slow_start = 0  # the block of a case that takes three seconds to start
        self.asked: list[tuple[str, BlockOrder, float]] = []
        self.pairs: Counter[str] = Counter()

    def run_block(
        self,
        pair: tuple[Request, Request],
        draw: BlockOrder,
        span_s: float,
        limit_s: float = math.inf,
    ) -> Block:
        """Make up a block."""
        number = len(self.asked) + 1
        if number == self.stop_at:
            raise KeyboardInterrupt
        same = pair[0] is pair[1]
        self.asked.append(("control" if same else pair[0].case, draw, span_s))
        self.pairs[self.asked[-1][0]] += 1
        drawn = self.control if same else self.percent
        percent = drawn[(self.pairs[self.asked[-1][0]] - 1) % len(drawn)]
        head_ns = round(1_000_000 * (1 + percent / 100))
        lost = self.lost.get(number)
        swing = self.swing * (-1) ** self.pairs[pair[0].case]
        peaks = self.peaks[:1] * 2 if same else (self.peaks[0], self.peaks[1] + swing)
        fine = [Observation(passes=(), memory={"peak": {"bytes": peak}}) for peak in peaks]
        error = {"status": "crashed", "pass": "slices", "message": "the worker died of SIGSEGV"}
        bad = Observation(passes=(), error=error)
        # a wild block is known by its ABBAs, which disagree
        heads = [head_ns // 3, head_ns, head_ns * 3] if percent < WILD / 2 else [head_ns]
        if self.swings:
            heads = [round(head_ns * (1 + swing)) for swing in self.swings]
        calls = max(1, int(span_s / 4 / self.call_s)) if self.call_s else self.calls
        rest_s, wall_s = self._wall_s(number, span_s)
        if self.slow_start and self.pairs[pair[0].case] == self.slow_start and not same:
            rest_s = 3.0
        if rest_s > limit_s:
            none: tuple[tuple[int, ...], ...] = ()
            return Block((none, none), ((), ()), (None, None), draw, (), 0, limit_s, limit_s, 1, True)
        return Block(
            samples_ns=(
                ((1_000_000,) * calls,) * 2 * len(heads),
                tuple((ns,) * calls for ns in heads for _ in "AB"),
            ),
            preempted=((0, 0) * len(heads),) * 2,
            observations=(bad if lost == 0 else fine[0], bad if lost == 1 else fine[1]),
            draw=draw,
            turns=(0, 1, 1, 0),
            slice_ns=1,
            start_s=0.3,
            wall_s=wall_s,
            lost=lost,
            span_s=span_s if self.swings or self.call_s else 0.0,
        )

    def _wall_s(self, number: int, span_s: float) -> tuple[float, float]:
        """Return what a block costs beyond its calls, and in all: as told, or by what is told of that."""
        told_s = self.wall_s * (2 if self.slow_from and number >= self.slow_from else 1)
        rest_s = self.rests_s[number % len(self.rests_s)] if self.rests_s else 0.0
        return rest_s, rest_s + span_s if self.rests_s else told_s


RECORDS: dict[str, tuple[Record, Outputs | None]] = {}
"""What is measured once, by case: the fake engine answers the same every time."""


class MadeUpBench:
    """A bench that makes up its blocks, and measures every case for the first test only."""

    def __init__(self, real: Bench, blocks: Blocks) -> None:
        self.real = real
        self.blocks = blocks
        self.outputs = real.outputs
        self.request = real.request
        self.measured = 0

    def measure(self, case: Case, run: str = "") -> Record:
        self.measured += 1
        if self.measured == self.blocks.stop_at_case:
            raise KeyboardInterrupt
        key = repr(case)
        if key not in RECORDS:
            record = self.real.measure(case, run)
            RECORDS[key] = record, self.outputs.get(case)
        record, outputs = RECORDS[key]
        if outputs is not None:
            self.outputs[case] = outputs
        return record

    def evaluate(self, case: Case) -> Outputs:
        """What a second process computes: the same again."""
        found = RECORDS[repr(case)][1]
        assert found is not None
        return found

    def run_block(self, *arguments: Any) -> Block:
        return self.blocks.run_block(*arguments)


@pytest.fixture
def made_up(workshop: SimpleNamespace) -> Callable[..., Blocks]:
    """Have blocks made up instead of measured."""

    def make(*percent: float, **more: Any) -> Blocks:
        blocks = Blocks(*percent, **more)
        workshop.open_bench = lambda *given: MadeUpBench(open_arms(*given), blocks)
        return blocks

    return make


def rows(trial: ABResult) -> dict[tuple[str, str], MetricComparison]:
    return {(row.case, row.metric): row for row in trial.comparisons}


def lines(trial: ABResult) -> list[dict[str, Any]]:
    """What the job left on disk."""
    return [json.loads(line) for line in Path(trial.file).read_text().splitlines()]


def stages(trial: ABResult) -> Counter[str]:
    return Counter(line["stage"] for line in lines(trial) if "stage" in line)


def test_two_percent_are_a_regression_with_the_exact_ratio_through_real_workers(trial, workshop) -> None:
    workshop.open_bench = open_repeating_arms
    found = trial(suite(SLOWER), budget_s=30)
    row = rows(found)["m", P50]
    assert row.decision.verdict is Change.REGRESSION
    assert row.decision.ratio == pytest.approx(1.02, abs=1e-12)
    assert (row.decision.low, row.decision.high) == (pytest.approx(1.02), pytest.approx(1.02))
    assert (row.base, row.head) == (pytest.approx(1e-6), pytest.approx(1.02e-6))
    # of three metrics p50 has the largest share of alpha: thirteen blocks see through four that stray
    assert (row.decision.blocks, row.decision.p) == (13, pytest.approx(2**-13 / 0.8))
    assert rows(found)["m", P95].decision.verdict is Change.REGRESSION
    assert rows(found)["m", PEAK].decision.verdict is Change.EQUIVALENT
    assert stages(found) == {"blocks": 13, "control": 8}
    assert found.control is not None
    assert not found.control.fired
    assert {decision.ratio for decision in found.control.decisions.values()} == {1.0}
    assert found.worse
    assert found.trusted
    assert found.blocks == 21


@pytest.mark.parametrize(("models", "ran"), [(("m",), {"blocks": 6}), (TWO, {"screening": 12})])
def test_what_is_the_same_is_equivalent_after_the_first_blocks(trial, made_up, models, ran) -> None:
    made_up(0.1)
    found = trial(suite(models=models))
    row = rows(found)["m", P50]
    assert row.decision.verdict is Change.EQUIVALENT
    assert row.decision.ratio == pytest.approx(1.001)
    assert stages(found) == {**ran, "control": 8}
    assert not found.worse


@pytest.mark.parametrize("percent", [3.0, 0.7])
def test_an_only_case_is_planned_after_six_blocks_whatever_they_show(trial, made_up, percent) -> None:
    blocks = made_up(percent)
    blocks.rests_s = (0.4,)
    blocks.swings = -0.02, -0.01, 0.0, 0.01, 0.02
    found = trial(suite(), metrics=(P50,))
    (plan,) = found.plans.values()
    assert (plan.after, plan.components.control_blocks, plan.components.rounds) == (6, 6, 60)
    assert plan.components.start_s == pytest.approx(0.4)
    spans = [span_s for case, _, span_s in blocks.asked if case != "control"]
    assert spans[6] == pytest.approx(plan.span_s) != pytest.approx(spans[5])
    assert len(spans) <= plan.blocks
    assert lines(found)[-1]["summary"]["plans"] == json.loads(json.dumps(found.to_json()["plans"]))


@pytest.mark.parametrize(("most_s", "spent"), [(None, (8, 10)), (16.0, (14, 16)), (120.0, (17, 120))])
def test_the_budget_of_an_only_case_grows_up_to_what_shows_the_change_asked_for(
    trial, made_up, most_s, spent
) -> None:
    blocks = made_up(3.5, 0.8, 2.0, 4.0, 1.2)
    blocks.rests_s, blocks.swings = (0.4,), (0.02, -0.03, 0.0, 0.03, -0.02)
    found = trial(suite(), metrics=(P50,), see=0.02, most_s=most_s)
    assert spent[0] < spent_s(found, "m") <= spent[1]
    (plan,) = found.plans.values()
    if most_s is None:
        assert (plan.budget_s, plan.needed_s) == (10.0, None)
    else:
        assert plan.needed_s is not None
        planned_s = min(plan.needed_s, most_s)
        assert plan.budget_s in (planned_s, min(2 * planned_s, most_s))
    if most_s == 120:
        assert plan.visible is not None
        assert plan.visible <= 0.02


def test_a_budget_that_shows_the_change_asked_for_is_spent_though_nothing_looks_changed(
    trial, made_up
) -> None:
    counts = []
    for most_s in (None, 60.0):
        blocks = made_up(1.5, -1.6, 0.9, -1.2, 1.4, -1.0)
        blocks.rests_s, blocks.swings = (0.4,), (0.01, -0.01, 0.0, 0.015, -0.015)
        found = trial(suite(), metrics=(P50,), see=0.02, most_s=most_s)
        decision = rows(found)["m", P50].decision
        counts.append(decision.blocks)
        assert decision.verdict in (Change.EQUIVALENT, Change.INCONCLUSIVE)
    (plan,) = found.plans.values()
    assert plan.needed_s is not None
    assert counts[0] < plan.blocks
    assert counts[1] == plan.blocks or decision.verdict is Change.EQUIVALENT


def test_a_cap_is_spent_where_it_may_well_show_the_change_asked_for(trial, made_up) -> None:
    """Half of what would surely show it shows it every other time; a quarter does not."""
    ends = []
    for most_s in (600.0, 30.0, 14.0):
        blocks = made_up(3.5, -3.6, 3.9, -3.2, 3.4, -3.0)
        blocks.rests_s, blocks.swings = (0.4,), (0.016, -0.016, 0.0, 0.024, -0.024)
        found = trial(suite(), metrics=(P50,), see=0.02, most_s=most_s)
        (plan,) = found.plans.values()
        ends.append((plan, rows(found)["m", P50].decision))
    needed_s = ends[0][0].needed_s
    assert needed_s is not None
    for (plan, decision), goes_on in zip(ends[1:], (True, False), strict=True):
        assert (needed_s <= 2 * plan.budget_s) is goes_on
        shown = decision.verdict is Change.EQUIVALENT
        assert (shown or decision.blocks == plan.blocks) is goes_on


def test_what_the_planned_blocks_leave_open_gets_as_many_again_and_a_second_look(trial, made_up) -> None:
    """Six blocks show less spread than there is: those that they plan are too few."""
    ends = []
    for most_s in (None, 10.0, 30.0):
        blocks = made_up(*(2.0, 2.1) * 3, 0.2, 0.1, 0.3, 0.2, *(2.6, 2.4, 1.7, 2.5) * 9)
        blocks.rests_s, blocks.swings, blocks.control = (0.4,), (0.005, -0.005, 0.0), (0.4, -0.4)
        found = trial(suite(), metrics=(P50,), most_s=most_s)
        ends.append((rows(found)["m", P50].decision, spent_s(found, "m")))
        assert found.plans["m"].budget_s == (20.0 if most_s == 30 else 10.0)
    (fixed, _), (capped, _), (grown, spent) = ends
    assert fixed.verdict is capped.verdict is Change.INCONCLUSIVE
    assert grown.verdict is Change.REGRESSION
    assert grown.blocks > capped.blocks == fixed.blocks
    assert 10 < spent <= 20


@pytest.mark.parametrize(
    ("percent", "looked"), [((3.0, 3.2, 2.8), True), ((3.0, 3.2, -4.0, 2.8, 0.5, 3.1), False)]
)
def test_a_change_of_p50_that_shows_early_ends_a_job_that_chose_its_budget(
    trial, made_up, percent, looked
) -> None:
    """Whoever names a budget gets it for p95, which a third of the calls leave open here."""
    blocks = made_up(*percent, calls=60)
    blocks.rests_s = (0.15,)
    found = trial(suite(), metrics=(P50, P95), most_s=30.0)
    decision = rows(found)["m", P50].decision
    assert (decision.blocks == 13) is looked
    assert decision.verdict is (Change.REGRESSION if looked else decision.verdict)


@pytest.mark.parametrize(("percent", "most_s", "verdict"), [
    ((5.5, 4.5), 30.0, Change.REGRESSION),
    ((5.5, -4.5), 30.0, Change.INCONCLUSIVE),
    ((5.5, 4.5), None, Change.INCONCLUSIVE),
])  # fmt: skip
def test_calls_so_slow_that_a_block_is_one_abba_get_a_plan_and_a_whole_control_within_the_cap(
    trial, made_up, percent, most_s, verdict
) -> None:
    blocks = made_up(*percent)
    blocks.rests_s, blocks.call_s, blocks.control = (1.4, 1.5, 2.6), 0.2, (0.5, -0.5)
    found = trial(suite(), metrics=(P50,), most_s=most_s)
    assert rows(found)["m", P50].decision.verdict is verdict
    assert found.control is not None
    if most_s is None:  # ten seconds pay too few
        assert found.plans == {}
        assert stages(found)["control"] < 6
        return
    (plan,) = found.plans.values()
    assert (plan.after, plan.components.within, plan.components.control_blocks) == (6, 0.0, 6)
    assert plan.components.between == pytest.approx(math.log(1.005), rel=0.1)
    assert stages(found)["control"] == 8
    assert spent_s(found, "m") <= most_s


def test_the_budget_of_a_candidate_grows_for_its_confirmation(trial, made_up) -> None:
    counts = []
    for most_s in (None, 40.0):
        made_up(0.2, 2.5, 4.5, 1.5)
        found = trial(suite(models=TWO), metrics=(P50,), see=0.02, most_s=most_s)
        counts.append(rows(found)["m", P50].decision.blocks)
        assert rows(found)["m", P50].decision.verdict is Change.INCONCLUSIVE or most_s
    assert counts[0] < counts[1]


def test_a_row_without_a_verdict_has_the_budget_that_would_show_the_change_asked_for(trial, made_up) -> None:
    made_up(4.5, -2.5, 3.5, -1.5)
    found = trial(suite(), metrics=(P50,), budget_s=8)
    decision = rows(found)["m", P50].decision
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.asked == 0.02
    assert decision.mde is not None
    assert decision.mde > 0.02
    assert decision.needed_s is not None
    made_up(4.5, -2.5, 3.5, -1.5)
    again = rows(trial(suite(), metrics=(P50,), budget_s=decision.needed_s, min_effect=0.009))["m", P50]
    assert again.decision.mde == pytest.approx(0.02, abs=0.003)


def test_every_block_of_an_only_case_decides(trial, made_up) -> None:
    """Twenty blocks are too few for two looks: one at all of them, ended where no other could change it."""
    made_up(3)
    found = trial(suite())
    row = rows(found)["m", P50]
    assert row.decision.verdict is Change.REGRESSION
    assert row.decision.blocks == stages(found)["blocks"] < 20
    assert row.decision.reason.endswith("of 20 blocks spared: they could not change it")
    assert set(stages(found)) == {"blocks", "control"}


@pytest.mark.parametrize("place", [0, 2, 7, 12])
def test_a_wild_block_does_not_hide_a_change_of_an_only_case(trial, made_up, place) -> None:
    made_up(*[3.0] * place, WILD, *[3.0] * 60, wall_s=0.7)
    found = trial(suite())
    assert rows(found)["m", P50].decision.verdict is Change.REGRESSION
    assert rows(found)["m", P50].decision.blocks <= 14


def test_memory_has_a_smaller_share_of_alpha_than_a_timing_has(trial, made_up) -> None:
    """Eight blocks reach 0.39%: enough for p50's share of 1%, not for that of memory."""
    made_up(0.1, wall_s=1.25).peaks = 50_000, 51_500
    found = rows(trial(suite()))["m", PEAK]
    assert (found.decision.verdict, found.decision.blocks) == (Change.INCONCLUSIVE, 8)
    made_up(3, wall_s=1.25)
    found = rows(trial(suite(), metrics=(P50, PEAK)))["m", P50]
    assert (found.decision.verdict, found.decision.blocks) == (Change.REGRESSION, 8)


def test_all_metrics_of_an_only_case_share_alpha(trial, made_up) -> None:
    """Seven blocks can show one metric at 1%, not three of which only one looks like a change."""
    for metrics, verdict in (((P50,), Change.REGRESSION), ((P50, P95, PEAK), Change.INCONCLUSIVE)):
        made_up(3, wall_s=1.4)
        found = trial(suite(), metrics=metrics)
        assert rows(found)["m", P50].decision.verdict is verdict
        assert stages(found)["blocks"] == (7 if verdict is Change.REGRESSION else 3)


def test_an_only_case_in_which_nothing_shows_raises_no_alarm_whatever_its_blocks_are(trial, made_up) -> None:
    """Blocks just beyond 0.3% that never reach half of 1%: no look at them is taken."""
    made_up(0.4)
    row = rows(trial(suite(), min_effect=0.003))["m", P50]
    assert row.decision.verdict is Change.REGRESSION
    made_up(0.4)
    row = rows(trial(suite()))["m", P50]
    assert (row.decision.verdict, row.decision.blocks) == (Change.EQUIVALENT, 6)
    assert row.decision.mde == pytest.approx(0.01)


def test_a_clear_change_of_an_only_case_does_not_wait_for_the_whole_budget(trial, made_up) -> None:
    made_up(3)
    found = trial(suite(), budget_s=300)
    assert rows(found)["m", P50].decision.blocks == stages(found)["blocks"] == 13


def test_what_looks_like_no_change_does_not_keep_a_decided_job_going(trial, made_up) -> None:
    """p50 and p95 are shown; the peak of memory swings by 4% either way, however many blocks."""
    made_up(3).swing = 2_000
    found = trial(suite(), budget_s=300)
    assert rows(found)["m", P50].decision.verdict is Change.REGRESSION
    assert rows(found)["m", PEAK].decision.verdict is Change.INCONCLUSIVE
    assert stages(found)["blocks"] == 13


def test_what_the_first_look_at_an_only_case_leaves_open_gets_a_second(trial, made_up) -> None:
    made_up(*[3.0] * 6, STRAY, *[3.0] * 60)
    found = trial(suite(), budget_s=30)
    row = rows(found)["m", P50]
    assert row.decision.verdict is Change.REGRESSION
    assert 13 < row.decision.blocks == stages(found)["blocks"]


def test_a_faster_head_is_an_improvement(trial, made_up) -> None:
    made_up(-5)
    row = rows(trial(suite()))["m", P50]
    assert row.decision.verdict is Change.IMPROVEMENT
    assert row.decision.ratio == pytest.approx(0.95)


def test_a_change_between_half_the_minimum_effect_and_all_of_it_is_screened_on_and_not_shown(
    trial, made_up
) -> None:
    """0.7% asks for a confirmation after six blocks; no number of blocks shows it to exceed 1%."""
    made_up(0.7, 0.9, 0.6)
    found = trial(suite(models=TWO))
    assert rows(found)["m", P50].decision.verdict is not Change.REGRESSION
    assert stages(found)["screening"] == 12
    assert stages(found)["confirmation"] > 0
    made_up(0.7, 0.9, 0.6)
    found = trial(suite())
    assert rows(found)["m", P50].decision.verdict is not Change.REGRESSION
    assert stages(found)["blocks"] > 6


def test_an_undecided_screening_goes_on_for_half_the_budget(trial, made_up) -> None:
    """Blocks that differ by 4% either way show nothing in six, nor in twice as many."""
    for budget_s, blocks in ((10, 11), (20, 21)):  # half of it, and the block that spends it
        made_up(4, -4, 4, -4)
        assert stages(trial(suite(models=TWO), budget_s=budget_s))["screening"] == 2 * blocks
        made_up(4, -4, 4, -4)
        found = trial(suite(), budget_s=budget_s)
        assert stages(found)["blocks"] == blocks
        assert rows(found)["m", P50].decision.verdict is not Change.REGRESSION


def test_an_undecided_screening_ends_with_the_first_candidate(trial, made_up) -> None:
    made_up(4, -4, 4, -4, 4, -4, *[3] * 40)
    found = trial(suite(models=TWO), budget_s=30)
    assert 12 < stages(found)["screening"] < 40
    assert rows(found)["m", P50].decision.verdict is Change.REGRESSION


def test_a_screening_that_misleads_is_corrected_by_the_fresh_blocks(trial, made_up) -> None:
    """Three slow blocks promote the case; the fresh ones show that nothing changed."""
    made_up(3, 3, 3, *[0.1] * 40)
    row = rows(trial(suite(models=TWO)))["m", P50]
    assert row.decision.verdict is Change.EQUIVALENT
    assert row.decision.ratio == pytest.approx(1.001)


def test_holm_makes_a_suite_of_candidates_need_more_blocks(trial, made_up) -> None:
    made_up(3)
    found = trial(suite(models=("a", "b", "c", "d")), budget_s=60)
    # eight candidates, p50 and p95 of each: ten blocks could show them, and one may stray
    assert {row.decision.blocks for (_, metric), row in rows(found).items() if metric == P50} == {11}
    assert {row.decision.verdict for (_, metric), row in rows(found).items() if metric == P50} == {
        Change.REGRESSION
    }


def test_the_control_is_of_one_case_drawn_by_the_seed_and_runs_among_its_blocks(trial, made_up) -> None:
    blocks = made_up(3)
    found = trial(suite(models=("a", "b", "c")), seed=3)
    assert found.control is not None
    chosen = found.control.case
    order = [name for name, _, _ in blocks.asked]
    assert order.count("control") == 8
    first = order.index(chosen + "/graph_opt=basic")
    assert order[first : first + 6] == [chosen + "/graph_opt=basic", "control"] * 3
    chosen_by = {trial(suite(models=("a", "b", "c")), seed=seed).control.case for seed in range(12)}
    assert chosen_by == {"a", "b", "c"}


def test_the_seed_draws_the_order_of_the_arms_and_can_be_repeated(trial, made_up) -> None:
    draws = []
    for seed in (5, 5, 6):
        blocks = made_up(3)
        trial(suite(), seed=seed)
        draws.append([(draw.starts, draw.leads) for _, draw, _ in blocks.asked])
    assert draws[0] == draws[1] != draws[2]
    assert Counter(draws[0]).keys() == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_control_that_fires_marks_the_job_and_every_row(trial, made_up) -> None:
    made_up(3).control = (2.0,)
    found = trial(suite())
    assert not found.trusted
    assert found.control is not None
    assert found.control.reason.startswith("latency/p50: +2.00%, shown to exceed 1.00%")
    assert all(row.decision.reason.startswith("untrusted: ") for row in found.comparisons)


def test_what_a_first_look_leaves_open_gets_the_rest_of_the_budget_and_a_second_look(trial, made_up) -> None:
    """One wild block of ten hides a change of 3%; forty more show it."""
    made_up(*[3.0] * 6, STRAY, *[3.0] * 60)
    found = trial(suite(models=TWO), budget_s=30)
    for name in TWO:
        assert rows(found)[name, P50].decision.verdict is Change.REGRESSION
        assert rows(found)[name, P50].decision.blocks == stages(found)["confirmation"] / 2 > 10


def test_a_first_look_that_decides_is_the_only_one(trial, made_up) -> None:
    made_up(3)
    found = trial(suite(models=TWO), budget_s=300)
    assert rows(found)["m", P50].decision.blocks == stages(found)["confirmation"] / 2 == 10


def test_only_the_metrics_asked_for_are_decided_on(trial, made_up) -> None:
    made_up(3)
    found = trial(suite(models=TWO), metrics=(P50,))
    assert {metric for _, metric in rows(found)} & {P50, P95, PEAK} == {P50}
    assert rows(found)["m", P50].decision.blocks == 9  # two candidates: eight could show them


TOO_FEW = {
    ("m",): (
        "+3.00% on 3 blocks, not decided: a verdict takes 8 blocks of 2 s at least, and the budget pays 5; "
        "--budget 16 would do"
    ),
    TWO: (
        "+3.00% on 3 screening blocks, not confirmed: a confirmation takes 9 blocks of 2 s at least, and "
        "the budget pays 2; --budget 24 would do"
    ),
}


@pytest.mark.parametrize("models", TOO_FEW)
def test_a_budget_that_cannot_pay_a_verdict_says_which_would(trial, made_up, models) -> None:
    made_up(3, wall_s=2.0)
    found = trial(suite(models=models), budget_s=10)
    row = rows(found)["m", P50]
    assert row.decision.verdict is Change.INCONCLUSIVE
    assert row.decision.reason == TOO_FEW[models]
    assert rows(found)["m", PEAK].decision.reason.startswith("+0.00%: no candidate for more than 1.00%")
    assert stages(found) == {"blocks" if models == ("m",) else "screening": 3 * len(models), "control": 5}


@pytest.mark.parametrize(("models", "budget_s"), [(("m",), 16), (TWO, 24)])
def test_the_budget_it_names_does_suffice(trial, made_up, models, budget_s) -> None:
    made_up(3, wall_s=2.0)
    found = trial(suite(models=models), budget_s=budget_s)
    assert rows(found)["m", P50].decision.verdict is Change.REGRESSION
    assert rows(found)["m", P50].decision.blocks == (8 if models == ("m",) else 9)


def spent_s(trial: ABResult, case: str) -> float:
    """Give the seconds that the blocks of a case took, those of the control apart."""
    return sum(
        line["wall_s"]
        for line in lines(trial)
        if line.get("stage") not in (None, "control")
        if line["case"] == case
    )


def test_blocks_that_become_slow_end_the_job_in_time(trial, made_up) -> None:
    """Three blocks of half a second foretell 17 more in 10 s; they then take a second each."""
    blocks = made_up(1.2, 1.4, 0.9)
    blocks.slow_from = 7
    found = trial(suite(), min_effect=0.011)
    assert 8.5 < spent_s(found, "m") <= 10.0
    assert "spared" not in rows(found)["m", P50].decision.reason


@pytest.mark.parametrize("rests_s", [(0.5, 0.45, 0.62), (0.4, 0.9), (0.7, 0.5, 0.5, 0.8, 0.6)])
def test_a_budget_is_not_overspent_where_no_block_is_slower_than_those_before(
    trial, made_up, rests_s
) -> None:
    blocks = made_up(1.2, 1.4, 0.9, 1.3)
    blocks.rests_s = rests_s
    found = trial(suite())
    assert 8.9 < spent_s(found, "m") <= 10.0
    assert rows(found)["m", P50].decision.blocks >= 9


def test_a_block_whose_start_outlasts_the_budget_is_given_up(trial, made_up) -> None:
    """The last block that the budget pays takes three seconds to start, where the others took 0.6 s."""
    counts = []
    for slow_start in (0, 12):
        blocks = made_up(1.2, 1.4, 0.9, 1.3)
        blocks.rests_s, blocks.slow_start = (0.6,), slow_start
        found = trial(suite())
        own = [line for line in lines(found) if line.get("stage") == "blocks"]
        counts.append(rows(found)["m", P50].decision.blocks)
    assert counts == [12, 11]
    assert [line["late"] for line in own] == [False] * 11 + [True]
    assert (own[-1]["readings"], own[-1]["lost"]) == ({}, "head")
    given_up = "; a block was given up: head did not start in the "
    assert given_up in rows(found)["m", P50].decision.reason
    assert 9.9 < spent_s(found, "m") <= 10.0


def test_a_budget_is_not_overspent_by_more_than_the_block_that_ends_it(trial, made_up) -> None:
    made_up(0.2, -0.3, wall_s=2.0)
    found = trial(suite(), budget_s=5)
    assert stages(found)["blocks"] == 2
    assert rows(found)["m", P50].decision.verdict is Change.INCONCLUSIVE


def test_more_time_makes_more_blocks_and_not_endless_ones(trial, made_up) -> None:
    spans = {}
    for budget_s in (2, 7, 30, 300):
        blocks = made_up(3)
        trial(suite(), budget_s=budget_s)
        spans[budget_s] = next(span_s for name, _, span_s in blocks.asked if name != "control")
    assert spans[2] == 0.1  # the least
    assert spans[7] == pytest.approx(0.9 * 7 / 10 - 0.5)  # ten blocks of that, two more than show anything
    assert spans[30] == spans[300] == 0.5


@pytest.mark.parametrize("rest_s", [0.4, 0.6, 0.75])
def test_slow_starts_make_blocks_shorter_until_the_budget_pays_a_confirmation(trial, made_up, rest_s) -> None:
    """Three blocks and eight more fit into ten seconds as long as 0.1 s of calls are left for each."""
    for models in (("m",), TWO):
        blocks = made_up(3)
        blocks.rests_s = (rest_s,)
        found = trial(suite(models=models), metrics=(P50, P95) if models == ("m",) else (P50,))
        assert rows(found)["m", P50].decision.verdict is Change.REGRESSION
        assert 0 < spent_s(found, "m") <= 10.0
        assert min(span for _, _, span in blocks.asked) >= 0.1


def test_blocks_of_too_few_calls_have_no_p95(trial, made_up) -> None:
    made_up(3, calls=4)
    found = trial(suite())
    assert rows(found)["m", P95].decision.verdict is Change.INCONCLUSIVE
    assert rows(found)["m", P95].decision.reason == "8 calls of an arm in a block; 40 are needed"
    assert rows(found)["m", P50].decision.verdict is Change.REGRESSION


def test_a_p95_of_slow_calls_says_what_it_takes_and_has_that_where_it_is_asked_for_alone(
    trial, made_up
) -> None:
    blocks = made_up(30)
    blocks.rests_s, blocks.call_s = (0.4,), 0.02
    row = rows(trial(suite()))["m", P95]
    assert row.decision.verdict is Change.INCONCLUSIVE
    assert row.decision.needed_calls == 130 * 9
    assert row.decision.needed_s is not None
    assert row.decision.needed_s < 180
    blocks = made_up(30)
    blocks.rests_s, blocks.call_s = (0.4,), 0.02
    found = trial(suite(), metrics=(P95,), budget_s=row.decision.needed_s)
    assert rows(found)["m", P95].decision.verdict is Change.REGRESSION
    spans = [span_s for case, _, span_s in blocks.asked[1:] if case != "control"]
    steady_s = 2 * 0.02 * 130  # so many calls of each arm
    assert sum(span_s >= steady_s for span_s in spans) >= 9
    assert spent_s(found, "m") <= row.decision.needed_s


def test_a_metric_that_no_block_has_takes_no_share_of_alpha(trial, made_up) -> None:
    numbers = []
    for metrics in ((P50, P95), (P50,)):
        made_up(0.4, 0.9, -0.3, 0.2, calls=4)
        decision = rows(trial(suite(), metrics=metrics))["m", P50].decision
        numbers.append((decision.verdict, decision.p, decision.mde, decision.blocks))
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("models", "stage", "nth"),
    [(("m",), "blocks", 2), (("m",), "blocks", 10), (TWO, "screening", 2), (TWO, "confirmation", 4)],
)
def test_losing_head_in_a_block_is_a_regression_said_with_its_reason(
    trial, made_up, models, stage, nth
) -> None:
    made_up(3)
    order = [(line["stage"], line["case"]) for line in lines(trial(suite(models=models))) if "stage" in line]
    number = [i for i, seen in enumerate(order, 1) if seen == (stage, "m")][nth - 1]
    made_up(3).lost = {number: 1}
    found = trial(suite(models=models))
    status = rows(found)["m", "status"]
    assert status.decision.verdict is Change.REGRESSION
    assert status.decision.reason == "head crashed: the worker died of SIGSEGV"
    why = f"head crashed in block {number}: the worker died of SIGSEGV"
    row = rows(found)["m", P50]
    assert (row.decision.verdict, row.decision.reason) == (Change.INCONCLUSIVE, why)
    assert row.decision.ratio is None
    assert found.failed == {"m": (Lost("head", Status.CRASHED, "the worker died of SIGSEGV", number),)}
    assert found.to_json()["failed"] == {"m": why}
    assert [line["lost"] for line in lines(found) if "stage" in line].count("head") == 1


def test_losing_one_case_leaves_the_others_as_they_are(trial, made_up) -> None:
    blocks = made_up(3)
    trial(suite(models=("a", "b")), seed=1)
    number = next(i for i, (name, _, _) in enumerate(blocks.asked, 1) if name.startswith("a/"))
    made_up(3).lost = {number: 0}
    found = trial(suite(models=("a", "b")), seed=1)
    assert list(found.failed) == ["a"]
    assert rows(found)["b", P50].decision.verdict is Change.REGRESSION
    assert rows(found)["a", "status"].decision.verdict is Change.INCONCLUSIVE


@pytest.mark.parametrize("arm", [0, 1])
def test_losing_the_control_is_no_verdict_on_the_case(trial, made_up, arm) -> None:
    made_up(3).lost = {2: arm}
    found = trial(suite())
    assert rows(found)["m", P50].decision.verdict is Change.REGRESSION
    assert ("m", "status") not in rows(found)
    assert found.failed == {}
    assert found.control is not None
    assert found.control.reason == (
        "base crashed against itself: the worker died of SIGSEGV; too few blocks to show anything (0 of 8)"
    )


def test_the_control_has_a_budget_of_its_own(trial, made_up) -> None:
    made_up(3, wall_s=4.0)
    found = trial(suite(), budget_s=10)
    assert stages(found)["control"] == 2
    assert found.control is not None
    assert found.control.reason == "its budget of 10 s is spent; too few blocks to show anything (2 of 8)"


def test_an_arm_that_cannot_load_is_a_recorded_failure_and_the_others_are_measured(trial, made_up) -> None:
    blocks = made_up(0.1)
    fail = {"at": "session", "how": "raise", "message": "no such kernel"}
    document = suite(models=("a", "b"))
    document["models"]["a"]["source"]["fake"] = {
        **FAKE,
        "cases": [{"when": {"graph_opt": "all"}, "fail": fail}],
    }
    found = trial(document)
    assert found.failed == {"a": (Lost("head", Status.FAILED, "session: RuntimeError: no such kernel"),)}
    assert not found.unsupported
    status = rows(found)["a", "status"]
    assert status.decision.verdict is Change.REGRESSION
    assert status.decision.reason == "ok in base, failed in head: session: RuntimeError: no such kernel"
    assert rows(found)["b", P50].decision.verdict is Change.EQUIVALENT
    assert not any(name.startswith("a/") for name, _, _ in blocks.asked)
    assert found.worse


def test_where_no_arm_loads_there_are_no_blocks_and_no_control(trial, made_up) -> None:
    blocks = made_up(0.1)
    found = trial(suite({"when": {"batch": 1}, "fail": {"at": "session", "how": "unsupported"}}))
    assert blocks.asked == []
    assert found.control is None
    assert rows(found)["m", "status"].decision.verdict is Change.INCONCLUSIVE
    assert found.failed.keys() == found.unsupported == {"m"}
    assert lines(found)[-1]["summary"]["unsupported"] == ["m"]


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [({}, Change.REGRESSION), ({"output": "z"}, Change.REGRESSION), ({"output": "y"}, Change.EQUIVALENT)],
)
def test_a_wrong_output_counts_unless_another_one_was_named(trial, made_up, keys, verdict) -> None:
    made_up(-20)
    right, wrong = [[1.0, 2.0], [3.0, 5.0]], [[-1.0, 2.0], [3.0, -5.0]]
    both = {"y": FAKE["outputs"]["y"], "z": right}
    document = suite({"when": {"graph_opt": "all"}, "outputs": {**both, "z": wrong}})
    document["models"]["m"]["source"]["fake"]["outputs"] = both
    document["models"]["m"] |= keys
    found = trial(document)
    assert {row.decision.verdict for row in found.comparisons if row.metric.startswith("accuracy/")} == {
        verdict
    }


def of_classes(document: dict[str, Any]) -> dict[str, Any]:
    """Let the model's output be known to hold classes."""
    document["models"]["m"]["source"]["fake"]["classes"] = {"y": 1}
    return document


def test_faster_but_wrong_is_a_regression(trial, made_up) -> None:
    made_up(-20)
    wrong = {"when": {"graph_opt": "all"}, "outputs": {"y": [[0.9, 0.1], [0.2, 0.8]]}}
    found = trial(of_classes(suite(wrong)))
    assert rows(found)["m", P50].decision.verdict is Change.IMPROVEMENT
    agreement = rows(found)["m", "accuracy/agreement"]
    assert (agreement.head, agreement.decision.verdict) == (0.0, Change.REGRESSION)
    assert found.worse
    assert found.comparisons[0].metric.startswith("accuracy/")


def test_outputs_that_agree_are_told_in_every_metric(trial, made_up) -> None:
    made_up(0.1)
    near = {"when": {"graph_opt": "all"}, "outputs": {"y": [[0.10001, 0.9], [0.8, 0.2]]}}
    found = rows(trial(of_classes(suite(near))))
    assert found["m", "accuracy/agreement"].head == 1.0
    assert found["m", "accuracy/max_abs_error"].head == pytest.approx(1e-5, rel=1e-2)
    assert found["m", "accuracy/sqnr_db"].head > 90
    assert found["m", "accuracy/sqnr_db"].decision.verdict is Change.EQUIVALENT


def test_memory_has_a_verdict_from_the_blocks(trial, made_up) -> None:
    made_up(0.1).peaks = 50_000, 51_500
    row = rows(trial(suite()))["m", PEAK]
    assert row.decision.verdict is Change.REGRESSION
    assert row.decision.ratio == pytest.approx(1.03)
    assert (row.base, row.head) == (50_000, 51_500)


@pytest.mark.parametrize(
    ("stop_at", "known"),
    [
        (1, "interrupted after 0 blocks"),
        (4, "+3.00% on 2 blocks, not decided: interrupted after 2 blocks"),
        (9, "+3.00% on 4 blocks, not decided: interrupted after 4 of 20 blocks"),
    ],
)
def test_an_interrupt_leaves_what_is_known(trial, made_up, stop_at, known) -> None:
    made_up(3).stop_at = stop_at
    found = trial(suite())
    assert found.interrupted
    assert rows(found)["m", P50].decision.reason == known
    assert rows(found)["m", "model/size"].decision.verdict is Change.EQUIVALENT
    assert lines(found)[-1]["summary"]["interrupted"] is True
    assert sum("stage" in line for line in lines(found)) == stop_at - 1


def test_an_interrupt_among_fresh_blocks_tells_what_the_screening_saw(trial, made_up) -> None:
    made_up(3)
    order = [line["stage"] for line in lines(trial(suite(models=TWO))) if "stage" in line]
    made_up(3).stop_at = order.index("confirmation") + 3
    found = trial(suite(models=TWO))
    told = sorted(rows(found)[name, P50].decision.reason for name in TWO)
    assert told[0].startswith("+3.00% on 3 screening blocks, not confirmed: interrupted after ")
    assert told[0].endswith(" of 10 blocks")


def test_an_interrupt_before_any_block_names_every_case(trial, made_up) -> None:
    made_up().stop_at_case = 3
    found = trial(suite(models=("a", "b", "c")))
    reasons = {name: rows(found)[name, P50].decision.reason for name in "abc"}
    assert reasons == {
        "a": "interrupted after 0 blocks",
        "b": "interrupted before it was measured",
        "c": "interrupted before it was measured",
    }


def test_an_interrupt_does_not_take_back_what_is_decided(trial, made_up) -> None:
    made_up(3).stop_at = 42
    found = trial(suite(models=("a", "b", "c")), seed=1)
    verdicts = [rows(found)[name, P50].decision for name in "abc"]
    assert Counter(decision.verdict for decision in verdicts) == {
        Change.REGRESSION: 2,
        Change.INCONCLUSIVE: 1,
    }
    (left,) = [decision for decision in verdicts if decision.verdict is Change.INCONCLUSIVE]
    assert "not confirmed: interrupted after" in left.reason


def test_every_block_is_on_disk_with_its_raw_samples_before_the_next_one(trial, made_up, tmp_path) -> None:
    blocks = made_up(3)
    run_block, counts = blocks.run_block, []

    def counting(*arguments: Any) -> Block:
        (path,) = (tmp_path / "results" / "ab").iterdir()
        counts.append(sum("stage" in json.loads(line) for line in path.read_text().splitlines()))
        return run_block(*arguments)

    blocks.run_block = counting  # type: ignore[method-assign]
    found = trial(suite())
    assert counts == list(range(found.blocks))
    first, record, *_ = lines(found)
    assert (first["seed"], first["cases"], first["budget_s"]) == (1, ["m"], 10.0)
    assert record["record"]["case"] == "m/graph_opt=basic"
    block = next(line for line in lines(found) if line.get("stage") == "blocks")
    assert block["samples_ns"] == [[[1_000_000] * 20] * 2, [[1_030_000] * 20] * 2]
    assert block["readings"][P50]["base"] == pytest.approx(1e-3)
    assert block["turns"] == [0, 1, 1, 0]
    assert lines(found)[-1]["rows"] == [row.to_json() for row in found.comparisons]


def test_a_disk_that_is_full_ends_the_job_and_keeps_what_was_written(trial, made_up, tmp_path) -> None:
    blocks = made_up(3)
    run_block, before = blocks.run_block, resource.getrlimit(resource.RLIMIT_FSIZE)
    whole: list[bytes] = []

    def filling(*arguments: Any) -> Block:
        (path,) = (tmp_path / "results" / "ab").iterdir()
        whole.append(path.read_bytes())
        if len(whole) == 3:  # the next line does not fit
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole[-1]) + 10, before[1]))
        return run_block(*arguments)

    blocks.run_block = filling  # type: ignore[method-assign]
    try:
        with pytest.raises(StoreError, match="File too large"):
            trial(suite())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (path,) = (tmp_path / "results" / "ab").iterdir()
    assert len(whole) == 3
    assert whole_lines(path.read_bytes()) == whole[-1]


def test_gates_of_the_suite_hold_head_against_base(trial, made_up) -> None:
    made_up(3)
    gates = [
        {"metric": P50, "max_increase": "2%"},
        {"metric": PEAK, "max_increase": "2%"},
        {"metric": "accuracy/nonfinite", "max": 0},
        {"metric": "accuracy/top1", "min": 0.9},
        {"metric": "latency/mean", "max_increase": "2%"},  # few calls have one, not worth a gate
    ]
    found = {gate.metric: gate.outcome for gate in trial(suite(gates=gates)).gates}
    assert found == {
        P50: "failed",
        PEAK: "passed",
        "accuracy/nonfinite": "passed",
        "accuracy/top1": "no data",
        "latency/mean": "no data",
    }


class Recorder(Listener):
    """Remember every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int, int]] = []
        self.left: list[float] = []

    def start_stage(self, stage: str, case: str, number: int, total: int) -> None:
        self.calls.append((stage, case, number, total))

    def end_stage(self, outcome: str, at_most_s: float) -> None:
        self.left.append(at_most_s)


def test_a_listener_follows_every_case_of_every_stage_and_the_time_left_falls_to_0(trial, made_up) -> None:
    made_up(3)
    recorder = Recorder()
    found = trial(suite(models=("a", "b")), listener=recorder)
    assert [item for item in recorder.calls if item[0] != "control"] == [
        (stage, name, number, 2)
        for stage in ("numbers", "screening", "confirmation")
        for number, name in ((1, "a"), (2, "b"))
    ]
    assert found.control is not None
    assert recorder.calls[-1] == ("control", found.control.case, 1, 1)
    assert recorder.left[0] == 30.0  # two cases and the control
    assert recorder.left == sorted(recorder.left, reverse=True)
    assert recorder.left[-1] == 0.0


def test_real_sessions_are_compared_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A convolution unoptimized and optimized: the same answers, and every block has both arms' calls."""
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 3, 3], [0.1] * 108)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4), helper.make_node("Relu", ["c"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 8, 8])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "conv.onnx").write_bytes(model.SerializeToString())
    document = {"models": {"conv": {"source": {"onnx": str(tmp_path / "conv.onnx")}}}, "sampling": QUICK}
    made, pairing = paired(document, "disable", "all")
    settings = ABSettings(min_effect=0.5, alpha=0.2, budget_s=3, seed=1)
    found = run_ab(pairing, made, settings, tmp_path / "results", tmp_path / "cache")
    assert found.failed == {}
    assert rows(found)["conv", "accuracy/max_abs_error"].decision.verdict is Change.EQUIVALENT
    assert rows(found)["conv", P50].base > 0
    assert rows(found)["conv", PEAK].base > 10**6
    for line in lines(found):
        if "stage" in line:
            assert all(samples for arm in line["samples_ns"] for samples in arm)


class CountingBench(Bench):
    """A bench whose worker that counts answers at once: a tenth of a percent more at `all`."""

    counted: list[str]

    def load(self) -> None:
        """Put the counter in place."""
        super().load()
        self.counted = []
        self.count = self._count_at_once

    def _count_at_once(self, groups: Sequence[Sequence[Request]], folder: Path) -> list[list[dict[str, Any]]]:
        return [[self._one(request) for request in requests] for requests in groups]

    def _one(self, request: Request) -> dict[str, Any]:
        self.counted.append(request.case)
        value = 4_008 if request.session["graph_opt"] == "all" else 4_000
        counts = {"call": [value, value + 50], "session": [10]}
        return {"how": "callgrind", "tool": "valgrind-3.19.0", "calls": 4, "threads": 1, "counts": counts}


def open_counting(*given: Any) -> Bench:
    bench = CountingBench(*given, keep_outputs=True)
    bench.load()
    return bench


def test_a_job_of_counts_alone_takes_one_worker_that_counts_an_arm_and_no_block(
    trial, workshop: SimpleNamespace
) -> None:
    workshop.open_bench = open_counting
    found = trial(suite(), metrics=(), counted=("instructions/call",), min_effect=0.001)
    row = rows(found)["m", "instructions/call"]
    assert (row.base, row.head, row.decision.verdict) == (1000.0, 1002.0, Change.REGRESSION)
    assert ("m", "instructions/session") not in rows(found)  # counted too, and not asked for
    assert (found.blocks, found.control, found.trusted, exit_code(found)) == (0, None, True, 1)
    quiet = trial(suite(), metrics=(), counted=("instructions/call",), min_effect=0.01)
    assert rows(quiet)["m", "instructions/call"].decision.verdict is Change.EQUIVALENT
    assert exit_code(quiet) == 0


def test_a_job_that_cannot_count_what_was_asked_for_says_so(trial, workshop: SimpleNamespace) -> None:
    def open_without(*given: Any) -> Bench:
        bench = open_arms(*given)
        bench.count = lambda groups, folder: [
            [{"unavailable": "no valgrind"} for _ in each] for each in groups
        ]
        return bench

    workshop.open_bench = open_without
    found = trial(suite(), metrics=(), counted=("instructions/call",))
    decision = rows(found)["m", "instructions/call"].decision
    assert (decision.verdict, decision.reason) == (
        Change.INCONCLUSIVE,
        "base: no valgrind; head: no valgrind",
    )
    assert exit_code(found) == 3
