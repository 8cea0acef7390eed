import math

import numpy as np
import pytest

from harness.core.decision import Cause, Change
from harness.core.metrics import METRICS
from harness.history.changes import shifts, with_causes
from harness.judge.causes import changed, facts_of


def nights(n=120, seed=0, sd=0.01, base=1e-3):
    return base * np.exp(np.random.default_rng(seed).normal(0, sd, n))


def stepped(n=120, at=70, step=0.05, **noise):
    series = nights(n, **noise)
    series[at:] *= 1 + step
    return series


def test_a_step_is_found_at_its_night_with_its_levels():
    series = stepped(sd=0.003)
    (shift,) = shifts(series.tolist(), METRICS["latency/p50"])
    assert shift.index == 70
    assert shift.before == np.median(series[:70])
    assert shift.after == np.median(series[70:])
    assert shift.change == pytest.approx(0.05, abs=0.002)
    assert shift.strength > 5
    assert shift.verdict is Change.REGRESSION


def test_down_is_an_improvement_of_latency_and_a_regression_of_throughput():
    down = stepped(step=-0.05).tolist()
    assert shifts(down, METRICS["latency/p50"])[0].verdict is Change.IMPROVEMENT
    assert shifts(down, METRICS["throughput/samples_per_s"])[0].verdict is Change.REGRESSION


def test_a_metric_without_a_better_way_has_no_verdict():
    (shift,) = shifts(stepped(base=10.0, step=0.5).tolist(), METRICS["latency/outliers"])
    assert shift.verdict is Change.INCONCLUSIVE


def test_noise_alone_has_no_shift():
    assert not any(shifts(nights(seed=seed).tolist(), METRICS["latency/p50"]) for seed in range(50))


def test_one_wild_night_is_no_shift():
    series = nights()
    series[50] *= 3
    assert shifts(series.tolist(), METRICS["latency/p50"]) == ()


def test_the_last_night_alone_is_no_shift_and_lasting_steps_are():
    series = nights(sd=0.003)
    series[-1] *= 1.5
    assert shifts(series.tolist(), METRICS["latency/p50"]) == ()
    series[-2] *= 1.5
    (shift,) = shifts(series.tolist(), METRICS["latency/p50"])
    assert shift.index == 118


def test_a_slow_drift_is_no_shift():
    series = nights(n=365, sd=0.01) * np.linspace(1, 1.05, 365)
    assert shifts(series.tolist(), METRICS["latency/p50"]) == ()


def test_two_levels_that_take_turns_raise_the_threshold():
    generator = np.random.default_rng(2)
    series = nights(n=365, sd=0.004) * (1 + 0.03 * (generator.random(365) < 0.3))
    assert shifts(series.tolist(), METRICS["latency/p50"]) == ()
    series[200:] *= 1.1
    assert [shift.index for shift in shifts(series.tolist(), METRICS["latency/p50"])] == [200]


def test_several_steps_are_all_found():
    series = stepped(n=200, at=60, sd=0.005)
    series[130:] /= 1.08
    found = shifts(series.tolist(), METRICS["latency/p50"])
    assert [(shift.index, shift.verdict) for shift in found] == [
        (60, Change.REGRESSION),
        (130, Change.IMPROVEMENT),
    ]
    assert found[0].after == found[1].before


def test_missing_nights_are_passed_over_and_places_are_those_of_the_series():
    series: list[float | None] = stepped(sd=0.003).tolist()
    series[10] = None
    series[69] = math.nan
    assert [shift.index for shift in shifts(series, METRICS["latency/p50"])] == [70]
    series[70] = None
    assert [shift.index for shift in shifts(series, METRICS["latency/p50"])] == [71]


def test_a_short_series_says_nothing():
    assert shifts([1.0] * 5 + [2.0] * 4, METRICS["latency/p50"]) == ()
    assert [shift.index for shift in shifts([1.0] * 5 + [2.0] * 5, METRICS["latency/p50"])] == [5]


def test_a_change_below_the_least_of_interest_is_not_reported():
    series = [1.0] * 20 + [1.004] * 20
    assert shifts(series, METRICS["model/size"]) == ()
    assert [shift.index for shift in shifts(series, METRICS["model/size"], min_effect=0.0)] == [20]


def test_accuracy_is_compared_in_points():
    generator = np.random.default_rng(3)
    series = 0.98 + 0.001 * generator.standard_normal(80)
    series[40:] -= 0.02
    (shift,) = shifts(series.tolist(), METRICS["accuracy/top1"])
    assert (shift.index, shift.verdict) == (40, Change.REGRESSION)
    assert shift.change == pytest.approx(-0.02, abs=0.002)


def test_a_delta_around_zero_is_no_ratio():
    generator = np.random.default_rng(4)
    series = 0.0005 * generator.standard_normal(80)
    series[50:] -= 0.01
    assert [shift.index for shift in shifts(series.tolist(), METRICS["accuracy/top1_delta"])] == [50]


def test_what_else_changed_is_named_beside_the_shift():
    series: list[float | None] = stepped(sd=0.003).tolist()
    series[69] = None
    facts = [{"runtime": "1.23.0", "model": "aa"}] * 70 + [{"runtime": "1.24.1", "model": "aa"}] * 50
    facts[69] = {"runtime": "0", "model": "0"}  # the night without a value is not asked
    (shift,) = with_causes(shifts(series, METRICS["latency/p50"]), series, facts)
    assert shift.causes == (Cause("runtime", "1.23.0", "1.24.1"),)


def test_what_changed_a_night_or_two_off_is_named_with_the_distance():
    series: list[float | None] = stepped(sd=0.003).tolist()
    facts = [{"runtime": "1", "model": "a"} for _ in series]
    for index in range(69, 120):
        facts[index]["runtime"] = "2"
    for index in range(72, 120):
        facts[index]["model"] = "b"
    for index in range(73, 120):
        facts[index]["kernel"] = "too far off"
    (shift,) = with_causes(shifts(series, METRICS["latency/p50"]), series, facts)
    assert shift.causes == (Cause("runtime", "1", "2", -1), Cause("model", "a", "b", 2))


def test_a_fact_that_is_not_known_on_both_sides_explains_nothing():
    assert changed({"kernel": None, "model": "a"}, {"kernel": "6.1", "runtime": "1", "model": "a"}) == []
    assert changed({"model": "a"}, {"model": "b"}) == [Cause("model", "a", "b")]


def test_a_rebuilt_runtime_is_a_change_and_another_version_is_one_alone():
    then = {"runtime": "1", "runtime's wheel": "a", "runtime's build": "x"}
    rebuilt = {**then, "runtime's wheel": "b", "runtime's build": "y"}
    assert changed(then, rebuilt) == [
        Cause("runtime's wheel", "a", "b"),
        Cause("runtime's build", "x", "y"),
    ]
    assert changed(then, {**rebuilt, "runtime": "2"}) == [Cause("runtime", "1", "2")]


def test_a_shift_near_the_end_has_no_causes_beyond_it():
    series = [1.0] * 20 + [2.0] * 2
    facts = [{"runtime": "1"}] * 20 + [{"runtime": "2"}] * 2
    (shift,) = with_causes(shifts(series, METRICS["model/size"]), series, facts)
    assert (shift.index, shift.causes) == (20, (Cause("runtime", "1", "2"),))


def test_a_record_tells_what_may_explain_a_shift(record):
    from dataclasses import replace

    made = replace(
        record(),
        effective={
            "runtime": {"version": "1.24.1", "build": "git-commit-id=a"},
            "installed": {"requirement": "o.whl", "sha256": "fedcba9876543210"},
            "data": {"name": "digits", "samples": 10, "sha256": "aaaabbbbccccdddd"},
        },
        artifact={"sha256": "0123456789abcdef", "opset": 17},
        environment={"kernel": "6.1", "cpu": {"governor": "performance"}},
    )
    assert facts_of(made) == {
        "runtime": "1.24.1",
        "runtime's wheel": "fedcba987654",
        "runtime's build": "29da1e74479a",
        "model": "0123456789ab",
        "opset": 17,
        "kernel": "6.1",
        "python": None,
        "governor": "performance",
        "data": facts_of(made)["data"],
        "custom operators": None,
    }
    assert "aaaabbbb" in str(facts_of(made)["data"])
    assert facts_of(record())["data"] is None


@pytest.mark.parametrize(("step", "found"), [(0.05, 0.98), (0.10, 1.0)])
def test_steps_of_five_standard_deviations_are_hardly_ever_missed(step, found):
    hits = 0
    for seed in range(100):
        at = 30 + 3 * seed
        places = [s.index for s in shifts(stepped(365, at, step, seed=seed).tolist(), METRICS["latency/p50"])]
        hits += any(abs(place - at) <= 2 for place in places)
    assert hits >= found * 100
