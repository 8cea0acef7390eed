from dataclasses import replace

import numpy as np
import pytest

from harness.core.errors import Failed
from harness.core.metrics import METRICS
from harness.judge import judge
from harness.judge.metrics import FAMILIES, measured


def test_the_families_give_exactly_the_metrics_that_suites_may_name(facts, case):
    given = set(measured(facts())) | set(measured(facts(case=case(task="regression"))))
    assert given == set(METRICS)


def test_every_metric_has_the_unit_and_direction_of_its_name(facts):
    for name, metric in measured(facts()).items():
        assert (metric.unit, metric.direction) == (METRICS[name].unit, METRICS[name].better)


def test_every_metric_has_a_value_or_a_reason(facts):
    for metric in measured(facts()).values():
        assert (metric.value is None) == bool(metric.reason)


def test_a_family_is_looked_up_by_name():
    assert "latency" in list(FAMILIES)
    assert FAMILIES.resolve("throughput").__name__ == "throughput"


COSTS = """
def raises(facts):
    return 1 / 0


def takes_a_name(facts):
    return {"latency/p50": None}
"""


@pytest.mark.parametrize(
    ("family", "told"),
    [
        ("raises", "^metric family 'cost': ZeroDivisionError: division by zero$"),
        ("takes_a_name", "^metric family 'cost' gave 'latency/p50'; its names begin"),
    ],
)
def test_a_family_of_another_package_that_does_not_work_fails_the_case(
    facts, monkeypatch, tmp_path, family, told
):
    installed = tmp_path / "costs-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: costs\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[{FAMILIES.group}]\ncost = costs:{family}\n")
    (tmp_path / "costs.py").write_text(COSTS)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Failed, match=told):
        measured(facts())


def test_latency_of_one_process_has_exact_quantiles_and_an_interval_within_it(facts):
    metrics = judge(facts()).metrics
    p50 = metrics["latency/p50"]
    assert p50.value == pytest.approx(1099.5e-9)
    # ranks 86 and 115 of 200, counted from 1
    assert (p50.low, p50.high) == (pytest.approx(1085e-9), pytest.approx(1114e-9))
    assert (p50.interval, p50.n) == ("within process", 200)
    assert metrics["latency/p90"].value == pytest.approx(1179.1e-9)
    assert metrics["latency/p95"].value == pytest.approx(1189.05e-9)
    assert metrics["latency/mean"].value == pytest.approx(1099.5e-9)
    assert metrics["latency/sd"].value == pytest.approx(np.std(np.arange(200), ddof=1) * 1e-9)
    assert metrics["latency/mad"].value == pytest.approx(50e-9)


def test_a_percentile_below_its_floor_is_null_with_the_floor(facts):
    p99 = judge(facts()).metrics["latency/p99"]
    assert (p99.value, p99.reason, p99.n) == (None, "200 calls; 662 needed", 200)


@pytest.mark.parametrize(("calls", "null"), [(63, True), (64, False)])
def test_p90_appears_at_64_calls(facts, observation, calls, null):
    seen = observation(timing={"samples_ns": list(range(1, calls + 1)), "wall_ns": 1})
    assert (judge(facts(seen)).metrics["latency/p90"].value is None) == null


def test_latency_of_three_processes_is_joined_between_them(facts, observation):
    seen = [observation(timing={"samples_ns": [level] * 20, "wall_ns": 1}) for level in (1000, 1010, 1020.1)]
    p50 = judge(facts(*seen)).metrics["latency/p50"]
    assert p50.value == pytest.approx(1010e-9)
    assert (p50.interval, p50.n) == ("between processes", 60)
    half = 4.302652729911275 * np.log(1.01) / np.sqrt(3)
    assert p50.low == pytest.approx(1010e-9 * np.exp(-half))
    assert p50.high == pytest.approx(1010e-9 * np.exp(half))


def test_a_percentile_floor_holds_for_every_process(facts, observation):
    short = observation(timing={"samples_ns": [1000] * 50, "wall_ns": 1})
    p90 = judge(facts(observation(), short)).metrics["latency/p90"]
    assert p90.reason == "50 calls in a process; 64 needed"


def test_outliers_are_counted_and_kept(facts, observation):
    samples = [*range(1000, 1100), 5000, 6000]
    metrics = judge(facts(observation(timing={"samples_ns": samples, "wall_ns": 1}))).metrics
    assert metrics["latency/outliers"].value == 2
    assert metrics["latency/mean"].value == pytest.approx(np.mean(samples) * 1e-9)


def test_throughput_is_samples_over_wall_time(facts, observation, case):
    seen = observation(timing={"samples_ns": [1000] * 10, "wall_ns": 20_000, "batch": 8})
    throughput = judge(facts(seen, case=case(batch=8))).metrics["throughput/samples_per_s"]
    assert throughput.value == pytest.approx(10 * 8 / 20e-6)
    assert throughput.low is None


def test_startup_is_joined_between_processes(facts, observation):
    seen = [
        observation(
            session={"create_ns": create, "first_call_ns": 3_000_000}, runtime={"import_ns": 60_000_000}
        )
        for create in (10_000_000, 40_000_000)
    ]
    metrics = judge(facts(*seen)).metrics
    assert metrics["startup/session"].value == pytest.approx(0.02)
    assert metrics["startup/session"].interval == "between processes"
    assert metrics["startup/first_call"].value == pytest.approx(0.003)
    assert metrics["startup/import"].value == pytest.approx(0.06)


def test_memory_of_the_session_is_what_it_added_after_the_import(facts, observation):
    seen = observation(
        memory={
            "before_runtime": {"bytes": 30_000_000},
            "after_import": {"bytes": 50_000_000},
            "after_session": {"bytes": 72_000_000},
            "after_first_call": {"bytes": 75_000_000},
            "peak": {"bytes": 80_000_000},
            "arena_peak": {"unavailable": "ORT 1.17 does not report it"},
        }
    )
    metrics = judge(facts(seen)).metrics
    assert metrics["memory/session"].value == 22_000_000
    assert metrics["memory/peak"].value == 80_000_000
    assert metrics["memory/arena_peak"].value is None
    assert metrics["memory/arena_peak"].reason == "ORT 1.17 does not report it"


@pytest.mark.parametrize(
    ("reading", "value", "reason"),
    [({"bytes": 512_000_000}, 512_000_000, ""), ({"unavailable": "no driver"}, None, "no driver")],
)
def test_memory_of_a_device_is_kept_or_null_with_the_reason(facts, observation, reading, value, reason):
    metrics = judge(facts(observation(memory={"device_peak": reading}))).metrics
    kept = metrics["memory/device_peak"]
    assert (kept.value, kept.reason, kept.unit) == (value, reason, "B")


def test_memory_is_joined_between_processes_and_every_reading_is_kept(facts, observation):
    seen = [
        observation(
            memory={"after_import": {"bytes": 10}, "after_session": {"bytes": n}, "peak": {"bytes": n}}
        )
        for n in (20, 80)
    ]
    verdict = judge(facts(*seen))
    peak, session = (verdict.metrics[f"memory/{name}"] for name in ("peak", "session"))
    assert (peak.value, peak.n, peak.interval) == (pytest.approx(40), 2, "between processes")
    assert peak.low < 20 and peak.high > 80
    assert session.value == pytest.approx((10 * 70) ** 0.5)
    assert verdict.samples["memory"]["peak"] == [20, 80]


def test_memory_that_was_not_measured_is_not_zero(facts):
    metrics = judge(facts()).metrics
    assert metrics["memory/session"].value is None
    assert metrics["memory/session"].reason == "not measured"


def test_the_model_size_is_that_of_the_file(facts):
    assert judge(facts()).metrics["model/size"].value == 4096


def test_nodes_and_operators_of_the_file_are_counted_and_those_that_are_quantized(facts):
    counted = {"Conv": 3, "QLinearConv": 2, "DequantizeLinear": 4, "MatMulInteger": 1}
    seen = facts()
    metrics = measured(replace(seen, built=replace(seen.built, operators=counted)))
    assert [metrics[f"model/{name}"].value for name in ("nodes", "operators", "int8_operators")] == [10, 4, 7]
    metrics = measured(replace(seen, built=replace(seen.built, operators={"Conv": 3})))
    assert metrics["model/int8_operators"].reason == "no operator of the file is quantized"
