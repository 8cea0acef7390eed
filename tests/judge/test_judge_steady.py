import numpy as np
import pytest
from make import texts

from harness.judge import judge
from harness.judge.steady import steadiness


def noise(n=1000, seed=0, sd=0.01):
    return 1e-3 * np.exp(np.random.default_rng(seed).normal(0, sd, n))


def test_steady_noise_raises_no_flag():
    assert steadiness(noise()) == ()


def test_too_few_calls_say_nothing():
    assert steadiness(noise(29)) is None
    assert steadiness(noise(30)) == ()


def test_what_cannot_be_told_is_said_once_and_not_where_few_calls_are_meant(facts, observation):
    twelve = observation(timing={"samples_ns": [1000] * 12, "wall_ns": 12_000})
    none = observation(timing={"samples_ns": [0] * 30, "wall_ns": 30})
    note = "steadiness unknown: 12 calls are too few, 30 needed"
    verdict = judge(facts(twelve, twelve))
    assert texts(verdict) == (note,)
    assert verdict.effective["steady"] == [None, None]
    assert texts(judge(facts(twelve, brief=True))) == ()
    assert texts(judge(facts(none))) == ("steadiness unknown: calls of 0 s",)


def test_a_trend_is_a_drift():
    calls = noise() * np.linspace(1, 1.1, 1000)
    (flag,) = steadiness(calls)
    assert flag.startswith("drift: the last third of the calls ran +6.")


def test_a_trend_downwards_is_a_drift_too():
    (flag,) = steadiness(noise() * np.linspace(1.1, 1, 1000))
    assert flag.startswith("drift: the last third of the calls ran -6.")


def test_a_trend_below_what_matters_is_no_flag():
    assert steadiness(noise(sd=0.001) * np.linspace(1, 1.01, 1000)) == ()


def test_a_slow_first_tenth_is_a_warm_up_that_was_too_short():
    calls = np.full(100, 1e-3)
    calls[:10] = 1.5e-3
    assert steadiness(calls)[0] == "warm-up too short: the first tenth of the calls ran 50.00% slower"


def test_two_levels_are_two_speeds():
    calls = noise(sd=0.002)
    calls[np.random.default_rng(1).random(1000) < 0.3] *= 1.3
    (flag,) = steadiness(calls)
    assert flag.startswith("two speeds: 1 ms, and 1.3 ms in ")


def test_many_far_outliers_are_a_flag():
    calls = noise(sd=0.002)
    calls[::12] *= 3
    assert steadiness(calls) == ("8.40% of the calls are far outliers",)


@pytest.mark.parametrize("shape", ["normal", "uniform", "lognormal", "exponential"])
def test_one_stretch_of_any_shape_is_flagged_in_less_than_two_percent(shape):
    generator = np.random.default_rng(3)
    draw = {
        "normal": lambda: 1 + 0.05 * generator.standard_normal(300),
        "uniform": lambda: 1 + 0.2 * generator.random(300),
        "lognormal": lambda: np.exp(0.1 * generator.standard_normal(300)),
        "exponential": lambda: 1 + 0.1 * generator.exponential(1, 300),
    }[shape]
    assert sum(bool(steadiness(draw())) for _ in range(300)) < 6


def test_the_record_notes_the_process_that_was_not_steady(facts, observation):
    steady = observation(timing={"samples_ns": [1000] * 100, "wall_ns": 1})
    calls = [1500] * 10 + [1000] * 90
    unsteady = observation(timing={"samples_ns": calls, "wall_ns": 1})
    verdict = judge(facts(steady, unsteady))
    assert texts(verdict)[0] == (
        "not steady: warm-up too short: the first tenth of the calls ran 50.00% slower (process 2)"
    )
    assert verdict.effective["steady"] == [True, False]
