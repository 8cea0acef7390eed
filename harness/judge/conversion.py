"""Compare a converted model with the original that it was made of, on the rows that both answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.case import thaw
from harness.core.record import Metric
from harness.core.units import format_percent
from harness.judge.closeness import Limits, closeness, limits
from harness.judge.facts import Array, Facts
from harness.judge.metrics.drift import compare_outputs
from harness.judge.outputs import Match, OutputPair, Unfit, classes, known_classes

SOURCE = "source"
"""What such a metric is relative to."""

SHOWN = 4
"""Values of a row that a reason quotes."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike one output is to what the original answers."""

    match: Match
    share: float  # of rows answered alike; of scores with more axes, of positions
    metrics: Mapping[str, Metric]
    close: bool | None  # None: nothing decides it
    reason: str


def likeness(match: Match, bounds: Limits) -> Likeness:
    """Compare one output. Raises Unfit where it cannot be compared."""
    if match.ours.dtype.kind in "US" or match.reference.dtype.kind in "US":
        share = float(np.mean(~_differing(match, bounds)))
        least = format_percent(bounds.agreement)
        reason = f"{format_percent(share)} of the answers agree; {least} are asked for"
        return Likeness(match, share, {}, share >= bounds.agreement, reason)
    metrics = compare_outputs(OutputPair(match.ours, match.reference), SOURCE, classes=match.classes)
    agreement = metrics["accuracy/agreement"].value
    share = agreement if agreement is not None else float(np.mean(~_differing(match, bounds)))
    near = closeness(metrics, bounds)
    return Likeness(match, share, metrics, near.close, near.reason)


def matches(facts: Facts, outputs: tuple[Array, ...]) -> list[Match]:
    """Pair outputs with the original's answers to the same rows, by name. Raises Unfit where none is left."""
    if facts.source_outputs is None or facts.source_reason:
        raise Unfit(facts.source_reason or "the original has no answers")
    answers = dict(zip(facts.source_names, facts.source_outputs, strict=True))
    model = facts.case.artifact.model
    known = known_classes(
        facts.built.classes, facts.output_names, wanted=facts.output, task=model.task, labels=facts.labels
    )
    found = [
        _match(name, ours, answers[name], known.get(name))
        for name, ours in zip(facts.output_names, outputs, strict=True)
        if name in answers and name not in facts.per_call and ours.ndim
    ]
    if not found:
        raise Unfit(f"no output is one that the original answers: {', '.join(facts.output_names)}")
    return found


def _match(name: str, ours: Array, answers: Array, axis: int | None) -> Match:
    """Cut both to the rows that both have; a column of answers is a row of them."""
    rows = min(len(ours), len(answers))
    ours, answers = ours[:rows], answers[:rows]
    if ours.shape != answers.shape and ours.size == answers.size:
        answers = answers.reshape(ours.shape)
    return Match(name=name, ours=ours, reference=answers, classes=axis)


def counted(facts: Facts, found: list[Match]) -> Match:
    """Pick the output that counts. Raises Unfit where the original does not answer it."""
    wanted = facts.output or next(iter(facts.output_names), "")
    for match in found:
        if match.name == wanted:
            return match
    raise Unfit(f"the original has no answer that is output {wanted!r}")


def fault(facts: Facts) -> str:
    """Say how the conversion changed the answers, by what the FP32 file answers; empty where it did not.

    By the unoptimized reference where there is one: what precision and optimization
    change is no fault of the conversion.
    """
    if facts.reference_outputs is not None:
        outputs, precision = facts.reference_outputs, facts.reference_precision
    elif facts.outputs is not None and facts.built.precision == facts.reference_precision:
        outputs, precision = facts.outputs, facts.built.precision
    else:
        return ""
    if facts.reference_varies is not None:
        return ""
    bounds = limits((precision,), thaw(facts.case.artifact.model.tolerance))
    try:
        found = matches(facts, outputs)
    except Unfit:
        return ""
    for match in found:
        try:
            seen = likeness(match, bounds)
        except Unfit:
            continue
        if seen.close is False:
            where = _first(match, bounds)
            return f"the conversion changes answers: output {match.name!r}: {seen.reason}; {where}"
    return ""


def _first(match: Match, bounds: Limits) -> str:
    """Quote the first row that differs, else the one that differs most."""
    apart = _differing(match, bounds)
    row = int(np.argmax(apart))
    values = _quote(match.reference[row]), _quote(match.ours[row])
    return f"first in row {row}: {values[0]} in the source, {values[1]} in the file"


def _differing(match: Match, bounds: Limits) -> NDArray[np.bool_]:
    """Return for each row whether it is answered otherwise: another class or text, or too low an SQNR."""
    ours, reference = match.ours, match.reference
    if ours.shape != reference.shape:
        raise Unfit(f"the output's shape is {ours.shape}, the source's is {reference.shape}")
    if ours.dtype.kind in "US" or reference.dtype.kind in "US":
        return _any(ours.astype(str) != reference.astype(str))
    if match.classes is not None or ours.dtype.kind in "iub":
        axis = -1 if match.classes is None else match.classes
        try:
            return _any(classes(ours, axis) != classes(reference, axis))
        except Unfit:
            pass
    ours, reference = (item.reshape(len(item), -1).astype(np.float64) for item in (ours, reference))
    with np.errstate(invalid="ignore", over="ignore"):
        noise, signal = np.sum((ours - reference) ** 2, axis=1), np.sum(reference**2, axis=1)
        close: NDArray[np.bool_] = noise <= signal * 10 ** (-bounds.sqnr_db / 10)
    return ~close


def _any(differing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(differing.reshape(len(differing), -1).any(axis=1), np.bool_)


def _quote(row: Array) -> str:
    values = np.asarray(row).reshape(-1)
    texts = [f"{value:.6g}" if values.dtype.kind == "f" else str(value) for value in values[:SHOWN]]
    more = ", …" if len(values) > SHOWN else ""
    return texts[0] if len(values) == 1 else f"[{', '.join(texts)}{more}]"
