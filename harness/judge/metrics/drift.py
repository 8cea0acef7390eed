"""Drift: how far the outputs are from those of the FP32 twin, labels or not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.core.metrics import BY_OUTPUTS, METRICS
from harness.core.record import Absence, Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.accuracy import OVER_SAMPLES, TWIN
from harness.judge.outputs import NO_ANSWER, REGRESSION, Pair, Unfit, chosen, classes, nonfinite_count
from harness.stats.intervals import share_interval

IDENTICAL = "identical outputs"
"""How an infinite SQNR is worded; code reads `Absence.IDENTICAL`."""

NAMES = tuple(name for name, row in METRICS.items() if row.loss in BY_OUTPUTS)
DISTANCES = tuple(name for name in NAMES if name != "accuracy/agreement")
"""Those that take real values, not classes."""


def drift(facts: Facts) -> dict[str, Metric]:
    """Judge the output that counts against the twin's, and count NaN and Inf in all of them."""
    metrics = {"accuracy/nonfinite": _nonfinite(facts)}
    try:
        pair = _pair(facts)
    except Unfit as error:
        return metrics | {name: missing(name, str(error), kind=TWIN) for name in NAMES}
    metrics |= compare_outputs(pair)
    if facts.case.artifact.model.task == REGRESSION:
        reason = "the task is regression: there are no classes"
        metrics["accuracy/agreement"] = missing("accuracy/agreement", reason, kind=TWIN)
    return metrics


def compare_outputs(pair: Pair, kind: str = TWIN) -> dict[str, Metric]:
    """Judge one output against a reference on the same samples; `kind` names the reference."""
    n = len(pair.ours) if pair.ours.ndim else 1
    if pair.degenerate():
        reason = f"degenerate {kind}: its outputs do not vary with the input"
        return {name: missing(name, reason, n=n, kind=kind) for name in NAMES}
    return {"accuracy/agreement": _agreement(pair, kind), **_distances(pair, kind, n)}


def _pair(facts: Facts) -> Pair:
    if facts.outputs is None:
        raise Unfit(facts.outputs_reason or "no outputs")
    if facts.twin_outputs is None:
        raise Unfit(facts.twin_reason or "no FP32 twin")
    wanted = facts.case.artifact.model.output
    return Pair(
        chosen(facts.outputs, facts.output_names, wanted),
        chosen(facts.twin_outputs, facts.output_names, wanted),
    )


def _nonfinite(facts: Facts) -> Metric:
    name = "accuracy/nonfinite"
    if facts.outputs is None:
        return missing(name, facts.outputs_reason or "no outputs")
    return metric(name, nonfinite_count(facts.outputs), n=sum(array.size for array in facts.outputs))


def _agreement(pair: Pair, kind: str) -> Metric:
    """Judge how often both give the same class: for scores of higher rank, at every position."""
    name = "accuracy/agreement"
    try:
        ours, reference = classes(pair.ours), classes(pair.reference)
    except Unfit as error:
        return missing(name, str(error), kind=kind)
    n = reference.size
    if n > 1 and np.all(reference == reference.flat[0]):
        return missing(name, f"the {kind} gives one class for every sample", n=n, kind=kind)
    hits = int(np.count_nonzero((ours == reference) & (ours != NO_ANSWER)))
    # positions within a sample are not independent of each other: then there is no interval
    interval = share_interval(hits, n) if reference.ndim == 1 else None
    return metric(name, hits / n, interval=interval, spans=OVER_SAMPLES, n=n, kind=kind)


def _distances(pair: Pair, kind: str, n: int) -> dict[str, Metric]:
    if not pair.numeric:
        reason = f"outputs are {pair.ours.dtype}, not real values"
        return {name: missing(name, reason, n=n, kind=kind) for name in DISTANCES}
    ours, reference = pair.ours.astype(np.float64), pair.reference.astype(np.float64)
    # where the reference itself is Inf (a mask), the same Inf is no difference
    same = (ours == reference) & ~np.isfinite(reference)
    ours, reference = np.where(same, 0.0, ours), np.where(same, 0.0, reference)
    broken = int(np.count_nonzero(~np.isfinite(ours) | ~np.isfinite(reference)))
    if broken:
        reason = f"{broken} of {ours.size} elements are NaN or Inf"
        return {name: missing(name, reason, n=n, kind=kind) for name in DISTANCES}
    error = float(np.max(np.abs(ours - reference)))
    return {
        "accuracy/sqnr_db": _sqnr(ours, reference, n, kind),
        "accuracy/cosine": _cosine(ours.reshape(n, -1), reference.reshape(n, -1), kind),
        "accuracy/max_abs_error": metric("accuracy/max_abs_error", error, n=n, kind=kind),
    }


def _sqnr(ours: NDArray[np.float64], reference: NDArray[np.float64], n: int, kind: str) -> Metric:
    """Judge the ratio of signal to quantization noise over all samples, 10·log10(Σr² / Σ(r-o)²)."""
    name = "accuracy/sqnr_db"
    signal, noise = float(np.sum(reference**2)), float(np.sum((reference - ours) ** 2))
    if noise == 0:
        return missing(name, IDENTICAL, n=n, kind=kind, absence=Absence.IDENTICAL)
    if signal == 0:
        return missing(name, f"the {kind} gives nothing but zeros", n=n, kind=kind)
    return metric(name, 10 * math.log10(signal / noise), n=n, kind=kind)


def _cosine(ours: NDArray[np.float64], reference: NDArray[np.float64], kind: str) -> Metric:
    """Judge the mean over samples of the cosine; samples where the reference is zero have none."""
    name = "accuracy/cosine"
    lengths = np.linalg.norm(reference, axis=1)
    kept = lengths > 0
    if not kept.any():
        return missing(name, f"the {kind} gives nothing but zeros", kind=kind)
    ours, reference, lengths = ours[kept], reference[kept], lengths[kept]
    own = np.linalg.norm(ours, axis=1)
    products = np.sum(ours * reference, axis=1)
    cosines = np.divide(products, own * lengths, out=np.zeros(len(own)), where=own > 0)
    return metric(name, min(1.0, float(np.mean(cosines))), n=len(cosines), kind=kind)
