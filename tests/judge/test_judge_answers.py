import numpy as np
import pytest

from harness.core.decision import Change
from harness.judge import judge
from harness.judge.answers import correct_bits, paired_error, paired_right


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
