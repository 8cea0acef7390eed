"""Answers to unlike inputs are not compared, and say so."""

from dataclasses import replace

import pytest

from harness.compare.decide import compare_records
from harness.core.decision import Change
from harness.core.suite import Gate
from harness.judge.comparability import unlike_data
from harness.judge.gates import evaluate

DIGITS = {"data": {"name": "a.npz", "samples": 100, "sha256": "ab" * 32}}
OTHER = {"data": {"name": "b.npz", "samples": 100, "sha256": "cd" * 32}}
FEWER = {"data": {"name": "a.npz", "samples": 99, "sha256": "ab" * 32}}
RANDOM = {"data": None, "feeds": {"kind": "random", "seed": 0}}
RESEEDED = {"data": None, "feeds": {"kind": "random", "seed": 1}}
OLD = {"feeds": {"kind": "random", "seed": 7}}


@pytest.fixture
def pair(record):
    def make(ours, theirs, before=0.98, after=0.90, metric="accuracy/agreement"):
        base, head = (record({metric: value, "model/size": 100}) for value in (before, after))
        return replace(base, effective=ours), replace(head, effective=theirs)

    return make


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (DIGITS, DIGITS, ""),
        (DIGITS, OTHER, "100 samples of data abababababab / 100 samples of data cdcdcdcdcdcd"),
        (DIGITS, FEWER, "100 samples of data abababababab / 99 samples of data abababababab"),
        (DIGITS, RANDOM, "100 samples of data abababababab / random inputs, seed 0"),
        (RANDOM, RANDOM, ""),
        (RANDOM, RESEEDED, "random inputs, seed 0 / random inputs, seed 1"),
        (RANDOM, OLD, ""),
        ({}, DIGITS, ""),
    ],
)
def test_data_is_told_apart_by_hash_and_size_and_random_inputs_by_seed(pair, ours, theirs, words):
    assert unlike_data(*pair(ours, theirs)) == words


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ""),
        ({"high": 2}, "random inputs, seed 0, 'ids' of another shape or range"),
        ({"fill": 1}, "'ids'"),
    ],
)
def test_random_inputs_of_another_range_are_other_inputs(pair, other, words):
    """A newer harness may draw them otherwise, as a changed suite does."""
    base, head = pair(RANDOM, RANDOM)
    ids = {"name": "ids", "dtype": "int64", "low": 0, "high": 256, "fill": None}
    base = replace(base, artifact={"inputs": [ids]})
    head = replace(head, artifact={"inputs": [{**ids, **other}]})
    found = unlike_data(base, head)
    assert words in found and bool(words) is bool(found)


def test_accuracy_of_unlike_data_is_not_comparable_and_size_still_is(pair):
    base, head = pair(DIGITS, OTHER)
    found = {item.metric: item.decision for item in compare_records([base], [head]).comparisons}
    assert found["accuracy/agreement"].verdict is Change.INCONCLUSIVE
    assert found["accuracy/agreement"].reason.startswith(
        "not comparable: evaluated on 100 samples of data ab"
    )
    assert found["model/size"].verdict is Change.EQUIVALENT
    base, head = pair(DIGITS, DIGITS)
    found = {item.metric: item.decision for item in compare_records([base], [head]).comparisons}
    assert found["accuracy/agreement"].verdict is Change.REGRESSION


def test_labelled_answers_to_unlike_data_are_not_paired(pair):
    bits = {"correct": {"n": 8, "bits": "ff"}}
    base, head = pair(DIGITS, OTHER, metric="accuracy/top1")
    base, head = replace(base, samples=bits), replace(head, samples={"correct": {"n": 8, "bits": "00"}})
    (top1,) = (item for item in compare_records([base], [head]).comparisons if item.metric == "accuracy/top1")
    assert top1.decision.verdict is Change.INCONCLUSIVE
    assert "not comparable" in top1.decision.reason


def test_a_gate_against_a_run_on_other_data_has_no_data(pair):
    before, now = pair(DIGITS, OTHER)
    gate = Gate("accuracy/agreement", max_drop=0.01, against="previous")
    (outcome,) = evaluate([gate], [now], {"previous": {before.case: before}})
    assert outcome.outcome == "no data"
    assert outcome.reason.startswith("previous: not comparable, evaluated on 100 samples of data abab")
    before, now = pair(DIGITS, DIGITS)
    (outcome,) = evaluate([gate], [now], {"previous": {before.case: before}})
    assert outcome.outcome == "failed"
