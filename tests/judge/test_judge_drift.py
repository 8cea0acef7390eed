import math
from dataclasses import replace

import numpy as np
import pytest
from make import make_observation

from harness.core.inputs import Input
from harness.core.record import Note, NoteKind
from harness.judge import judge

REFERENCE = np.array([[4.0, 3.0], [0.0, 5.0], [6.0, 8.0]])


def of(facts, outputs, reference=REFERENCE, classes=("y",), **parts):
    parts["classes"] = dict.fromkeys(classes, -1)
    references = None if reference is None else [reference]
    return judge(facts(outputs=[outputs], reference_outputs=references, **parts)).metrics


def test_drift_has_exact_numbers(facts):
    metrics = of(facts, REFERENCE + np.array([[0, 0], [0, 0], [3, 0]]))
    assert metrics["accuracy/agreement"].value == pytest.approx(2 / 3)  # 9 is larger than 8 now
    assert metrics["accuracy/max_abs_error"].value == 3.0
    assert metrics["accuracy/sqnr_db"].value == pytest.approx(10 * math.log10(150 / 9))
    cosine = (9 * 6 + 8 * 8) / (math.hypot(9, 8) * 10)
    assert metrics["accuracy/cosine"].value == pytest.approx((2 + cosine) / 3)
    assert metrics["accuracy/nonfinite"].value == 0
    assert {metrics[f"accuracy/{name}"].kind for name in ("agreement", "sqnr_db", "cosine")} == {
        "fp32 twin, random inputs"
    }


def test_identical_outputs_have_no_finite_sqnr_and_say_so(facts):
    metrics = of(facts, REFERENCE)
    assert (metrics["accuracy/sqnr_db"].value, metrics["accuracy/sqnr_db"].reason) == (
        None,
        "identical outputs",
    )
    assert metrics["accuracy/max_abs_error"].value == 0.0
    assert metrics["accuracy/cosine"].value == pytest.approx(1.0)
    assert metrics["accuracy/agreement"].value == 1.0


@pytest.mark.parametrize(
    "reference", [np.full((3, 2), 0.001), np.array([[1.0, 2.0], [1.0, 2.0 + 1e-7], [1.0, 2.0]])]
)
def test_a_reference_that_does_not_vary_with_the_input_allows_no_claim(facts, reference):
    metrics = of(facts, reference + 1.0, reference)
    for name in ("agreement", "sqnr_db", "cosine", "max_abs_error"):
        metric = metrics[f"accuracy/{name}"]
        assert metric.value is None
        assert metric.reason == "degenerate fp32 twin: its outputs do not vary with the input"


def test_a_reference_of_one_class_allows_no_agreement_but_distances(facts):
    reference = np.array([[9.0, 1.0], [8.0, 2.0], [7.0, 3.0]])
    metrics = of(facts, reference + 0.5, reference)
    assert metrics["accuracy/agreement"].reason == "the fp32 twin gives one class for every sample"
    assert metrics["accuracy/max_abs_error"].value == 0.5


def test_nan_and_inf_are_counted_noted_and_leave_no_distance(facts):
    outputs = REFERENCE.copy()
    outputs[0] = [np.nan, np.inf]
    verdict = judge(facts(outputs=[outputs], reference_outputs=[REFERENCE], classes={"y": 1}))
    assert verdict.metrics["accuracy/nonfinite"].value == 2
    assert verdict.metrics["accuracy/sqnr_db"].reason == "2 of 6 elements are NaN or Inf"
    assert verdict.metrics["accuracy/agreement"].value == pytest.approx(2 / 3)
    assert "2 of 6 output elements are NaN or Inf" in [note.text for note in verdict.notes]


def test_a_mask_of_the_same_inf_is_no_difference(facts):
    reference = np.array([[4.0, -np.inf], [0.0, 5.0], [6.0, 8.0]])
    metrics = of(facts, reference + np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]), reference)
    assert metrics["accuracy/max_abs_error"].value == 1.0
    assert metrics["accuracy/nonfinite"].value == 1


def test_labels_have_agreement_and_no_distance(facts):
    metrics = of(facts, np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
    assert metrics["accuracy/agreement"].value == 0.75
    assert metrics["accuracy/sqnr_db"].reason == "outputs are int64, not real values"


def test_values_have_distance_and_no_agreement(facts):
    for classes, reason in (
        (["y"], "the output is float64 of shape (2,): neither labels [n] nor scores [n, classes]"),
        ([], "no classes are known: the graph ends in no softmax or argmax; 'task: classification' says so"),
    ):
        metrics = of(facts, np.array([1.0, 2.5]), np.array([1.0, 2.0]), classes)
        assert metrics["accuracy/max_abs_error"].value == 0.5
        assert metrics["accuracy/agreement"].reason == reason


def test_classes_lie_on_the_axis_that_the_graph_says(facts):
    """Scores [n, classes, height, width] of a segmentation: 1 of 24 pixels of 2 samples has another class."""
    reference = np.random.default_rng(0).standard_normal((2, 3, 3, 4))
    outputs = reference.copy()
    outputs[0, :, 1, 2] = -outputs[0, :, 1, 2]
    agreement = judge(facts(outputs=[outputs], reference_outputs=[reference], classes={"y": 1})).metrics[
        "accuracy/agreement"
    ]
    assert (agreement.value, agreement.n) == (pytest.approx(23 / 24), 24)


def test_the_kind_of_a_metric_says_what_the_reference_is(facts):
    own = "own unoptimized session"
    verdict = judge(
        facts(
            outputs=[REFERENCE + 3],
            reference_outputs=[REFERENCE],
            reference_kind=own,
            reference_precision="int8",
            reference="net",
        )
    )
    assert verdict.metrics["accuracy/sqnr_db"].kind == f"{own}, random inputs"
    assert verdict.effective["reference_kind"] == own
    assert [item["close"] for item in verdict.effective["drift"]] == [False]
    (note,) = (note.text for note in verdict.notes if note.kind is NoteKind.DRIFT)
    assert note == f"outputs drift: y: SQNR 4.4 dB; 20.0 dB are asked for, against the {own}"


def varying(largest, **parts):
    return make_observation(
        outputs={"repeat": {"calls": 3, "equal": largest is None, "max_abs_diff": {"y": largest}}}, **parts
    )


def test_outputs_that_do_not_repeat_allow_no_drift(facts):
    verdict = judge(facts(varying(0.5), outputs=[REFERENCE + 1], reference_outputs=[REFERENCE]))
    metrics = verdict.metrics
    assert (metrics["accuracy/repeatable"].value, metrics["accuracy/repeat_error"].value) == (0, 0.5)
    assert metrics["accuracy/sqnr_db"].reason == "outputs vary by themselves by up to 0.5"
    assert Note(NoteKind.VARIES, "outputs vary by themselves by up to 0.5") in verdict.notes
    assert verdict.effective["drift"] == []
    metrics = judge(
        facts(outputs=[REFERENCE + 1], reference_outputs=[REFERENCE], reference_varies=0.25)
    ).metrics
    assert metrics["accuracy/sqnr_db"].reason == "the fp32 twin's outputs vary by themselves by up to 0.25"


def test_outputs_that_repeat_say_so(facts):
    metrics = judge(facts(varying(None), outputs=[REFERENCE], reference_outputs=[REFERENCE])).metrics
    assert (metrics["accuracy/repeatable"].value, metrics["accuracy/repeatable"].n) == (1, 3)
    assert metrics["accuracy/repeat_error"].value == 0
    unknown = judge(facts(outputs=[REFERENCE])).metrics["accuracy/repeatable"]
    assert (unknown.value, unknown.reason) == (None, "no input was evaluated twice")


def test_nan_in_the_inputs_and_random_calibration_are_notes(facts):
    bad = make_observation(outputs={"nonfinite_inputs": {"x": (160, 160)}})
    verdict = judge(facts(bad, outputs=[REFERENCE], provenance={"random_calibration": True}))
    bad_inputs = Note(NoteKind.BAD_INPUTS, "160 of 160 elements of x are NaN or Inf", "inputs are NaN")
    assert bad_inputs in verdict.notes
    kinds = {note.kind for note in verdict.notes}
    assert NoteKind.RANDOM_CALIBRATION in kinds and NoteKind.RANDOM_INPUTS not in kinds
    for outputs, noted in ((REFERENCE, False), (REFERENCE[:, ::-1], True)):
        verdict = judge(facts(outputs=[outputs], reference_outputs=[REFERENCE], classes={"y": -1}))
        assert (NoteKind.RANDOM_INPUTS in {note.kind for note in verdict.notes}) is noted


@pytest.mark.parametrize(
    ("item", "shape", "noted"),
    [
        (Input("ids", "int64", ("n", 8)), [1, 8], True),
        (Input("ids", "int64", ("n", 8), low=0, high=2), [1, 8], False),
        (Input("ids", "int64", ("n", 8), within="vocabulary"), [1, 8], False),
        (Input("ids", "float32", ("n", 8)), [1, 8], False),
        (Input("step", "int64", ()), [], False),
    ],
)
def test_integers_that_nothing_bounds_are_a_note(facts, item, shape, noted):
    known = facts(make_observation(session={"input_shapes": {item.name: shape}}))
    known = replace(known, built=replace(known.built, inputs=(item,)))
    found = [note.text for note in judge(known).notes if note.kind is NoteKind.NARROW_INPUTS]
    assert found == noted * [
        "inputs are 0 and 1: nothing bounds ids; name data, or say inputs: {ids: {low: 0, high: 256}}"
    ]


def test_scores_at_every_position_agree_position_by_position(facts):
    reference = np.random.default_rng(0).standard_normal((2, 5, 7))
    outputs = reference.copy()
    outputs[0, 0] = -outputs[0, 0]
    agreement = of(facts, outputs, reference)["accuracy/agreement"]
    assert (agreement.value, agreement.n) == (0.9, 10)
    assert (agreement.low, agreement.high) == (None, None)  # positions of a sample are not independent


def test_a_regression_has_distance_and_no_agreement(facts, case):
    facts = facts(
        outputs=[REFERENCE], reference_outputs=[REFERENCE + 1], case=case(task="regression"), classes={"y": 1}
    )
    metrics = judge(facts).metrics
    assert metrics["accuracy/sqnr_db"].value is not None
    agreement = metrics["accuracy/agreement"]
    assert (agreement.value, agreement.reason) == (None, "the task is regression: there are no classes")


def test_another_shape_than_the_references_says_so(facts):
    reason = of(facts, REFERENCE[:2])["accuracy/sqnr_db"].reason
    assert reason == "the output's shape is (2, 2), the reference's is (3, 2)"


def test_without_a_reference_drift_says_why_and_nan_is_still_counted(facts):
    metrics = of(facts, REFERENCE, None, reference_reason="the reference crashed")
    assert metrics["accuracy/cosine"].reason == "the reference crashed"
    assert metrics["accuracy/nonfinite"].value == 0


def test_half_precision_is_compared_in_double(facts):
    reference = np.array([[60000.0, 1.0], [1.0, 60000.0]], np.float16)
    assert of(facts, reference / np.float16(2), reference)["accuracy/sqnr_db"].value == pytest.approx(
        20 * math.log10(2)
    )


def test_values_whose_squares_overflow_have_a_ratio_all_the_same(facts) -> None:
    made = facts(outputs=(np.array([[1.4e154]]),), reference_outputs=(np.array([[1.0e154]]),))
    found = judge(made).metrics["accuracy/sqnr_db"]
    assert found.value == pytest.approx(20 * np.log10(1.0 / 0.4))
