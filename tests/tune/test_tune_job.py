"""The loop of a search, on instruments that answer exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from make import make_metric

from harness import show
from harness.core.case import Case
from harness.core.errors import InputError
from harness.core.listener import Listener
from harness.core.record import Record, Status
from harness.core.suite import Plan
from harness.judge.metrics import missing
from harness.plan import plan_document
from harness.tune.finalists import finalists_suite
from harness.tune.job import check_measurable
from harness.tune.model import Objective, TuneResult, TuneSettings
from harness.tune.slo import parse_limits
from harness.tune.view import TuneDocument

BEST = "m/intra_threads=2"
Grid = Callable[..., Plan]
Search = Callable[..., TuneResult]


def test_the_best_cell_is_found_in_a_fraction_and_measured_afresh(
    grid: Grid, search: Search, bench: Any
) -> None:
    result = search(grid())
    (answer,) = result.answers
    assert answer.winner is not None and answer.winner.case == BEST
    assert answer.winner.fresh and result.found
    assert answer.winner.value == pytest.approx(1e-3)
    assert (answer.cells, answer.probed) == (48, len(answer.measured))
    assert answer.probed < 30
    assert bench.calls[-1][:2] == ("fresh", BEST)
    assert answer.probed + len(answer.unmeasured) == 48


def test_the_worth_of_an_axis_is_its_best_value_over_its_worst(grid: Grid, search: Search) -> None:
    (answer,) = search(grid()).answers
    worth = {each.axis: each for each in answer.worth}
    assert [each.axis for each in answer.worth][:2] == ["intra_threads", "graph_opt"]
    assert worth["intra_threads"].ratio == pytest.approx(2.0, rel=0.02)
    assert (worth["intra_threads"].best, worth["intra_threads"].worst) == ("2", "1")
    assert worth["session.intra_op.allow_spinning"].ratio == pytest.approx(1.05, rel=0.02)


def test_outputs_are_evaluated_once_for_all_cells_that_compute_the_same(
    grid: Grid, search: Search, bench: Any
) -> None:
    search(grid(precision=["fp32", "int8_dynamic"]))
    evaluated = [call for call in bench.calls if call[0] == "probe" and call[2] == "True"]
    assert len(evaluated) <= 8  # levels x precisions, not cells


def test_an_exact_limit_takes_a_whole_group_out_by_one_evaluation(
    grid: Grid, search: Search, bench: Any
) -> None:
    result = search(grid(precision=["fp32", "int8_dynamic"]), "accuracy/top1_delta >= -0.5%")
    (answer,) = result.answers
    assert answer.winner is not None and answer.winner.case == BEST  # int8 would be twice as fast
    assert len(answer.barred) == 48
    assert answer.barred[0].reason == "breaks accuracy/top1_delta >= -0.5%: -2.00%"
    assert sum("int8" in call[1] for call in bench.calls) == 4  # one a level
    assert answer.winner.metrics["accuracy/top1_delta"] == 0.0


def test_what_cannot_be_built_is_out_without_being_measured(grid: Grid, search: Search, bench: Any) -> None:
    (answer,) = search(grid(precision=["fp32", "int8_static"])).answers
    assert {each.reason for each in answer.barred} == {"no such kernel"}
    assert len(answer.barred) == 48
    assert not any("int8_static" in call[1] for call in bench.calls)


def test_a_limit_that_binds_is_named(grid: Grid, search: Search) -> None:
    (answer,) = search(grid(), "memory/peak <= 95 MB").answers
    assert answer.winner is not None and answer.winner.case == "m/intra_threads=1"
    assert answer.binds == ("memory/peak <= 95 MB",)


def test_where_nothing_meets_a_limit_the_nearest_cells_and_what_they_miss_are_told(
    grid: Grid, search: Search
) -> None:
    result = search(grid(), "latency/p95 <= 1 ms")
    (answer,) = result.answers
    assert answer.winner is None and not result.found
    assert answer.nearest[0].case == BEST
    assert answer.nearest[0].value == pytest.approx(1.2e-3)


def test_a_winner_that_breaks_its_limit_afresh_is_not_recommended(
    grid: Grid, search: Search, bench: Any
) -> None:
    def change(step: str, case: Case, record: Record) -> Record:
        if step != "fresh" or case.key != BEST:
            return record
        slow = make_metric("latency/p95", 9e-3)
        return replace(record, metrics={**record.metrics, "latency/p95": slow})

    bench.change = change
    (answer,) = search(grid(), "latency/p95 <= 5 ms").answers
    assert answer.winner is not None and answer.winner.case != BEST
    assert answer.winner.fresh
    assert {each.case: each.reason for each in answer.barred}[BEST] == (
        "breaks latency/p95 <= 5 ms when measured afresh"
    )


def test_a_cell_that_crashes_is_out_and_an_unsupported_one_takes_its_like_with_it(
    grid: Grid, search: Search, bench: Any
) -> None:
    def change(step: str, case: Case, record: Record) -> Record:
        if case.session.graph_opt == "basic":
            return replace(record, status=Status.UNSUPPORTED, reason="no kernel")
        if case.session.graph_opt == "disable":
            return replace(record, status=Status.CRASHED, reason="SIGSEGV")
        return record

    bench.change = change
    (answer,) = search(grid()).answers
    reasons = [each.reason for each in answer.barred]
    assert reasons.count("unsupported: no kernel") == 12
    assert sum("basic" in call[1] for call in bench.calls) == 1
    assert 1 <= reasons.count("crashed: SIGSEGV") < 12
    assert answer.winner is not None and answer.winner.case == BEST


def test_a_batch_that_is_not_shown_to_hold_samples_gives_no_samples_a_second(
    grid: Grid, search: Search, bench: Any
) -> None:
    """Eight times the calls of one would win by far; the first batch of each group is evaluated."""
    rate = "throughput/samples_per_s"

    def change(step: str, case: Case, record: Record) -> Record:
        evaluated = bench.calls[-1][2] == "True"
        if case.load.batch == 1 or not evaluated:
            return record
        return replace(
            record, metrics={**record.metrics, rate: missing(rate, "the batch axis mixes samples")}
        )

    bench.change = change
    (answer,) = search(grid(batch=[1, 8]), objective=Objective(rate, True)).answers
    assert answer.winner is not None and "batch=8" not in answer.winner.case
    reasons = {each.reason for each in answer.barred if "batch=8" in each.case}
    assert reasons == {"no samples a second: the batch axis mixes samples"}
    assert all("batch=8" in case for case in (each.case for each in answer.barred))


def test_a_cell_has_one_value_in_an_answer_though_the_fresh_measurement_moved_the_fit(
    grid: Grid, search: Search, bench: Any
) -> None:
    def change(step: str, case: Case, record: Record) -> Record:
        if step != "fresh":
            return record
        slow = make_metric("latency/p50", 1.5e-3)
        return replace(record, metrics={**record.metrics, "latency/p50": slow})

    bench.change = change
    (answer,) = search(grid()).answers
    values = {each.case: each.value for each in answer.measured}
    told = [*answer.front, *answer.equal, *answer.undecided]
    assert len(told) > 1
    assert {each.case: each.value for each in told} == {each.case: values[each.case] for each in told}


def test_ctrl_c_gives_the_best_so_far_and_resume_goes_on_to_the_same_answer(
    grid: Grid, search: Search, bench: Any
) -> None:
    bench.interrupt_after = 9
    stopped = search(grid())
    assert stopped.interrupted and not stopped.found
    (answer,) = stopped.answers
    assert answer.winner is not None and not answer.winner.fresh
    assert answer.probed == 9
    first = list(bench.calls)
    bench.interrupt_after, bench.calls = None, []
    resumed = search(grid(), resume=True)
    again = list(bench.calls)
    bench.calls = []
    assert [answer.winner.case for answer in resumed.answers if answer.winner] == [BEST]
    whole = search(grid())
    assert bench.calls[:9] == first
    assert again == bench.calls[9:]
    assert replace(whole, job="", file="") == replace(resumed, job="", file="")


@pytest.mark.parametrize("slos", [(), ("latency/p95 <= 1 s",)])
def test_resume_without_an_unfinished_search_of_the_same_question_is_refused(
    grid: Grid, search: Search, bench: Any, slos: tuple[str, ...]
) -> None:
    if slos:
        bench.interrupt_after = 3
    search(grid())
    with pytest.raises(InputError, match="no unfinished search"):
        search(grid(), *slos, resume=True)


def test_a_budget_is_kept(grid: Grid, search: Search) -> None:
    (answer,) = search(grid(), budget_s=12.0).answers
    assert answer.spent_s <= 12.0


def test_throughput_counts_the_samples_of_a_batch(grid: Grid, search: Search) -> None:
    plan = grid(batch=[1, 8], graph_opt="all", config="default")
    (answer,) = search(plan, objective=Objective("throughput/samples_per_s", True)).answers
    assert answer.winner is not None and answer.winner.case == "m/intra_threads=2/batch=8"
    worth = {each.axis: each.ratio for each in answer.worth}
    assert worth["batch"] == pytest.approx(8.0, rel=0.05)


def test_every_model_has_an_answer_of_its_own(search: Search) -> None:
    document = {
        "models": {name: {"source": {"fake": {}}} for name in ("m", "n")},
        "axes": {"intra_threads": [1, 2, 4]},
    }
    result = search(plan_document(document, Path.cwd(), "s"))
    assert [answer.winner and answer.winner.case for answer in result.answers] == [BEST, "n/intra_threads=2"]


def test_a_limit_that_could_never_be_judged_is_refused_before_anything_is_measured(
    grid: Grid, search: Search, bench: Any
) -> None:
    bare = plan_document({"models": {"m": {"source": {"fake": {}}}}}, Path.cwd(), "s")
    with pytest.raises(InputError, match="m has no labelled data"):
        search(bare, "accuracy/top1_delta >= -1%")
    lean = {"models": {"m": {"source": {"fake": {}}}}, "measure": {"memory": False}}
    with pytest.raises(InputError, match=r"add --set measure\.memory=true"):
        search(plan_document(lean, Path.cwd(), "s"), "memory/peak <= 1 GB")
    assert bench.calls == []


def test_a_model_that_comes_with_labels_is_not_refused_for_want_of_data(tmp_path: Path) -> None:
    (tmp_path / "fit.py").touch()
    fitted = plan_document({"models": {"m": {"source": {"sklearn": "fit.py:f"}}}}, tmp_path, "s")
    limits = parse_limits(["accuracy/top1_delta >= -1%"])
    check_measurable(fitted, TuneSettings(Objective("latency/p50", False), limits))


def test_progress_names_each_measurement_and_what_time_is_left(grid: Grid, search: Search) -> None:
    class Told(Listener):
        lines: list[tuple[str, float]] = []  # noqa: RUF012

        def start_stage(self, stage: str, case: str, number: int, total: int) -> None:
            assert 1 <= number <= total
            self.lines.append((stage, 0.0))

        def end_stage(self, outcome: str, at_most_s: float) -> None:
            self.lines[-1] = (self.lines[-1][0], at_most_s)

    told = Told()
    search(grid(), listener=told)
    spans = [span for _, span in told.lines]
    assert spans == sorted(spans, reverse=True)
    assert told.lines[0][0] == "probe" and told.lines[-1][0] == "fresh"


def test_the_facts_are_all_on_disk(grid: Grid, search: Search, bench: Any) -> None:
    result = search(grid())
    lines = [json.loads(line) for line in Path(result.file).read_text().splitlines()]
    assert len([line for line in lines if "step" in line]) == len(bench.calls)
    assert lines[-1]["ended"] is True


@pytest.mark.parametrize("view", ["table", "markdown", "csv", "json"])
def test_an_answer_is_shown_in_every_format(grid: Grid, search: Search, view: str) -> None:
    text = show.render(TuneDocument(search(grid(), "memory/peak <= 110 MB")), view)
    assert BEST in text
    if view == "json":
        assert json.loads(text)["answers"][0]["winner"]["case"] == BEST
    elif view == "csv":
        assert len(text.splitlines()) == 49  # every cell: measured, bounded or out
    else:
        assert "2× " in text
        assert "intra_op_num_threads" in text.replace("\\", "")
        assert "measured afresh" in text


def test_the_finalists_are_a_suite_of_their_own(grid: Grid, search: Search) -> None:
    plan = grid()
    result = search(plan, "memory/peak <= 110 MB")
    document = finalists_suite(yaml.safe_load(plan.suite.text), plan.cases, result)
    assert document is not None
    again = plan_document(document, Path.cwd(), "s")
    assert BEST in {case.key for case in again.cases}
    assert len(again.cases) < 10
    assert [(gate.metric, gate.max) for gate in again.suite.gates] == [("memory/peak", 110e6)]
