"""Drift: how far the outputs are from those of the FP32 reference, labels or not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.artifact import INDICES
from harness.core.case import thaw
from harness.core.metrics import BY_OUTPUTS, METRICS
from harness.core.record import Absence, Metric
from harness.core.units import format_percent
from harness.judge.closeness import Closeness, Limits, closeness, limits
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.accuracy import OVER_SAMPLES, REFERENCE
from harness.judge.outputs import (
    NO_ANSWER,
    REGRESSION,
    OutputPair,
    Outputs,
    Unfit,
    are_labels,
    classes,
    known_classes,
    matched,
    nonfinite_count,
    same_nonfinite,
)
from harness.stats.intervals import share_interval

IDENTICAL = "identical outputs"
"""How an infinite SQNR is worded; code reads `Absence.IDENTICAL`."""

NAMES = tuple(name for name, row in METRICS.items() if row.loss in BY_OUTPUTS)
DISTANCES = tuple(name for name in NAMES if name != "accuracy/agreement")
"""Those that take real values, not classes."""


RANDOM_INPUTS = "random inputs"
"""Part of a metric's kind: what agrees on random numbers may not agree on real data."""

INDICES_SWAP = "indices are no classes: near ties swap them; 'task: classification' says that they are"
NO_CLASSES = "no classes are known: the graph ends in no softmax or argmax; 'task: classification' says so"


def drift(facts: Facts) -> dict[str, Metric]:
    """Judge the output that counts against the reference's, and count NaN and Inf in all of them."""
    metrics = {"accuracy/nonfinite": _nonfinite(facts), **_repeat(facts)}
    kind = reference_kind(facts)
    try:
        _check_steady(facts)
        (match,) = matched(own_outputs(facts), reference_outputs(facts), counted(facts))
        metrics |= compare_outputs(match.pair, kind, classes=match.classes)
    except Unfit as error:
        return metrics | {name: missing(name, str(error), kind=kind) for name in NAMES}
    if facts.case.artifact.model.task == REGRESSION and match.classes is None:
        reason = "the task is regression: there are no classes"
        metrics["accuracy/agreement"] = missing("accuracy/agreement", reason, kind=kind)
    return metrics


def output_drift(facts: Facts) -> tuple[OutputDrift, ...]:
    """Compare every output with the reference's, by the limits that fit; empty where none can be."""
    try:
        _check_steady(facts)
        pairs = matched(own_outputs(facts), reference_outputs(facts), facts.output)
    except Unfit:
        return ()
    found = []
    for match in pairs:
        if match.emptied:
            found.append(OutputDrift(match.name, False, match.emptied))
            continue
        try:
            bounds = drift_limits(facts, match.stored_as)
            near, _ = judge_pair(match.pair, bounds, classes=match.classes)
        except Unfit as error:
            found.append(OutputDrift(match.name, None, str(error)))
        else:
            drawn = near.close is False and bool(facts.built.draws)
            close = None if drawn else near.close
            reason = f"{near.reason}; the model draws random numbers" if drawn else near.reason
            found.append(OutputDrift(match.name, close, reason))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class OutputDrift:
    """Whether one output is close to the reference's."""

    output: str
    close: bool | None  # None: nothing decides it
    reason: str


def drift_limits(facts: Facts, stored_as: Iterable[str] = ()) -> Limits:
    """Return how far outputs of these element types may be from the reference's."""
    return limits(
        (facts.built.precision, facts.reference_precision),
        thaw(facts.case.artifact.model.tolerance),
        stored_as,
    )


def reference_kind(facts: Facts) -> str:
    """Name the reference, and say where the inputs were drawn at random."""
    return f"{facts.reference_kind}, {RANDOM_INPUTS}" if facts.random_inputs else facts.reference_kind


def compare_outputs(
    pair: OutputPair, kind: str = REFERENCE, *, classes: int | None = None, varied: bool = True
) -> dict[str, Metric]:
    """Judge one output against a reference on the same samples; `kind` names the reference.

    `classes` is the axis of the classes where they are known; without, only
    integers agree or not. A reference that answers all samples alike shows nothing,
    unless `varied` is false: then any difference counts.
    """
    pair = pair.coded()
    n = len(pair.ours) if pair.ours.ndim else 1
    if varied and pair.degenerate():
        reason = f"degenerate {_short(kind)}: its outputs do not vary with the input"
        return {name: missing(name, reason, n=n, kind=kind) for name in NAMES}
    return {"accuracy/agreement": _agreement(pair, kind, classes, varied=varied), **_distances(pair, kind, n)}


def judge_pair(
    pair: OutputPair, bounds: Limits, kind: str = REFERENCE, *, classes: int | None = None
) -> tuple[Closeness, dict[str, Metric]]:
    """Decide whether one output is close to a reference, and give its drift metrics.

    A reference that does not vary with the input shows no closeness, but an
    error that is large beside its values and beside one is an error.
    """
    metrics = compare_outputs(pair, kind, classes=classes)
    if pair.indices:
        return _same_places(pair, bounds), metrics
    near = closeness(metrics, bounds)
    claims = metrics["accuracy/agreement"].value is not None
    if near.close and claims and (lost := _rare(pair.coded(), classes)):
        near = Closeness(False, f"{lost}; {near.reason}")
    if near.close is None and (apart := _apart(pair.coded(), bounds)):
        near = Closeness(False, f"{apart}; {near.reason}")
    return near, metrics


def _same_places(pair: OutputPair, bounds: Limits) -> Closeness:
    """Decide on indices: most are the same, or nothing is known, for near ties swap them."""
    share, least = float(np.mean(pair.ours == pair.reference)), format_percent(bounds.agreement)
    reason = f"{format_percent(share)} of the indices are the same; {least} are asked for"
    return Closeness(True if share >= bounds.agreement else None, reason)


FEW, HALF = 20, 0.5
"""Of so many answers beside the most common one, the least share that must be the same."""


def _rare(pair: OutputPair, axis: int | None) -> str:
    """Say that answers beside the most common one were lost, which a share of all answers hides.

    A mask of nothing agrees with 99% of a mask of little.
    """
    axis = -1 if axis is None else axis
    try:
        ours, reference = classes(pair.ours, axis), classes(pair.reference, axis)
    except Unfit:
        return ""
    answers, counts = np.unique(reference, return_counts=True)
    common = answers[np.argmax(counts)]
    rare = (ours != common) | (reference != common)
    n = int(np.count_nonzero(rare))
    same = float(np.mean(ours[rare] == reference[rare])) if n else 1.0
    if n < FEW or same >= HALF:
        return ""
    return f"{format_percent(same)} of the {n} answers beside the most common one agree"


def _apart(pair: OutputPair, bounds: Limits) -> str:
    """Say by how much outputs differ that no metric compares; empty where that is little or unknown."""
    if are_labels(pair.ours) and are_labels(pair.reference):
        agree = float(np.mean(pair.ours == pair.reference))
        least = format_percent(bounds.agreement)
        few = f"{format_percent(agree)} of the answers agree; {least} are asked for"
        return few if agree < bounds.agreement else ""
    if not pair.numeric:
        return ""
    finite = np.isfinite(pair.ours) & np.isfinite(pair.reference)
    if not finite.any():
        return ""
    reference = pair.reference[finite].astype(np.float64)
    error = np.abs(pair.ours[finite].astype(np.float64) - reference)
    scale = max(1.0, float(np.max(np.abs(reference))))  # near zero a ratio says little
    share = float(np.sqrt(np.mean((error / scale) ** 2)))
    return f"values differ by up to {np.max(error):.3g}" if share > 10 ** (-bounds.sqnr_db / 20) else ""


def _short(kind: str) -> str:
    """Name a reference without saying what it was fed with."""
    return kind.removesuffix(f", {RANDOM_INPUTS}")


def own_outputs(facts: Facts) -> Outputs:
    """Give the outputs of the case. Raises Unfit where there are none."""
    if facts.outputs is None:
        raise Unfit(facts.outputs_reason or "no outputs")
    model = facts.case.artifact.model
    known = known_classes(
        facts.built.classes, facts.output_names, wanted=facts.output, task=model.task, labels=facts.labels
    )
    holds = facts.built.holds
    return Outputs(
        facts.output_names,
        facts.outputs,
        per_call=facts.per_call,
        classes=known,
        types=facts.output_types,
        indices=frozenset(name for name, what in holds.items() if what == INDICES and name not in known),
    )


def reference_outputs(facts: Facts) -> Outputs:
    """Give the outputs of the reference. Raises Unfit where there are none."""
    if facts.reference_outputs is None:
        raise Unfit(facts.reference_reason or "no FP32 reference")
    return Outputs(facts.output_names, facts.reference_outputs, per_call=facts.per_call)


def counted(facts: Facts) -> str | None:
    """Name the output that metrics are taken of."""
    if facts.output is not None:
        return facts.output
    holds = facts.built.holds
    values = (name for name in facts.output_names if holds.get(name) != INDICES)
    return next(values, next(iter(facts.output_names), None))


def variation(outputs: Mapping[str, Any]) -> float | None:
    """Return by how much answers to the same input differ, as a worker found; None where they are equal."""
    repeat = outputs.get("repeat") or {}
    if repeat.get("equal", True):
        return None
    largest = [item for item in repeat.get("max_abs_diff", {}).values() if item is not None]
    return max(largest, default=math.inf)


def varies(largest: float) -> str:
    """Word that outputs vary."""
    by = f" by up to {largest:.3g}" if math.isfinite(largest) else ""
    return f"outputs vary by themselves{by}"


def _check_steady(facts: Facts) -> None:
    """Raise Unfit where the case or its reference answers one input differently each time."""
    own = variation(facts.observations[0].outputs) if facts.observations else None
    for what, largest in (("", own), (f"the {facts.reference_kind}'s ", facts.reference_varies)):
        if largest is not None:
            raise Unfit(what + varies(largest))


def _repeat(facts: Facts) -> dict[str, Metric]:
    """Judge whether the same input is answered bit by bit the same, and by how much it is not."""
    repeat = facts.observations[0].outputs.get("repeat") if facts.observations else None
    names = ("accuracy/repeatable", "accuracy/repeat_error")
    if not repeat:
        reason = facts.outputs_reason or "no input was evaluated twice"
        return {name: missing(name, reason) for name in names}
    calls, largest = int(repeat["calls"]), variation(facts.observations[0].outputs)
    equal = metric(names[0], float(largest is None), n=calls)
    if largest is not None and not math.isfinite(largest):
        return {names[0]: equal, names[1]: missing(names[1], "no number differs, or all are NaN", n=calls)}
    return {names[0]: equal, names[1]: metric(names[1], largest or 0.0, n=calls)}


def _nonfinite(facts: Facts) -> Metric:
    name = "accuracy/nonfinite"
    if facts.outputs is None:
        return missing(name, facts.outputs_reason or "no outputs")
    return metric(name, nonfinite_count(facts.outputs), n=sum(array.size for array in facts.outputs))


def _agreement(pair: OutputPair, kind: str, axis: int | None, *, varied: bool) -> Metric:
    """Judge how often both give the same class: for scores of higher rank, at every position."""
    name = "accuracy/agreement"
    if pair.indices:
        return missing(name, INDICES_SWAP, kind=kind)
    if axis is None and not are_labels(pair.reference):
        return missing(name, NO_CLASSES, kind=kind)
    axis = -1 if axis is None else axis
    try:
        ours, reference = classes(pair.ours, axis), classes(pair.reference, axis)
    except Unfit as error:
        return missing(name, str(error), kind=kind)
    n = reference.size
    if varied and n > 1 and np.all(reference == reference.flat[0]):
        return missing(name, f"the {_short(kind)} gives one class for every sample", n=n, kind=kind)
    hits = int(np.count_nonzero((ours == reference) & (ours != NO_ANSWER)))
    # positions within a sample are not independent of each other: then there is no interval
    interval = share_interval(hits, n) if reference.ndim == 1 else None
    return metric(name, hits / n, interval=interval, spans=OVER_SAMPLES, n=n, kind=kind)


LARGEST_SQUARE = 1e100
"""Values beyond which sums of squares are taken of scaled ones."""


def _distances(pair: OutputPair, kind: str, n: int) -> dict[str, Metric]:
    if not pair.numeric:
        reason = f"outputs are {pair.ours.dtype}, not real values"
        return {name: missing(name, reason, n=n, kind=kind) for name in DISTANCES}
    ours, reference = pair.ours.astype(np.float64), pair.reference.astype(np.float64)
    # where the reference itself is Inf (a mask) or NaN, the same is no difference
    same = same_nonfinite(ours, reference)
    if same.all():
        return {name: missing(name, "no element is finite", n=n, kind=kind) for name in DISTANCES}
    ours, reference = np.where(same, 0.0, ours), np.where(same, 0.0, reference)
    broken = int(np.count_nonzero(~np.isfinite(ours) | ~np.isfinite(reference)))
    if broken:
        reason = f"{broken} of {ours.size} elements are NaN or Inf"
        return {name: missing(name, reason, n=n, kind=kind) for name in DISTANCES}
    error = float(np.max(np.abs(ours - reference)))
    largest = float(max(np.max(np.abs(reference)), np.max(np.abs(ours))))
    if largest > LARGEST_SQUARE:  # squares would overflow; a ratio does not depend on the scale
        ours, reference = ours / largest, reference / largest
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
        return missing(name, f"the {_short(kind)} gives nothing but zeros", n=n, kind=kind)
    return metric(name, 10 * (math.log10(signal) - math.log10(noise)), n=n, kind=kind)


def _cosine(ours: NDArray[np.float64], reference: NDArray[np.float64], kind: str) -> Metric:
    """Judge the mean over samples of the cosine; samples where the reference is zero have none."""
    name = "accuracy/cosine"
    lengths = np.linalg.norm(reference, axis=1)
    kept = lengths > 0
    if not kept.any():
        return missing(name, f"the {_short(kind)} gives nothing but zeros", kind=kind)
    ours, reference, lengths = ours[kept], reference[kept], lengths[kept]
    own = np.linalg.norm(ours, axis=1)
    products = np.sum(ours * reference, axis=1)
    cosines = np.divide(products, own * lengths, out=np.zeros(len(own)), where=own > 0)
    return metric(name, min(1.0, float(np.mean(cosines))), n=len(cosines), kind=kind)
