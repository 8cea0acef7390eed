from dataclasses import replace

import pytest
from make import make_metric

from harness.core.decision import Change, Decision, DecisionSource, MetricComparison, Unconfirmed
from harness.core.record import Absence, NoteKind
from harness.core.report import NoData, unevaluated
from harness.core.suite import Gate
from harness.judge.gates import beside_comparisons, evaluate, evaluate_comparisons, with_evidence


def one(gate, record, references=None):
    (outcome,) = evaluate([gate], [record], references)
    return outcome


@pytest.mark.parametrize(
    ("limits", "outcome", "reason"),
    [
        ({"max": 0.010}, "passed", "10 ms ≤ 10 ms"),
        ({"max": 0.009}, "failed", "10 ms > 9 ms"),
        ({"min": 0.010}, "passed", "10 ms ≥ 10 ms"),
        ({"min": 0.011}, "failed", "10 ms < 11 ms"),
    ],
)
def test_a_fixed_limit_holds_up_to_its_value(record, limits, outcome, reason):
    found = one(Gate("latency/p50", **limits), record({"latency/p50": 0.010}))
    assert (found.outcome, found.reason) == (outcome, reason)
    assert (found.value, found.limit) == (0.010, next(iter(limits.values())))


@pytest.mark.parametrize(
    ("gate", "value", "outcome", "limit"),
    [
        ({"max_increase": 0.03}, 1.03, "passed", 1.03),
        ({"max_increase": 0.03}, 1.04, "failed", 1.03),
        ({"max_increase": 0.03}, 0.5, "passed", 1.03),
        ({"max_drop": 0.03}, 0.98, "passed", 0.97),
        ({"max_drop": 0.03}, 0.96, "failed", 0.97),
    ],
)
def test_a_relative_limit_is_held_against_the_reference(record, gate, value, outcome, limit):
    references = {"previous": {"net": record({"latency/p50": 1.0})}}
    found = one(Gate("latency/p50", **gate), record({"latency/p50": value}), references)
    assert found.outcome == outcome
    assert found.limit == pytest.approx(limit)


def test_an_outcome_says_the_gate_and_the_numbers(record):
    references = {"anchor": {"net": record({"latency/p50": 0.001})}}
    gate = Gate("latency/p50", max_increase=0.03, against="anchor")
    found = one(gate, record({"latency/p50": 0.0012}), references)
    assert found.gate == "latency/p50 max_increase 3% against anchor"
    assert found.reason == "1.2 ms > 1.03 ms (anchor: 1 ms)"
    assert (found.case, found.metric) == ("net", "latency/p50")
    fine = one(Gate("latency/p50", max_increase=0.00001), record({"latency/p50": 1.0}), references)
    assert fine.gate == "latency/p50 max_increase 0.001% against previous", "no limit is rounded to none"


def test_a_drop_below_a_negative_reference_is_a_drop(record):
    references = {"previous": {"net": record({"accuracy/top1_delta": -0.1})}}
    gate = Gate("accuracy/top1_delta", max_drop=0.1)
    assert one(gate, record({"accuracy/top1_delta": -0.105}), references).outcome == "passed"
    assert one(gate, record({"accuracy/top1_delta": -0.12}), references).outcome == "failed"


@pytest.mark.parametrize(
    ("metrics", "status", "references", "reason"),
    [
        ({}, "ok", {}, "not measured"),
        ({"latency/p50": 1.0}, "ok", {}, "no previous record of this case"),
        ({"latency/p50": 1.0}, "crashed", {}, "the case is crashed: "),
    ],
)
def test_without_data_a_gate_has_not_passed(record, metrics, status, references, reason):
    found = one(Gate("latency/p50", max_increase=0.03), record(metrics, status=status), references)
    assert (found.outcome, found.reason) == ("no data", reason)


def test_a_null_metric_is_no_data_with_its_reason(record):
    null = make_metric("latency/p99", None, reason="200 calls; 662 needed")
    made = replace(record(), metrics={"latency/p99": null})
    found = one(Gate("latency/p99", max=1.0), made)
    assert (found.outcome, found.reason, found.limit) == ("no data", "200 calls; 662 needed", 1.0)


def test_a_reference_that_is_null_or_unlike_is_no_data(record):
    gate = Gate("latency/p50", max_increase=0.03)
    head = record({"latency/p50": 1.0})
    failed = record({"latency/p50": 1.0}, status="failed")
    assert one(gate, head, {"previous": {"net": failed}}).reason == "previous: the case is failed: "
    other = replace(head, machine="m2")
    found = one(gate, head, {"previous": {"net": other}})
    assert (found.outcome, found.reason) == ("no data", "previous: measured unlike, machine: m2 / m1")


def test_accuracy_is_held_against_another_machine_too(record):
    head = record({"accuracy/top1": 0.98})
    other = replace(record({"accuracy/top1": 0.99}), machine="m2")
    found = one(Gate("accuracy/top1", max_drop=0.005), head, {"previous": {"net": other}})
    assert found.outcome == "failed"


def identical(record):
    null = make_metric("accuracy/sqnr_db", None, absence=Absence.IDENTICAL)
    return replace(record(), metrics={"accuracy/sqnr_db": null})


def test_identical_outputs_pass_any_least_sqnr(record):
    found = one(Gate("accuracy/sqnr_db", min=30.0), identical(record))
    assert (found.outcome, found.value, found.reason) == (
        "passed",
        None,
        "identical outputs ≥ 30.0 dB",
    )


def test_what_was_identical_must_stay_so_under_a_relative_limit(record):
    references = {"previous": {"net": identical(record)}}
    gate = Gate("accuracy/sqnr_db", max_drop=0.1)
    assert one(gate, identical(record), references).outcome == "passed"
    assert one(gate, record({"accuracy/sqnr_db": 90.0}), references).outcome == "failed"


def test_a_gate_speaks_of_the_cases_that_it_names(record):
    records = [record({"latency/p50": 1.0}, batch=1), record({"latency/p50": 1.0}, batch=32)]
    outcomes = evaluate([Gate("latency/p50", max=2.0, case={"batch": ["32"]})], records)
    assert [item.case for item in outcomes] == ["net/batch=32"]


def test_a_gate_that_speaks_of_no_case_is_no_data(record):
    gate = Gate("latency/p50", max=2.0, case={"batch": ["64"]})
    (found,) = evaluate([gate], [record({"latency/p50": 1.0}, batch=1)])
    assert (found.outcome, found.case, found.reason) == ("no data", "", "no case matches")


def test_skipped_cases_are_not_asked(record):
    records = [record({"latency/p50": 1.0}), record(status="skipped", batch=2)]
    assert len(evaluate([Gate("latency/p50", max=2.0)], records)) == 1


def test_every_limit_of_a_gate_has_its_outcome(record):
    outcomes = evaluate([Gate("latency/p50", min=0.5, max=2.0)], [record({"latency/p50": 3.0})])
    assert [(item.gate, item.outcome) for item in outcomes] == [
        ("latency/p50 min 500 ms", "passed"),
        ("latency/p50 max 2 s", "failed"),
    ]


def test_gates_hold_the_arms_of_an_ab(record):
    decision = Decision(verdict=Change.REGRESSION)
    comparisons = [MetricComparison("net", "latency/p50", 1.0, 1.05, decision)]
    gate = Gate("latency/p50", max_increase=0.03)
    (found,) = evaluate_comparisons([gate], comparisons, {"net": {"batch": 1}})
    assert (found.outcome, found.limit) == ("failed", pytest.approx(1.03))
    (missing,) = evaluate_comparisons([gate], [], {"net": {"batch": 1}})
    assert (missing.outcome, missing.reason) == ("no data", "not compared")


def spread(record, low, value, high, n=5):
    """A record whose memory lies in this interval over `n` processes."""
    peak = make_metric("memory/peak", value, low=low, high=high, interval="between processes", n=n)
    return replace(record(), metrics={"memory/peak": peak})


@pytest.mark.parametrize(
    ("limit", "outcome", "within"),
    [(80e6, "failed", False), (84e6, "failed", True), (89e6, "passed", True), (92e6, "passed", False)],
)
def test_a_limit_within_the_spread_of_processes_is_known_as_one(record, limit, outcome, within):
    found = one(Gate("memory/peak", max=limit), spread(record, 83e6, 87e6, 91e6))
    assert (found.outcome, found.within_spread) == (outcome, within)
    assert (found.low, found.high) == (83e6, 91e6)


def test_the_spread_of_the_reference_counts_too(record):
    references = {"anchor": {"net": spread(record, 95.0, 100.0, 105.0)}}
    gate = Gate("memory/peak", max_increase=0.03, against="anchor")
    found = one(gate, spread(record, 103.0, 104.0, 105.0), references)
    assert (found.outcome, found.within_spread) == ("failed", True)
    assert (found.low, found.high) == (pytest.approx(103 / 1.05), pytest.approx(105 / 0.95))
    alone = one(
        gate, spread(record, 103.5, 104.0, 104.5), {"anchor": {"net": record({"memory/peak": 100.0})}}
    )
    assert (alone.outcome, alone.within_spread) == ("failed", False)


def test_an_interval_within_one_process_is_no_spread_between_processes(record):
    p50 = make_metric("latency/p50", 1.0, low=0.9, high=1.1, interval="within process")
    found = one(Gate("latency/p50", max=1.05), replace(record(), metrics={"latency/p50": p50}))
    assert (found.low, found.high, found.within_spread) == (None, None, False)


def stored(verdict, ratio=None, source=DecisionSource.STORED, **more):
    """A comparison with the previous run: 1 s then, 1.05 s now."""
    return MetricComparison(
        "net", "latency/p50", 1.0, 1.05, Decision(verdict=verdict, ratio=ratio, source=source), **more
    )


def failing(record, **gate):
    """The outcomes of a gate that the stored numbers fail by 2 percent."""
    references = {"previous": {"net": record({"latency/p50": 1.0})}}
    asked = Gate("latency/p50", max_increase=0.03, **gate)
    return asked, evaluate([asked], [record({"latency/p50": 1.05})], references)


@pytest.mark.parametrize("verdict", [Change.INCONCLUSIVE, Change.EQUIVALENT, Change.REGRESSION])
def test_a_gate_has_the_verdict_of_the_comparison_of_the_same_numbers(record, verdict):
    _, outcomes = failing(record)
    (found,) = beside_comparisons(outcomes, {"previous": [stored(verdict)]})
    assert (found.outcome, found.compared) == ("failed", verdict)
    (unlike,) = beside_comparisons(outcomes, {"anchor": [stored(verdict)]})
    assert unlike.compared is None


def test_a_gate_that_asks_for_an_ab_is_left_open_by_stored_numbers(record):
    _, (found,) = failing(record, confirm=True)
    assert (found.outcome, found.no_data) == ("no data", NoData.UNCONFIRMED)
    assert (found.setting.name, found.setting.value) == ("harness compare", "previous latest --confirm")
    assert unevaluated([found]) == (found,)


@pytest.mark.parametrize(
    ("ratio", "outcome", "reason"),
    [
        (1.029, "passed", "by an A/B +2.90%, within the limit"),
        (1.04, "failed", "by an A/B +4.00%, beyond the limit"),
    ],
)
def test_an_ab_decides_a_gate_that_asks_for_one(record, ratio, outcome, reason):
    gate, outcomes = failing(record, confirm=True)
    evidence = {"previous": [stored(Change.REGRESSION, ratio, DecisionSource.AB)]}
    (found,) = with_evidence(outcomes, [gate], evidence)
    assert (found.outcome, found.no_data) == (outcome, None)
    assert found.reason == f"1.05 s > 1.03 s (previous: 1 s); {reason}"


def test_without_an_ab_a_gate_that_asks_for_one_stays_open(record):
    gate, outcomes = failing(record, confirm=True)
    evidence = {"previous": [stored(Change.REGRESSION, 1.04, unconfirmed=Unconfirmed.BUDGET)]}
    (found,) = with_evidence(outcomes, [gate], evidence)
    assert (found.outcome, found.no_data) == ("no data", NoData.UNCONFIRMED)
    assert found.reason.endswith("; no A/B decided it: budget")
    assert with_evidence(outcomes, [gate], {}) == outcomes


def test_samples_a_second_of_an_axis_that_is_not_checked_name_the_setting(record):
    name = "throughput/samples_per_s"
    known = replace(
        record({name: make_metric(name, None, reason="the batch axis is not checked")}),
        notes=("the batch axis is not checked: y: it varies by itself",),
        note_kinds=(NoteKind.UNCHECKED_BATCH,),
    )
    found = one(Gate(name, min=1.0), known)
    assert found.outcome == "no data"
    assert found.setting.name == "models.net.batch_dim"
