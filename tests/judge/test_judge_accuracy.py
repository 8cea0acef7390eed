import numpy as np
import pytest

from harness.judge import judge
from harness.judge.outputs import Unfit, task_of

SCORES = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0])  # the last one is wrong


def of(facts, **parts):
    return judge(facts(**parts)).metrics


def test_top1_counts_the_largest_score(facts):
    top1 = of(facts, outputs=[SCORES], labels=LABELS)["accuracy/top1"]
    assert (top1.value, top1.n, top1.kind, top1.interval) == (7 / 8, 8, "labels", "over samples")
    assert top1.low == pytest.approx(0.5291, abs=1e-4)
    assert top1.high == pytest.approx(0.9776, abs=1e-4)


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        SCORES.astype(np.float16),
        SCORES.reshape(8, 3, 1, 1),
        SCORES.argmax(axis=1),
        SCORES.argmax(axis=1).reshape(8, 1),
    ],
)
def test_every_shape_of_answer_gives_the_same_top1(facts, output):
    assert of(facts, outputs=[output], labels=LABELS)["accuracy/top1"].value == 7 / 8


def test_labels_may_be_a_column(facts):
    assert of(facts, outputs=[SCORES], labels=LABELS.reshape(8, 1))["accuracy/top1"].value == 7 / 8


def test_the_delta_is_paired_with_the_reference_on_the_same_samples(facts):
    reference = SCORES.copy()
    reference[7] = [1, 0, 0]  # right where the case is wrong
    delta = of(facts, outputs=[SCORES], reference_outputs=[reference], labels=LABELS)["accuracy/top1_delta"]
    assert delta.value == pytest.approx(-1 / 8)
    centre, half = (1 - 2) / 10, 1.959963984540054 * np.sqrt((0.3 - 0.01) / 10)
    assert delta.low == pytest.approx(centre - half)
    assert delta.high == pytest.approx(centre + half)
    assert (delta.kind, delta.interval, delta.n) == ("fp32 twin", "over samples, paired", 8)


def test_without_a_reference_the_delta_says_why(facts):
    delta = of(facts, outputs=[SCORES], labels=LABELS, reference_reason="the FP32 reference cannot be built")
    assert delta["accuracy/top1_delta"].reason == "the FP32 reference cannot be built"


def test_float_labels_make_it_a_regression(facts):
    outputs, reference, labels = [[[1.0], [2.0], [4.0]]], [[1.0, 2.5, 3.0]], np.array([1.0, 2.0, 3.0])
    metrics = of(facts, outputs=outputs, reference_outputs=reference, labels=labels)
    assert metrics["accuracy/mae"].value == pytest.approx(1 / 3)
    assert metrics["accuracy/mae_delta"].value == pytest.approx((0 - 0.5 + 1) / 3)
    assert "accuracy/top1" not in metrics


def test_the_suite_may_name_the_task(facts, case):
    metrics = of(facts, case=case(task="regression"), outputs=[[1, 2, 5]], labels=np.array([1, 2, 3]))
    assert metrics["accuracy/mae"].value == pytest.approx(2 / 3)


def test_the_suite_may_name_the_output_that_counts(facts, case):
    parts = {"outputs": [np.zeros((8, 4)), SCORES], "output_names": ("hidden", "scores"), "labels": LABELS}
    assert of(facts, case=case(output="scores"), **parts)["accuracy/top1"].value == 7 / 8
    reason = of(facts, case=case(output="logits"), **parts)["accuracy/top1"].reason
    assert reason == "no output is named 'logits'; outputs: hidden, scores"


@pytest.mark.parametrize(
    ("output", "labels", "reason"),
    [
        (SCORES[:7], LABELS, "8 labels for 7 samples of the output"),
        (
            SCORES[:, 0],
            LABELS,
            "the output is float64 of shape (8,): neither labels [n] nor scores [n, classes]",
        ),
        (SCORES, LABELS.astype(float), "the output is float64 of shape (8, 3): not values [8] or [8, 1]"),
        (SCORES, np.zeros((8, 2), int), "labels have shape (8, 2): not one a sample"),
        (SCORES, np.array(["a"] * 8), "labels are of type <U1; numbers are needed"),
        (np.zeros((8, 5, 3)), LABELS, "answers have shape (8, 5); labels (8,)"),
        (SCORES, None, "no labels"),
    ],
)
def test_what_cannot_be_held_against_labels_says_why(facts, output, labels, reason):
    metrics = of(facts, outputs=[output], labels=labels)
    assert (metrics.get("accuracy/top1") or metrics["accuracy/mae"]).reason == reason


@pytest.mark.parametrize("task", [None, "classification", "regression"])
def test_labels_that_are_no_numbers_have_no_task(task):
    with pytest.raises(Unfit, match="labels are of type <U1; numbers are needed"):
        task_of(task, np.array(["a"]))


def test_a_score_of_nan_is_wrong_whatever_the_label(facts):
    scores = SCORES.copy()
    scores[0, 0] = np.nan  # argmax alone would answer class 0, the label
    assert of(facts, outputs=[scores], labels=LABELS)["accuracy/top1"].value == 6 / 8


def test_a_value_of_nan_leaves_no_mean_error(facts):
    mae = of(facts, outputs=[[1.0, np.nan]], labels=np.array([1.0, 2.0]))["accuracy/mae"]
    assert (mae.value, mae.reason) == (None, "an answer is NaN or Inf")


def test_random_weights_claim_no_accuracy(facts):
    parts = {"outputs": [SCORES], "reference_outputs": [SCORES], "labels": LABELS}
    metrics = of(facts, random_weights=True, **parts)
    assert metrics["accuracy/top1"].reason == "random weights"
    assert metrics["accuracy/agreement"].value == 1.0


def test_correct_answers_are_kept_as_bits(facts):
    samples = judge(facts(outputs=[SCORES], labels=LABELS)).samples
    assert samples["correct"] == {"n": 8, "bits": "fe"}


def test_absolute_errors_are_kept(facts):
    samples = judge(facts(outputs=[[1.0, 2.5]], labels=np.array([1.0, 2.0]))).samples
    assert samples["abs_error"] == [0.0, 0.5]
