import math
from dataclasses import replace

import numpy as np
import pytest
from make import make_metric

from harness.compare.decide import compare_records
from harness.compare.processes import between, by_process
from harness.core.decision import Change
from harness.core.metrics import METRICS
from harness.core.record import Absence
from harness.judge.comparability import blocking_differences, sampling_kind


@pytest.fixture
def measured(record):
    """A record with one list of calls a process, given the processes' levels in ns."""

    def make(*levels_ns, case="a", correct=None, size=1000.0, **parts):
        made = record({"latency/p50": np.mean(levels_ns) * 1e-9, "model/size": size}, batch=case)
        calls = [[level - 1, level, level, level + 1] * 5 for level in levels_ns]
        samples = {"latency_ns": calls, "wall_ns": [int(sum(item)) for item in calls]}
        if correct is not None:
            samples["correct"] = {"n": len(correct), "bits": np.packbits(correct).tobytes().hex()}
        return replace(made, samples=samples, **parts)

    return make


def verdicts(compared):
    return {(item.case, item.metric): item.decision.verdict for item in compared.comparisons}


def test_a_slowdown_between_three_processes_a_side_is_a_regression(measured):
    compared = compare_records([measured(1000, 1001, 1002)], [measured(1100, 1101, 1102)])
    found = {item.metric: item for item in compared.comparisons}
    assert found["latency/p50"].decision.verdict is Change.REGRESSION
    assert found["latency/p50"].decision.ratio == pytest.approx(1101 / 1001, rel=1e-6)
    assert found["latency/p50"].decision.blocks == 3
    assert found["latency/p50"].base == pytest.approx(1001e-9)
    assert found["throughput/samples_per_s"].decision.verdict is Change.REGRESSION
    assert found["throughput/samples_per_s"].decision.ratio == pytest.approx(1001 / 1101, rel=1e-6)
    assert "latency/p90" not in found  # 20 calls a process are too few


def test_the_numbers_are_those_of_students_test(measured):
    from scipy.stats import ttest_ind

    base, head = [1.000, 1.010, 1.005], [1.030, 1.050, 1.041]
    decision = between(base, head, METRICS["latency/p50"], 0.01, 0.01)
    test = ttest_ind(np.log(head), np.log(base) + math.log(1.01), alternative="greater")
    assert decision.p == pytest.approx(test.pvalue)
    bounds = ttest_ind(np.log(head), np.log(base)).confidence_interval()
    assert (decision.low, decision.high) == (
        pytest.approx(math.exp(bounds.low)),
        pytest.approx(math.exp(bounds.high)),
    )
    assert decision.ratio == pytest.approx(math.exp(np.mean(np.log(head)) - np.mean(np.log(base))))


def test_processes_that_agree_by_luck_are_not_believed_to_the_last_digit():
    decision = between([1.0, 1.0], [1.0101, 1.0101], METRICS["latency/p50"], 0.01, 0.01)
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.mde > 0.015


def test_processes_close_together_are_equivalent():
    decision = between([1.000, 1.001, 1.002], [1.001, 1.002, 1.003], METRICS["latency/p50"], 0.01, 0.01)
    assert decision.verdict is Change.EQUIVALENT


def test_a_faster_head_is_an_improvement():
    decision = between([1.10, 1.101, 1.102], [1.0, 1.001, 1.002], METRICS["latency/p50"], 0.01, 0.01)
    assert decision.verdict is Change.IMPROVEMENT


def test_single_processes_decide_nothing_but_raise_a_suspicion(measured):
    compared = compare_records([measured(1000)], [measured(1100)])
    found = {item.metric: item for item in compared.comparisons}
    decision = found["latency/p50"].decision
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.reason == (
        "+10.00% between single processes, and nothing is known of the noise between them"
    )
    assert found["latency/p50"].suspect
    assert not compare_records([measured(1000)], [measured(1005)]).comparisons[0].suspect


def test_single_processes_are_decided_where_the_noise_is_known(measured):
    known = {"net/batch=a": {"latency/p50": 0.01}}
    found = compare_records([measured(1000)], [measured(1100)], noise=known)
    decision = {item.metric: item.decision for item in found.comparisons}["latency/p50"]
    assert decision.verdict is Change.REGRESSION
    z = (math.log(1.1) - math.log(1.01)) / (0.01 * math.sqrt(2))
    from scipy.stats import norm

    assert decision.p == pytest.approx(norm.sf(z), rel=1e-3)
    known = {"net/batch=a": {"latency/p50": 0.05}}
    wide = compare_records([measured(1000)], [measured(1100)], noise=known)
    assert {item.metric: item.decision.verdict for item in wide.comparisons}["latency/p50"] is (
        Change.INCONCLUSIVE
    )


def test_size_is_exact(measured):
    grown = compare_records([measured(1000)], [measured(1000, size=1020.0)])
    assert verdicts(grown)["net/batch=a", "model/size"] is Change.REGRESSION
    same = compare_records([measured(1000)], [measured(1000)])
    assert verdicts(same)["net/batch=a", "model/size"] is Change.EQUIVALENT


def test_accuracy_is_paired_from_the_stored_bits(measured):
    base, head = np.ones(100, bool), np.ones(100, bool)
    head[:9] = False
    sides = [
        replace(side, metrics={**side.metrics, "accuracy/top1": side.metrics["model/size"]})
        for side in (measured(1000, correct=base), measured(1000, correct=head))
    ]
    compared = compare_records(sides[:1], sides[1:])
    assert verdicts(compared)["net/batch=a", "accuracy/top1"] is Change.REGRESSION


def test_unlike_environments_are_refused_by_name_and_size_is_still_compared(measured):
    base, head = measured(1000), measured(2000, machine="m2", size=2000.0)
    compared = compare_records([base], [head])
    assert compared.refused == {"net/batch=a": ("machine: m1 / m2",)}
    assert verdicts(compared) == {("net/batch=a", "model/size"): Change.REGRESSION}


def test_what_makes_environments_unlike(measured):
    def with_(cores=(0,), feeds="random", governor="performance", **sampling):
        return measured(
            1000,
            asked={"sampling": sampling},
            effective={"session": {"cores": list(cores)}, "feeds": {"kind": feeds}},
            environment={"cpu": {"governor": governor, "turbo": None}},
        )

    assert blocking_differences(with_(seconds=1.0), with_(seconds=1.0, cores=(1,))) == ()
    assert blocking_differences(with_(seconds=1.0), with_(calls=100)) == ("sampling: seconds / calls",)
    assert blocking_differences(with_(cores=(0, 1)), with_()) == ("cores: 2 / 1",)
    assert blocking_differences(with_(), with_(feeds="data")) == ("feeds: random / data",)
    assert blocking_differences(with_(), with_(governor="powersave")) == (
        "governor: performance / powersave",
    )
    assert blocking_differences(with_(), measured(1000)) == ()


def test_the_sampling_kind_is_the_rule_that_ends_the_stretch():
    assert sampling_kind({"calls": 100, "seconds": 1.0}) == "calls"
    assert sampling_kind({"calls": None, "seconds": 1.0, "target_ci": None}) == "seconds"
    assert sampling_kind({}) is None


def test_cases_are_matched_by_key(measured):
    compared = compare_records([measured(1, case="a"), measured(1, case="b")], [measured(1, case="b")])
    assert (compared.only_base, compared.only_head) == (("net/batch=a",), ())
    assert {case for case, _ in verdicts(compared)} == {"net/batch=b"}


def test_a_case_that_fails_now_is_the_worst_regression(measured, record):
    broken = record(status="crashed", batch="a")
    compared = compare_records([measured(1000), measured(1, case="b")], [broken, measured(1, case="b")])
    first = compared.comparisons[0]
    assert (first.metric, first.decision.verdict) == ("status", Change.REGRESSION)
    assert first.decision.reason == "ok in base, crashed in head: "
    back = compare_records([broken], [measured(1000)]).comparisons[0]
    assert back.decision.verdict is Change.IMPROVEMENT
    assert compare_records([broken], [broken]).comparisons == ()


def test_the_worst_comes_first(measured):
    base = [measured(1000, 1001, 1002, case=name) for name in "abc"]
    head = [
        measured(990, 991, 992, case="a"),
        measured(1100, 1101, 1102, case="b"),
        measured(1300, 1301, 1302, case="c"),
    ]
    p50 = [item.case for item in compare_records(base, head).comparisons if item.metric == "latency/p50"]
    assert p50 == ["net/batch=c", "net/batch=b", "net/batch=a"]


def test_of_many_comparisons_hardly_any_false_regression_is_left(measured):
    generator = np.random.default_rng(11)

    def side():
        return [
            measured(*(1e6 * np.exp(generator.normal(0, 0.01, 3))).round(), case=f"{index}")
            for index in range(150)
        ]

    compared = compare_records(side(), side(), min_effect=0.0)
    bad = [item for item in compared.comparisons if item.decision.verdict is Change.REGRESSION]
    assert len(bad) <= 1
    taken_back = [item for item in compared.comparisons if "tests at once" in item.decision.reason]
    assert taken_back  # without the correction there would have been some


def test_raw_samples_give_a_number_a_process(measured):
    one = measured(1000, 2000)
    assert by_process(one, METRICS["latency/p50"]) == [pytest.approx(1e-6), pytest.approx(2e-6)]
    assert by_process(one, METRICS["throughput/samples_per_s"]) == [pytest.approx(1e6), pytest.approx(5e5)]
    assert by_process(one, METRICS["latency/p99"]) == []
    assert by_process(one, METRICS["startup/session"]) == []
    assert by_process(replace(one, samples={"session_ns": [5, None]}), METRICS["startup/session"]) == [5e-9]


def test_a_comparison_is_one_flat_object(measured):
    (item, *_) = compare_records([measured(1000)], [measured(1100)]).comparisons
    assert list(item.to_json()) == [
        "case",
        "metric",
        "base",
        "head",
        "ratio",
        "low",
        "high",
        "p",
        "blocks",
        "min_effect",
        "mde",
        "asked",
        "needed_s",
        "needed_calls",
        "source",
        "verdict",
        "reason",
        "unconfirmed",
        "levels",
    ]


@pytest.mark.parametrize(
    ("metric", "before", "after", "verdict"),
    [
        ("accuracy/agreement", 0.99, 0.98, Change.REGRESSION),
        ("accuracy/agreement", 0.99, 0.986, Change.EQUIVALENT),
        ("accuracy/agreement", 0.98, 0.99, Change.IMPROVEMENT),
        ("accuracy/sqnr_db", 30.0, 19.0, Change.REGRESSION),
        ("accuracy/sqnr_db", 130.0, 90.0, Change.EQUIVALENT),
        ("accuracy/nonfinite", 0, 1, Change.REGRESSION),
        ("accuracy/nonfinite", 0, 0, Change.EQUIVALENT),
    ],
)
def test_drift_without_labels_is_exact(record, metric, before, after, verdict):
    (item,) = compare_records([record({metric: before})], [record({metric: after})]).comparisons
    assert (item.metric, item.decision.verdict) == (metric, verdict)


def test_outputs_that_were_identical_to_the_references_may_become_wrong(record):
    same = make_metric("accuracy/sqnr_db", None, reason="identical outputs", absence=Absence.IDENTICAL)
    base, head = record({"accuracy/sqnr_db": same}), record({"accuracy/sqnr_db": -20.0})
    (item,) = compare_records([base], [head]).comparisons
    assert item.decision.verdict is Change.REGRESSION
    assert item.decision.reason == "identical outputs in base, -20.0 dB in head"
    (item,) = compare_records([head], [base]).comparisons
    assert item.decision.verdict is Change.IMPROVEMENT
    (item,) = compare_records([base], [record({"accuracy/sqnr_db": 130.0})]).comparisons
    assert item.decision.verdict is Change.EQUIVALENT  # rounding
    assert compare_records([base], [base]).comparisons == ()


def test_drift_that_head_has_no_value_of_is_said(record):
    none = make_metric(
        "accuracy/sqnr_db", None, reason="the output's shape is (8, 2), the reference's is (8,)"
    )
    (item,) = compare_records(
        [record({"accuracy/sqnr_db": 130.0})], [record({"accuracy/sqnr_db": none})]
    ).comparisons
    assert item.decision.verdict is Change.INCONCLUSIVE
    assert item.decision.reason == f"no value in head: {none.reason}"


def test_memory_is_a_single_reading(record):
    base, head = record({"memory/peak": 100e6}), record({"memory/peak": 120e6})
    (item,) = compare_records([base], [head]).comparisons
    assert (item.decision.verdict, item.suspect) == (Change.INCONCLUSIVE, True)
    (item,) = compare_records([base], [head], noise={"net": {"memory/peak": 0.01}}).comparisons
    assert item.decision.verdict is Change.REGRESSION
