from dataclasses import replace

import pytest

from harness.judge import report
from harness.judge.advice import keeps_accuracy
from harness.judge.rows import varying_axes


def sweep(record):
    """Four cases of one net, in plan order, and a skipped one."""
    return [
        record({"latency/p50": 2e-3, "throughput/samples_per_s": 450, "accuracy/top1": 0.99}, batch=1),
        record({"latency/p50": 31e-3, "throughput/samples_per_s": 900, "accuracy/top1": 0.99}, batch=32),
        record(
            {
                "latency/p50": 1e-3,
                "throughput/samples_per_s": 1000,
                "accuracy/top1": 0.9875,
                "accuracy/top1_delta": -0.0025,
            },
            batch=1,
            precision="int8",
        ),
        record({}, batch=32, precision="int8", status="skipped"),
    ]


def test_rows_rank_a_models_cases_by_p50_a_sample(record):
    rows = report("t", sweep(record)).rows
    assert [(row.rank, row.record.case) for row in rows] == [
        (1, "net/batch=32"),
        (2, "net/batch=1/precision=int8"),
        (3, "net/batch=1"),
        (0, "net/batch=32/precision=int8"),
    ]


def test_the_first_fp32_case_is_the_baseline_without_a_word_of_the_suite(record):
    rows = report("t", [record({"latency/p50": 1e-3}, precision="int8"), *sweep(record)]).rows
    assert [row.record.case for row in rows if row.baseline] == ["net/batch=1"]


def test_speedup_and_deltas_are_against_the_baseline(record):
    by_case = {row.record.case: row for row in report("t", sweep(record)).rows}
    row = by_case["net/batch=1/precision=int8"]
    assert row.speedup == pytest.approx(2.0)
    assert row.deltas["latency/p50"] == pytest.approx(-1e-3)
    assert row.deltas["accuracy/top1"] == pytest.approx(-0.0025)
    assert "accuracy/top1_delta" not in row.deltas
    assert by_case["net/batch=32"].speedup == pytest.approx(64 / 31)
    assert by_case["net/batch=1"].speedup == 1.0
    assert by_case["net/batch=32/precision=int8"].speedup is None


def test_the_suite_may_name_the_baseline(record):
    rows = report("t", sweep(record), baseline={"batch": 32}).rows
    assert [row.record.case for row in rows if row.baseline] == ["net/batch=32"]


def test_without_its_baseline_a_model_has_no_speedups(record):
    rows = report("t", sweep(record), baseline={"precision": "fp16"}).rows
    assert {row.speedup for row in rows} == {None}
    assert not any(row.baseline for row in rows)


def test_a_failed_case_is_not_ranked_although_it_has_numbers(record):
    failed = record({"latency/p50": 1e-6}, status="failed", batch=7)
    rows = report("t", [*sweep(record), failed]).rows
    assert [row.rank for row in rows if row.record is failed] == [0]


def test_models_keep_the_order_of_the_plan(record):
    records = [record({"latency/p50": 1}, model="b"), record({"latency/p50": 1}, model="a")]
    assert [row.record.axes["model"] for row in report("t", records).rows] == ["b", "a"]


def test_the_axes_that_vary_are_named_in_the_order_of_keys(record):
    assert varying_axes(sweep(record)) == ("precision", "batch")
    assert varying_axes([]) == ()


def test_advice_is_the_fastest_that_keeps_the_accuracy(record):
    advice = report("t", sweep(record)).advice
    assert [(item.aim, item.case, item.value, item.unit) for item in advice] == [
        ("latency", "net/batch=1/precision=int8", 1e-3, "s"),
        ("throughput", "net/batch=1/precision=int8", 1000, "samples/s"),
    ]
    assert advice[0].speedup == pytest.approx(2.0)
    assert advice[1].speedup == pytest.approx(1000 / 450)
    assert advice[0].accuracy_delta == -0.0025


def test_advice_refuses_what_costs_too_much_accuracy(record):
    advice = report("t", sweep(record), max_loss=0.001).advice
    assert [item.case for item in advice] == ["net/batch=1", "net/batch=32"]


def test_one_measured_case_is_no_choice(record):
    assert report("t", sweep(record)[:1]).advice == ()


@pytest.mark.parametrize(
    ("metrics", "axes", "kept"),
    [
        ({"accuracy/top1_delta": -0.005}, {}, True),
        ({"accuracy/top1_delta": -0.0051}, {}, False),
        ({"accuracy/mae": 1.004, "accuracy/mae_delta": 0.004}, {}, True),
        ({"accuracy/mae": 1.01, "accuracy/mae_delta": 0.01}, {}, False),
        ({"accuracy/agreement": 0.995}, {}, True),
        ({"accuracy/agreement": 0.985}, {}, False),
        ({"accuracy/agreement": 0.995, "accuracy/sqnr_db": 12.0}, {"precision": "int8"}, False),
        ({"accuracy/sqnr_db": 25.0}, {"precision": "int8"}, True),
        ({"accuracy/sqnr_db": 25.0}, {"precision": "fp16"}, False),
        ({}, {"precision": "fp32"}, True),
        ({}, {"precision": "int8"}, False),
    ],
)
def test_accuracy_is_kept_by_the_best_evidence_there_is(record, metrics, axes, kept):
    assert keeps_accuracy(record(metrics, **axes), 0.005) is kept


def timed(record, p50, low, high, steady=True, **axes):
    """A case whose p50 has an interval."""
    made = record({"latency/p50": p50}, **axes)
    metric = replace(made.metrics["latency/p50"], low=low, high=high)
    return replace(made, metrics={"latency/p50": metric}, effective={"steady": [steady]})


def latency_advice(records):
    return next(item for item in report("t", records).advice if item.aim == "latency")


def test_cases_that_intervals_do_not_tell_apart_are_a_tie(record):
    advice = latency_advice(
        [
            timed(record, 1.00, 0.98, 1.02, batch=1),
            timed(record, 1.01, 0.99, 1.03, batch=2),
            timed(record, 1.20, 1.18, 1.22, batch=3),
        ]
    )
    assert (advice.case, advice.ties, advice.passed_over) == ("net/batch=1", ("net/batch=2",), ())


def test_a_faster_case_that_is_not_steady_is_passed_over_and_named(record):
    advice = latency_advice(
        [
            timed(record, 1.5, 1.4, 1.6, batch=1),
            timed(record, 0.5, 0.4, 0.6, steady=False, batch=2),
            timed(record, 1.0, 0.98, 1.02, batch=3),
        ]
    )
    assert (advice.case, advice.steady) == ("net/batch=3", True)
    assert [(item.case, item.reason) for item in advice.passed_over] == [("net/batch=2", "it is not steady")]


def test_noise_is_no_reason_to_leave_the_baseline_for_a_slower_case(record):
    advice = latency_advice(
        [timed(record, 0.5, 0.4, 0.6, steady=False, batch=1), timed(record, 1.0, 0.98, 1.02, batch=2)]
    )
    assert (advice.case, advice.steady, advice.passed_over) == ("net/batch=1", False, ())


def test_a_speedup_over_a_baseline_that_is_not_steady_says_so(record):
    advice = latency_advice([timed(record, 2, 2, 2, steady=False, batch=1), timed(record, 1, 1, 1, batch=2)])
    assert (advice.case, advice.steady, advice.baseline_steady) == ("net/batch=2", True, False)


def test_where_none_is_steady_the_best_says_so(record):
    advice = latency_advice([timed(record, 1, 1, 1, False, batch=1), timed(record, 2, 2, 2, False, batch=2)])
    assert (advice.case, advice.steady) == ("net/batch=1", False)


def test_a_faster_case_that_loses_accuracy_is_passed_over_and_named(record):
    fast = record({"latency/p50": 1e-3, "accuracy/sqnr_db": 12.0}, precision="int8")
    advice = latency_advice([record({"latency/p50": 2e-3}, precision="fp32"), fast])
    (passed,) = advice.passed_over
    assert (passed.case, passed.reason) == (fast.case, "SQNR 12.0 dB; 20.0 dB are asked for")


def test_a_lossy_precision_is_no_baseline_by_accident(record):
    failed = record({}, precision="fp32", status="failed")
    half = record({"latency/p50": 1e-3}, precision="fp16")
    assert not any(row.baseline for row in report("t", [failed, half]).rows)
    alone = report("t", [half, record({"latency/p50": 2e-3}, precision="fp16", batch=2)]).rows
    assert [row.record.case for row in alone if row.baseline] == [half.case]
