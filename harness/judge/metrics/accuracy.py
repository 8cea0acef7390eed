"""Accuracy on labelled data, and its difference to the FP32 reference on the same samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.record import Metric
from harness.judge.facts import Array, Facts
from harness.judge.metrics import metric, missing
from harness.judge.outputs import (
    CLASSIFICATION,
    REGRESSION,
    Unfit,
    chosen,
    classes,
    label_vector,
    task_of,
    values,
)
from harness.stats.intervals import mean_interval, paired_share_interval, share_interval

LABELS, REFERENCE, OWN = "labels", "fp32 twin", "own unoptimized session"
OVER_SAMPLES, PAIRED = "over samples", "over samples, paired"
NAMES = {
    CLASSIFICATION: ("accuracy/top1", "accuracy/top1_delta"),
    REGRESSION: ("accuracy/mae", "accuracy/mae_delta"),
}


@dataclass(frozen=True, slots=True)
class Score:
    """How a set of outputs did on each labelled sample: right or wrong, or how far off."""

    task: str
    per_sample: NDArray[np.float64]  # classification: 1 right, 0 wrong; regression: absolute error


def accuracy(facts: Facts) -> dict[str, Metric]:
    """Judge the task's own metric, and its paired difference to the FP32 reference."""
    try:
        own = score(facts)
    except Unfit as error:
        names = NAMES[facts.case.artifact.model.task or CLASSIFICATION]
        return {name: missing(name, str(error)) for name in names}
    absolute, delta = NAMES[own.task]
    metrics = {absolute: labelled(absolute, own)}
    try:
        reference = reference_score(facts, own.task)
    except Unfit as error:
        metrics[delta] = missing(delta, str(error), kind=facts.reference_kind)
    else:
        metrics[delta] = _delta(delta, own, reference, facts.reference_kind)
    return metrics


def score(facts: Facts) -> Score:
    """Compare the case's outputs with the labels. Raises Unfit with the reason."""
    if facts.labels is None:
        raise Unfit("no labels")
    if facts.built.random_weights:
        raise Unfit("random weights")
    if facts.outputs is None:
        raise Unfit(facts.outputs_reason or "no outputs")
    return _score(facts, facts.outputs, facts.labels, task_of(facts.case.artifact.model.task, facts.labels))


def reference_score(facts: Facts, task: str) -> Score:
    """Compare the reference's outputs with the labels. Raises Unfit with the reason."""
    if facts.reference_outputs is None or facts.labels is None:
        raise Unfit(facts.reference_reason or "no FP32 reference")
    return _score(facts, facts.reference_outputs, facts.labels, task)


def _score(facts: Facts, outputs: tuple[Array, ...], labels: Array, task: str) -> Score:
    return score_output(facts, chosen(outputs, facts.output_names, facts.output), labels, task)


def score_output(facts: Facts, output: Array, labels: Array, task: str) -> Score:
    """Compare the output that counts, whoever computed it, with the labels. Raises Unfit."""
    truth = label_vector(labels, len(output) if output.ndim else 0)
    if task == REGRESSION:
        return Score(task, np.abs(values(output, len(truth)) - truth))
    answers = classes(output, facts.built.classes.get(_name(facts), -1))
    if answers.shape != truth.shape:
        raise Unfit(f"answers have shape {answers.shape}; labels {truth.shape}")
    return Score(task, (answers == truth).astype(np.float64))


def _name(facts: Facts) -> str:
    """Name the output that counts."""
    return facts.output or next(iter(facts.output_names), "")


def labelled(name: str, own: Score) -> Metric:
    """Give the share of right answers, or the mean error."""
    n, value = len(own.per_sample), float(np.mean(own.per_sample))
    if not np.isfinite(value):
        return missing(name, "an answer is NaN or Inf", n=n, kind=LABELS)
    if own.task == CLASSIFICATION:
        interval: tuple[float, float] | None = share_interval(int(own.per_sample.sum()), n)
    else:
        interval = mean_interval(own.per_sample)
    return metric(name, value, interval=interval, spans=OVER_SAMPLES, n=n, kind=LABELS)


def _delta(name: str, own: Score, reference: Score, kind: str) -> Metric:
    difference = own.per_sample - reference.per_sample
    n, value = len(difference), float(np.mean(difference))
    if not np.isfinite(value):
        return missing(name, "an answer is NaN or Inf", n=n, kind=kind)
    if own.task == CLASSIFICATION:
        gained, lost = int((difference > 0).sum()), int((difference < 0).sum())
        interval: tuple[float, float] | None = paired_share_interval(gained, lost, n)
    else:
        interval = mean_interval(difference)
    return metric(name, value, interval=interval, spans=PAIRED, n=n, kind=kind)
