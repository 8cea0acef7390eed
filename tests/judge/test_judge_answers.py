import numpy as np
import pytest

from harness.comparison import Change
from harness.judge import judge
from harness.judge.answers import (
    correct_bits,
    outputs_change,
    paired_error,
    paired_right,
    unlike_inputs,
)
from harness.judge.outputs import Answers
from harness.record import Record, Status


def right(n, wrong):
    bits = np.ones(n, bool)
    bits[list(wrong)] = False
    return bits


def test_bits_come_back_as_they_were_stored(facts):
    scores, labels = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]], np.array([0, 1, 2, 0, 1, 2, 0, 0, 2, 0])
    samples = judge(facts(outputs=[scores], labels=labels)).samples
    assert correct_bits(samples).tolist() == [True] * 7 + [False] + [True] * 2
    assert correct_bits({}) is None


def test_seven_samples_lost_and_none_gained_are_a_regression():
    decision = paired_right(right(200, []), right(200, range(7)), alpha=0.01, max_loss=0.005)
    assert decision.verdict is Change.REGRESSION
    assert decision.p == pytest.approx(2**-7)
    assert decision.ratio == pytest.approx(193 / 200)
    assert decision.mde == 7 / 200
    assert decision.reason == "7 of 200 samples lost, 0 gained: -3.50% [-6.34%, -0.59%]"


def test_six_samples_lost_are_not_shown():
    decision = paired_right(right(200, []), right(200, range(6)), alpha=0.01, max_loss=0.005)
    assert decision.verdict is Change.INCONCLUSIVE


def test_samples_gained_are_an_improvement():
    decision = paired_right(right(200, range(7)), right(200, []), alpha=0.01, max_loss=0.005)
    assert decision.verdict is Change.IMPROVEMENT


def test_the_same_answers_are_equivalent_when_there_are_enough_of_them():
    same = right(2000, range(20))
    assert paired_right(same, same, alpha=0.01, max_loss=0.005).verdict is Change.EQUIVALENT
    few = right(50, [])
    assert paired_right(few, few, alpha=0.01, max_loss=0.005).verdict is Change.INCONCLUSIVE


def test_other_numbers_of_samples_are_inconclusive():
    decision = paired_right(right(10, []), right(11, []), alpha=0.01, max_loss=0.005)
    assert (decision.verdict, decision.reason) == (
        Change.INCONCLUSIVE,
        "10 labelled samples in base, 11 in head",
    )


def test_a_mean_error_that_grew_is_a_regression():
    base = np.linspace(1, 2, 50)
    growth = np.tile([0.1, 0.2], 25)
    decision = paired_error(base, base + growth, alpha=0.01, max_loss=0.005)
    assert decision.verdict is Change.REGRESSION
    assert decision.ratio == pytest.approx(1.1)
    assert paired_error(base + growth, base, alpha=0.01, max_loss=0.005).verdict is Change.IMPROVEMENT


def test_a_mean_error_that_did_not_move_is_equivalent():
    base = np.linspace(1, 2, 50)
    assert paired_error(base, base, alpha=0.01, max_loss=0.005).verdict is Change.EQUIVALENT


def test_an_error_that_grew_alike_everywhere_is_judged_by_the_sign_test():
    base = np.ones(5)
    decision = paired_error(base, base + 1, alpha=0.05, max_loss=0.005)
    assert (decision.verdict, decision.p) == (Change.REGRESSION, 2**-5)
    assert paired_error(base, base + 1, alpha=0.01, max_loss=0.005).verdict is Change.INCONCLUSIVE


def test_one_sample_shows_nothing():
    decision = paired_error(np.ones(1), np.ones(1) * 2, alpha=0.01, max_loss=0.005)
    assert decision.verdict is Change.INCONCLUSIVE


def test_an_error_where_base_has_none_is_a_regression_without_a_ratio():
    none, some = np.zeros(10), np.linspace(0.1, 0.2, 10)
    decision = paired_error(none, some, alpha=0.01, max_loss=0.005)
    assert (decision.verdict, decision.ratio) == (Change.REGRESSION, None)
    assert decision.reason == "mean absolute error 0.15, none in base"
    assert paired_error(none, none, alpha=0.01, max_loss=0.005).verdict is Change.EQUIVALENT
    one = np.eye(10)[0]
    assert paired_error(none, one, alpha=0.01, max_loss=0.005).verdict is Change.INCONCLUSIVE


def test_an_error_of_nan_is_inconclusive():
    decision = paired_error(np.ones(3), np.array([1, np.nan, 1]), alpha=0.01, max_loss=0.005)
    assert (decision.verdict, decision.reason) == (Change.INCONCLUSIVE, "1 of 3 answers are NaN or Inf")


SCORES = np.random.default_rng(0).standard_normal((100, 10))
BOXES = np.random.default_rng(1).standard_normal((100, 4))


def changed(base, head, *arguments, **options):
    return outputs_change(Answers([base]), Answers([head]), *arguments, **options)


def test_outputs_that_disagree_are_a_regression():
    head = SCORES.copy()
    head[:2] = -head[:2]
    decision, metrics = changed(SCORES, head)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason == "98.00% of the answers agree; 99.00% are asked for"
    assert metrics["accuracy/agreement"].kind == "base"
    head[1] = SCORES[1]
    assert changed(SCORES, head)[0].verdict is Change.EQUIVALENT


def test_identical_outputs_are_equivalent():
    assert changed(SCORES, SCORES)[0].verdict is Change.EQUIVALENT
    values = SCORES[:, 0]
    decision, _ = changed(values, values)
    assert (decision.verdict, decision.reason) == (Change.EQUIVALENT, "identical outputs")


def test_values_are_held_by_their_sqnr():
    values = np.arange(1.0, 11.0)
    decision, _ = changed(values, values * 1.2)
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "SQNR 14.0 dB; 20.0 dB are asked for",
    )
    assert changed(values, values * 1.01)[0].verdict is Change.EQUIVALENT


def test_new_nan_is_a_regression_whatever_agrees():
    head = SCORES.copy()
    head[0, 0] = np.nan
    decision, _ = changed(SCORES, head)
    assert (decision.verdict, decision.reason) == (Change.REGRESSION, "1 more NaN or Inf than in base")


def test_outputs_that_cannot_be_compared_are_inconclusive():
    decision, metrics = changed(SCORES, SCORES[:5])
    assert decision.verdict is Change.INCONCLUSIVE
    assert metrics == {}
    constant = np.ones((4, 3))
    assert changed(constant, constant + 1)[0].verdict is Change.INCONCLUSIVE


def test_outputs_are_matched_by_name_and_not_by_place():
    base = Answers([BOXES, SCORES], ["boxes", "scores"])
    heads = (
        Answers([SCORES, BOXES], ["scores", "boxes"]),
        Answers([BOXES, SCORES, BOXES], ["a", "scores", "boxes"]),
    )
    for head in heads:
        assert outputs_change(base, head)[0].verdict is Change.EQUIVALENT
        assert outputs_change(base, head, "scores")[0].verdict is Change.EQUIVALENT
    renamed = Answers([BOXES, SCORES], ["b", "s"])
    assert outputs_change(base, renamed)[0].verdict is Change.EQUIVALENT


def test_an_output_that_one_arm_lacks_is_inconclusive():
    base, head = Answers([SCORES], ["y"]), Answers([SCORES, SCORES], ["aux", "y"])
    decision, _ = outputs_change(base, head, "aux")
    assert (decision.verdict, decision.reason) == (
        Change.INCONCLUSIVE,
        "no output is named 'aux'; outputs: y",
    )


def test_an_output_beside_the_one_that_counts_may_be_wrong_too():
    base = Answers([SCORES, BOXES], ["scores", "boxes"])
    wrong = Answers([SCORES, -BOXES], ["scores", "boxes"])
    decision, metrics = outputs_change(base, wrong)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason == "output 'boxes': SQNR -6.0 dB; 20.0 dB are asked for"
    assert metrics["accuracy/agreement"].value == 1
    assert outputs_change(base, wrong, "scores")[0].verdict is Change.EQUIVALENT
    cut = outputs_change(base, Answers([SCORES, BOXES[:, :3]], ["scores", "boxes"]))[0]
    assert (cut.verdict, cut.reason) == (
        Change.REGRESSION,
        "output 'boxes': the output's shape is (100, 3), base's is (100, 4)",
    )


def test_a_regression_model_has_no_classes():
    flat = np.ones((50, 8)) + 1e-9 * np.random.default_rng(0).standard_normal((2, 50, 8))
    flat *= np.linspace(1, 2, 50)[:, None]
    assert changed(flat[0], flat[1])[0].verdict is Change.REGRESSION  # ties, taken for classes
    decision, _ = changed(flat[0], flat[1], task="regression")
    assert decision.verdict is Change.EQUIVALENT


def test_another_shape_is_wrong_unless_the_load_explains_it():
    decision, metrics = changed(SCORES, SCORES[:, :9])
    assert (decision.verdict, metrics) == (Change.REGRESSION, {})
    assert decision.reason == "the output's shape is (100, 9), base's is (100, 10)"
    assert changed(SCORES, SCORES[:, :9], same_load=False)[0].verdict is Change.INCONCLUSIVE


def fed(*names, data=None):
    return Record(
        run="",
        suite="s",
        case="c",
        axes={},
        status=Status.OK,
        artifact={"inputs": [{"name": name} for name in names]},
        effective={"data": data},
    )


def test_random_inputs_of_other_names_are_other_inputs():
    assert unlike_inputs(fed("x"), fed("x")) == ""
    assert unlike_inputs(fed("x", "mask"), fed("x")) == ""
    assert unlike_inputs(fed("a"), fed("b")).startswith("the inputs are named a in one and b in the other")
    assert unlike_inputs(fed("a", data={"name": "digits"}), fed("b", data={"name": "digits"})) == ""
