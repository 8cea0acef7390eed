"""How much worse one version is than another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from make import make_metric, make_record

from harness.bisect.degradation import SEARCHED, VersionOutputs, hold, judge_speed, least, refusal
from harness.bisect.model import Step, StepVerdict
from harness.core.decision import Change, Decision, MetricComparison
from harness.core.metrics import METRICS
from harness.core.record import Status
from harness.judge.outputs import Outputs


def seen(*outputs: np.ndarray, status: Status = Status.OK, **metrics: float | None) -> VersionOutputs:
    found = {
        f"accuracy/{name}": make_metric(f"accuracy/{name}", value, reason="" if value else "none")
        for name, value in metrics.items()
    }
    record = make_record(
        found, case="c", status=status, reason="boom", effective={"runtime": {"version": "1.0"}}
    )
    names = tuple(f"y{i}" for i in range(len(outputs)))
    return VersionOutputs(record, Outputs(names, outputs or None, classes=dict.fromkeys(names, -1)))


SCORES = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], np.float32)


def test_every_metric_is_one_that_records_know() -> None:
    assert {name for name in SEARCHED if name != "status"} <= set(METRICS)


def test_identical_outputs_lose_nothing() -> None:
    for metric in ("agreement", "cosine", "sqnr_db", "max_abs_error"):
        step = hold(f"accuracy/{metric}", seen(SCORES), seen(SCORES.copy()), limit=0.01)
        assert (step.mark, step.worse) == (StepVerdict.GOOD, pytest.approx(0.0, abs=1e-12)), metric


def test_the_largest_difference_counts() -> None:
    head = SCORES + np.float32([[0, 0], [0, 0.25], [0, 0], [0, 0]])
    step = hold("accuracy/max_abs_error", seen(SCORES), seen(head), limit=0.2)
    assert (step.mark, step.worse, step.head) == (StepVerdict.BAD, pytest.approx(0.25), pytest.approx(0.25))
    assert hold("accuracy/max_abs_error", seen(SCORES), seen(head), limit=0.3).mark is StepVerdict.GOOD


def test_answers_that_change_are_a_share_of_the_samples() -> None:
    head = SCORES[:, ::-1].copy()
    head[1:] = SCORES[1:]
    step = hold("accuracy/agreement", seen(SCORES), seen(head), limit=0.2)
    assert (step.mark, step.worse) == (StepVerdict.BAD, pytest.approx(0.25))


def test_decibels_become_a_share_of_the_signal() -> None:
    step = hold("accuracy/sqnr_db", seen(SCORES), seen(SCORES * np.float32(1.1)), limit=0.05)
    assert step.head == pytest.approx(20.0, abs=1e-3)
    assert step.worse == pytest.approx(0.1, abs=1e-4)
    assert step.mark is StepVerdict.BAD


def test_another_shape_is_bad_without_a_number() -> None:
    step = hold("accuracy/max_abs_error", seen(SCORES), seen(SCORES[:, :1]), limit=1.0)
    assert (step.mark, step.worse) == (StepVerdict.BAD, None)
    assert step.reason == "the output's shape is (4, 1), the good version's is (4, 2)"


def test_another_shape_of_what_depends_on_the_data_is_no_answer() -> None:
    base, head = (
        replace(seen(np.zeros(size)), outputs=Outputs(("y0",), (np.zeros(size),), per_call=frozenset(["y0"])))
        for size in ((16, 40), (644,))
    )
    assert hold("accuracy/cosine", base, head, 0.1).mark is StepVerdict.UNDECIDED


def test_new_nan_is_bad_without_a_number() -> None:
    head = SCORES.copy()
    head[0, 0] = np.nan
    step = hold("accuracy/agreement", seen(SCORES), seen(head), limit=1.0)
    assert (step.mark, step.reason) == (StepVerdict.BAD, "1 more NaN or Inf in the outputs")


def test_the_output_that_was_named_counts() -> None:
    base, head = seen(SCORES, SCORES), seen(SCORES, SCORES + np.float32(1))
    assert hold("accuracy/max_abs_error", base, head, 0.1).mark is StepVerdict.GOOD
    assert hold("accuracy/max_abs_error", base, head, 0.1, "y1").mark is StepVerdict.BAD


def test_what_cannot_be_compared_is_no_answer() -> None:
    nothing = np.zeros((0, 4), np.float32)  # no boxes, in either
    step = hold("accuracy/max_abs_error", seen(nothing), seen(nothing), 0.1)
    assert (step.mark, step.reason) == (StepVerdict.UNDECIDED, "the output is empty")
    step = hold("accuracy/cosine", seen(SCORES), seen(SCORES), 0.1, "typo")
    assert (step.mark, step.reason) == (StepVerdict.UNDECIDED, "no output is named 'typo'; outputs: y0")


def test_random_inputs_of_other_names_are_no_answer() -> None:
    base, head = (
        replace(item, record=replace(item.record, artifact={"inputs": [{"name": name}]}))
        for item, name in ((seen(SCORES), "x"), (seen(-SCORES), "input.1"))
    )
    step = hold("accuracy/agreement", base, head, 0.1)
    assert (step.mark, step.worse) == (StepVerdict.UNDECIDED, None)
    assert step.reason.startswith("the inputs are named x in base and input.1 in head")


def test_a_question_that_the_good_version_cannot_answer_is_refused() -> None:
    assert refusal("accuracy/cosine", seen(SCORES), "y0") == ""
    assert refusal("accuracy/cosine", seen(SCORES), "typo") == "no output is named 'typo'; outputs: y0"
    assert refusal("latency/p50", seen(SCORES), "typo") == ""
    assert refusal("accuracy/top1", seen(top1=0.9)) == ""
    assert refusal("accuracy/top1", seen(top1=None)) == "none"
    assert refusal("accuracy/mae", seen(top1=None)) == "none"
    assert refusal("accuracy/mae", seen()) == "no answers were judged by labels"
    assert refusal("accuracy/mae", seen(top1=0.9)) == (
        "its labels make it accuracy/top1; the suite's 'task' decides which"
    )


def test_labelled_samples_lost_are_counted_from_the_records() -> None:
    step = hold("accuracy/top1", seen(top1=0.97), seen(top1=0.95), limit=0.01)
    assert (step.mark, step.worse, step.base, step.head) == (StepVerdict.BAD, pytest.approx(0.02), 0.97, 0.95)
    assert hold("accuracy/top1", seen(top1=0.95), seen(top1=0.97), limit=0.01).mark is StepVerdict.GOOD
    assert hold("accuracy/top1", seen(top1=0.95), seen(top1=None), limit=0.01).mark is StepVerdict.UNDECIDED
    assert hold("accuracy/top1", seen(top1=0.95), seen(mae=1.0), limit=0.01).mark is StepVerdict.UNDECIDED


def test_the_growth_of_an_error_is_a_ratio() -> None:
    step = hold("accuracy/mae", seen(mae=2.0), seen(mae=2.5), limit=0.2)
    assert (step.mark, step.worse) == (StepVerdict.BAD, pytest.approx(0.25))


BROKEN = [Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.UNSUPPORTED]


@pytest.mark.parametrize("status", BROKEN)
def test_a_version_that_does_not_run_the_model_is_passed_over_unless_that_is_the_question(
    status: Status,
) -> None:
    head = seen(status=status)
    step = hold("accuracy/max_abs_error", seen(SCORES), head, limit=1.0)
    assert (step.mark, step.ran, step.reason) == (StepVerdict.SKIPPED, False, f"{status}: boom")
    assert hold("status", seen(SCORES), head, limit=1.0).mark is StepVerdict.BAD
    assert hold("status", seen(SCORES), seen(SCORES), limit=1.0).mark is StepVerdict.GOOD


def test_a_version_that_cannot_be_had_is_passed_over_in_any_case() -> None:
    head = seen(status=Status.UNSUPPORTED)
    nothing = VersionOutputs(replace(head.record, effective={}))
    assert hold("status", seen(SCORES), nothing, limit=1.0).mark is StepVerdict.SKIPPED


def test_rounding_is_relative_to_the_outputs_and_their_type() -> None:
    assert least("accuracy/max_abs_error", seen(np.float32([[200.0], [-3.0]]))) == pytest.approx(0.02)
    half = least("accuracy/max_abs_error", seen(np.array([[200.0], [np.inf]], np.float16)))
    assert half == pytest.approx(200 * 4 * 2**-10)
    assert least("accuracy/max_abs_error", seen(np.array([[200]], np.uint8))) == 0.0
    assert least("latency/p50", None) == 0.01
    assert least("accuracy/top1", None) == 0.005


def race(verdict: Change, **numbers: float) -> Step:
    decision = Decision(verdict=verdict, reason="why", **numbers)
    return judge_speed(MetricComparison("c", "latency/p50", 1e-3, 2e-3, decision), limit=0.1)


def test_an_ab_that_is_decided_is_sure() -> None:
    for verdict, mark in (
        (Change.REGRESSION, StepVerdict.BAD),
        (Change.EQUIVALENT, StepVerdict.GOOD),
        (Change.IMPROVEMENT, StepVerdict.GOOD),
    ):
        step = race(verdict, ratio=1.5)
        assert (step.mark, step.sure, step.worse) == (mark, True, pytest.approx(0.5))
        assert (step.base, step.head, step.reason) == (1e-3, 2e-3, "why")


def test_an_ab_that_is_not_decided_is_good_where_its_interval_lies_below_the_limit() -> None:
    step = race(Change.INCONCLUSIVE, ratio=1.05, low=1.0, high=1.09)
    assert (step.mark, step.sure) == (StepVerdict.GOOD, True)


@pytest.mark.parametrize(("ratio", "mark"), [(1.09, StepVerdict.GOOD), (1.11, StepVerdict.BAD)])
def test_else_its_estimate_is_taken_and_not_sure(ratio: float, mark: StepVerdict) -> None:
    step = race(Change.INCONCLUSIVE, ratio=ratio, low=1.0, high=1.2)
    assert (step.mark, step.sure) == (mark, False)


def test_an_ab_without_a_ratio_is_undecided() -> None:
    assert race(Change.INCONCLUSIVE).mark is StepVerdict.UNDECIDED


def test_steps_survive_the_disk() -> None:
    for step in (
        race(Change.REGRESSION, ratio=1.5, p=0.01),
        Step(version="a", against="b", mark=StepVerdict.GOOD),
    ):
        assert Step.from_json(step.to_json()) == step


@pytest.mark.parametrize("metric", ["agreement", "cosine", "sqnr_db", "max_abs_error"])
def test_outputs_that_do_not_vary_with_the_input_are_compared_all_the_same(metric: str) -> None:
    constant = np.tile(np.float32([0.1, 0.9]), (4, 1))
    good = hold(f"accuracy/{metric}", seen(constant), seen(constant.copy()), limit=0.01)
    assert (good.mark, good.worse) == (StepVerdict.GOOD, pytest.approx(0.0, abs=1e-12))
    zeros = hold(f"accuracy/{metric}", seen(constant * 0), seen(constant * 0), limit=0.01)
    assert (zeros.mark, zeros.worse) == (StepVerdict.GOOD, 0)
    bad = hold(f"accuracy/{metric}", seen(constant), seen(constant[:, ::-1].copy()), limit=0.01)
    assert bad.mark is StepVerdict.BAD


def test_a_version_that_answers_nothing_is_bad() -> None:
    step = hold("accuracy/max_abs_error", seen(SCORES), seen(SCORES[:0]), limit=0.2)
    assert (step.mark, step.reason) == (StepVerdict.BAD, "the output is empty; the other has 8 values")


def test_outputs_that_vary_by_themselves_name_no_version() -> None:
    steady = seen(SCORES)
    varying = replace(steady, outputs=replace(steady.outputs, varies=0.5))
    undecided = hold("accuracy/max_abs_error", varying, varying, limit=0.2)
    assert undecided.mark is StepVerdict.UNDECIDED
    assert undecided.reason == "outputs vary by themselves by up to 0.5"
    assert hold("accuracy/max_abs_error", steady, varying, limit=0.2).mark is StepVerdict.BAD
