"""Counts of instructions: the smallest stretch, and compared with their like alone."""

from dataclasses import replace

import pytest
from make import make_metric

from harness.core.decision import Change
from harness.core.report import NoData, Outcome
from harness.core.suite import Gate
from harness.core.units import format_value
from harness.judge import judge
from harness.judge.comparability import unlike_counts
from harness.judge.exact import exact
from harness.judge.gates import evaluate

CALL, SESSION = "instructions/call", "instructions/session"
COUNTED = {
    "how": "callgrind",
    "tool": "valgrind-3.19.0",
    "features": ["avx2", "fma"],
    "threads": 1,
    "calls": 4,
    "counts": {"call": [4_004, 4_000, 4_000], "session": [900]},
}
BUILT = "ORT Build Info: git-branch=HEAD, build type=Release, cmake cxx flags: -O3"


def test_the_smallest_stretch_counts_and_is_a_call_of_it(facts, observation) -> None:
    metrics = judge(facts(observation(parts={"instructions": COUNTED}))).metrics
    assert (metrics[CALL].value, metrics[CALL].unit, metrics[CALL].n) == (1_000, "instructions", 3)
    assert metrics[SESSION].value == 900


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({}, "not asked for: measure.instructions is false"),
        ({"instructions": {"unavailable": "no valgrind"}}, "no valgrind"),
    ],
)
def test_without_a_count_the_metric_is_null_and_says_why(facts, observation, part, why) -> None:
    verdict = judge(facts(observation(parts=part)))
    assert {name: verdict.metrics[name].reason for name in (CALL, SESSION)} == {CALL: why, SESSION: why}
    assert verdict.status == "ok"


@pytest.fixture
def counted(record):
    def make(value, build=BUILT, **part):
        made = record({CALL: value})
        feeds = {"kind": "random", "seed": 0}
        effective = {"instructions": {**COUNTED, **part}, "feeds": feeds, "runtime": {"build": build}}
        return replace(made, effective=effective)

    return make


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ""),
        ({"build": BUILT.replace("Release", "Debug")}, "build: Release / Debug"),
        ({"build": ""}, ""),
        ({"how": "perf", "tool": "perf_event_open"},
         "counted by: callgrind (valgrind-3.19.0) / perf (perf_event_open)"),
        ({"features": ["fma"]}, "instruction sets: avx2 fma / fma"),
        ({"threads": 2}, "threads: 1 / 2"),
    ],
)  # fmt: skip
def test_what_was_counted_otherwise_is_named(counted, other, words) -> None:
    assert unlike_counts(counted(1.0), counted(1.0, **other), "instructions") == words


def verdict(base, head, min_effect=0.001):
    (row,) = exact(base, head, min_effect=min_effect, max_loss=0.005, alpha=0.01)
    return row.decision.verdict, row.decision.reason


def test_one_count_of_each_decides_by_the_least_change_of_interest(counted) -> None:
    assert verdict(counted(100_000), counted(100_200)) == (Change.REGRESSION, "+0.20%")
    assert verdict(counted(100_000), counted(99_800)) == (Change.IMPROVEMENT, "-0.20%")
    assert verdict(counted(100_000), counted(100_050)) == (Change.EQUIVALENT, "+0.05%")
    assert verdict(counted(100_000), counted(100_001), min_effect=0.0)[0] is Change.REGRESSION


def test_a_session_is_not_told_to_change_by_less_than_it_does_by_itself(record) -> None:
    for grown, expected in ((1_004, Change.EQUIVALENT), (1_006, Change.REGRESSION)):
        assert verdict(record({SESSION: 1_000}), record({SESSION: grown}))[0] is expected


def test_nothing_is_claimed_of_counts_taken_otherwise(counted) -> None:
    found = verdict(counted(100_000), counted(200_000, tool="valgrind-3.25.1"))
    assert found[0] is Change.INCONCLUSIVE
    assert found[1].startswith("not comparable: counted by: callgrind (valgrind-3.19.0) / ")


def test_a_gate_takes_the_count_of_another_machine_but_not_of_another_counter(counted) -> None:
    gates = [Gate(CALL, max_increase=0.005)]
    head = counted(100_600)
    for earlier, outcome, no_data in [
        (replace(counted(100_000), machine="m2"), Outcome.FAILED, None),
        (counted(100_200), Outcome.PASSED, None),
        (counted(100_000, how="perf"), Outcome.NO_DATA, NoData.UNLIKE),
    ]:
        (found,) = evaluate(gates, [head], {"previous": {head.case: earlier}})
        assert (found.outcome, found.no_data) == (outcome, no_data)


def test_a_gate_on_a_pass_that_is_off_names_the_key(record) -> None:
    null = make_metric(CALL, None, reason="not asked for")
    head = replace(record(), metrics={CALL: null}, asked={"measure": {"instructions": False}})
    (found,) = evaluate([Gate(CALL, max=1e9)], [head])
    assert found.setting is not None
    assert (found.setting.name, found.setting.value) == ("measure.instructions", "true")


@pytest.mark.parametrize(
    ("value", "text"), [(987, "987"), (399_684, "399.684 k"), (7_993_878, "7.99388 M"), (2e9, "2 G")]
)
def test_counts_are_written_with_six_digits(value, text) -> None:
    assert format_value(value, "instructions") == text
