from dataclasses import replace

import numpy as np
import pytest

from harness.compare.decide import compare_records
from harness.compare.noise import noise_between, run_noise
from harness.compare.processes import between
from harness.core.decision import Change
from harness.core.metrics import METRICS
from harness.core.record import Status


def runs(n=30, sd=0.01, seed=0):
    return np.exp(np.random.default_rng(seed).normal(0, sd, n)).tolist()


def test_the_noise_of_few_runs_is_an_upper_bound():
    from scipy.stats import chi2

    steps = [1.0, 1.1] * 5  # every step is the same: so is each of their quantiles
    sd = np.log(1.1) / (1.6449 * 2**0.5)
    assert run_noise(steps) == pytest.approx(sd * (4.5 / chi2.ppf(0.05, 4.5)) ** 0.5)


def test_the_noise_is_hardly_ever_taken_too_small():
    found = [run_noise(runs(seed=seed)) for seed in range(200)]
    assert sum(noise < 0.01 for noise in found) <= 20
    assert np.median(found) < 0.015


def test_fewer_than_ten_runs_say_nothing():
    assert run_noise(runs(9)) is None
    assert run_noise(runs(10)) is not None


def test_one_change_of_level_is_not_taken_for_noise():
    stepped = [*runs(15), *(2 * value for value in runs(15, seed=1))]
    assert run_noise(stepped) < 0.02


def test_a_series_without_any_noise_has_none():
    assert run_noise([5.0] * 12) == 0.0


def test_only_runs_that_were_measured_alike_count(record):
    def made(value, **parts):
        return replace(record({"latency/p50": value}), **parts)

    def processes(count):
        return {"asked": {"sampling": {"processes": count}}}

    values = runs(10)
    alike = [made(value) for value in values]
    assert noise_between(made(1.0), alike) == {"latency/p50": run_noise(values)}
    assert noise_between(made(1.0), alike[1:]) == {}
    strangers = [
        made(9.0, machine="m2"),
        made(9.0, status=Status.FAILED),
        made(9.0, **processes(3)),
        made(9.0, metrics={}),
    ]
    assert noise_between(made(1.0), [*alike[1:], *strangers]) == {}
    assert noise_between(made(1.0), [*strangers, *alike]) == {"latency/p50": run_noise(values)}


def test_noise_from_run_to_run_decides_where_processes_agree_too_well():
    base, head = [1.000, 1.001, 1.002], [1.050, 1.051, 1.052]
    assert between(base, head, METRICS["latency/p50"], 0.01, 0.01).verdict is Change.REGRESSION
    decision = between(base, head, METRICS["latency/p50"], 0.01, 0.01, noise=0.05)
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.blocks == 3
    assert "where runs vary by up to 5.00%" in decision.reason


def test_what_processes_show_decides_where_it_is_wider_than_the_noise():
    base, head = [1.00, 1.05, 1.10], [1.02, 1.07, 1.12]
    plain = between(base, head, METRICS["latency/p50"], 0.01, 0.01)
    assert between(base, head, METRICS["latency/p50"], 0.01, 0.01, noise=0.0001) == plain


def test_single_processes_are_hardly_ever_called_a_regression_by_learned_noise():
    alarms = 0
    for seed in range(400):
        *earlier, base, head = runs(12, seed=seed)
        noise = run_noise([*earlier, base])
        alarms += (
            between([base], [head], METRICS["latency/p50"], 0.0, 0.01, noise).verdict is Change.REGRESSION
        )
    assert alarms <= 8


def test_only_the_metrics_asked_for_are_compared(record):
    base = record({"model/size": 100.0, "memory/peak": 100.0})
    head = replace(record({"model/size": 120.0, "memory/peak": 100.0}), machine="m2")
    everything = compare_records([base], [head])
    assert everything.refused == {"net": ("machine: m1 / m2",)}
    sizes = compare_records([base], [head], metrics=["model/*"])
    assert [item.metric for item in sizes.comparisons] == ["model/size"]
    assert sizes.refused == {}  # no timing was asked for
    assert compare_records([base], [head], metrics=["accuracy/*"]).comparisons == ()
