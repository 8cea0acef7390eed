"""Compare HEAD's outputs with BASE's, without labels: faster but wrong is a regression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.core.decision import Change, Decision
from harness.core.record import Metric, Record
from harness.judge.closeness import Limits, limits
from harness.judge.comparability import drawn_by
from harness.judge.metrics.drift import IDENTICAL, judge_pair, varies
from harness.judge.outputs import Match, OtherShape, Outputs, Unfit, matched

BASE = "base"

Metrics = dict[str, Metric]


def outputs_change(
    base: Outputs,
    head: Outputs,
    wanted: str | None = None,
    *,
    tolerance: Mapping[str, float] | None = None,
    same_load: bool = True,
) -> tuple[Decision, Metrics]:
    """Decide whether HEAD's outputs are worse than BASE's on the same inputs.

    Those that count are `wanted`, else all that both have, by name. Each is a
    regression by NaN or Inf that BASE does not have, or where it is not close
    to BASE's (`harness.judge.closeness`) by the limits that fit both
    precisions, or by a suite's `tolerance`. So is one without any value where BASE
    has some, and another shape under the
    `same_load`, unless samples alone differ in number or the size depends on
    the data; and HEAD that answers one input differently each time, where BASE
    does not. A BASE that does has no verdict, nor has a HEAD that lacks an output
    of BASE and is like it otherwise. Also returns the drift
    metrics, of kind ``base``, of the output that decided: the first, unless another alone is wrong.
    """
    if base.varies is not None:
        return Decision(verdict=Change.INCONCLUSIVE, reason=varies(base.varies)), {}
    if head.varies is not None:
        reason = f"{varies(head.varies)} in head; in base they repeat"
        return Decision(verdict=Change.REGRESSION, reason=reason), {}
    try:
        first, *others = matched(head, base, wanted)
    except Unfit as error:
        return Decision(verdict=Change.INCONCLUSIVE, reason=str(error)), {}
    found = {
        match.name: _judge(
            match, same_load, limits((base.precision, head.precision), tolerance, match.stored_as)
        )
        for match in (first, *others)
    }
    if base.draws:
        found = {name: (_excused(judged, base.draws), seen) for name, (judged, seen) in found.items()}
    decision, metrics = found.pop(first.name)
    beside = {name: judged for name, (judged, _) in found.items()}
    for name, (judged, seen) in found.items():
        if judged.verdict is Change.REGRESSION and decision.verdict is not Change.REGRESSION:
            return replace(judged, reason=f"output {name!r}: {judged.reason}"), seen
    left = [name for name in base.names if wanted is None and name not in (first.name, *beside)]
    notes = [f"{first.name!r} is {first.renamed!r} in head"] if first.renamed else []
    notes += [f"head has no output {name!r}" for name in left]
    notes += [
        f"output {name!r} is not judged: {judged.reason}"
        for name, judged in beside.items()
        if judged.verdict is Change.INCONCLUSIVE
    ]
    lost = bool(left) and decision.verdict is Change.EQUIVALENT  # what is not there is not the same
    verdict = Change.INCONCLUSIVE if lost else decision.verdict
    return Decision(
        verdict=verdict, blocks=decision.blocks, reason="; ".join([decision.reason, *notes])
    ), metrics


def apart(base: Outputs, again: Outputs) -> float | None:
    """Return by how much two processes answer the same inputs differently; None where they are bit-equal."""
    if base.values is None or again.values is None or base.names != again.names:
        return None
    largest: list[float] = []
    for ours, theirs in zip(base.values, again.values, strict=True):
        if ours.shape != theirs.shape:
            return math.inf
        if not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
            with np.errstate(invalid="ignore"):
                found = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
            largest.append(float(np.max(found[np.isfinite(found)], initial=0.0)) or math.inf)
    return max(largest, default=None)


def only_nonfinite(base: Outputs, head: Outputs, wanted: str | None, unlike: str) -> Decision:
    """Decide on outputs of other inputs (`unlike` says why): NaN or Inf where BASE has none are worse."""
    try:
        found = sum(match.lone_nonfinite for match in matched(head, base, wanted))
    except Unfit:
        found = 0
    if found:
        return Decision(verdict=Change.REGRESSION, reason=f"{found} NaN or Inf, none in base; {unlike}")
    return Decision(verdict=Change.INCONCLUSIVE, reason=unlike)


def _judge(match: Match, same_load: bool, bounds: Limits) -> tuple[Decision, Metrics]:
    """Judge one output by the limits; give its drift metrics as well."""
    metrics: Metrics = {}
    try:
        near, metrics = judge_pair(match.pair, bounds, BASE, classes=match.classes)
    except Unfit as error:
        verdict, reason = _unfit(error, same_load and not match.sized_by_data)
    else:
        verdict = VERDICTS[near.close]
        reason = near.reason
        if near.close is None and np.array_equal(match.ours, match.reference):
            verdict, reason = Change.EQUIVALENT, IDENTICAL
    if match.emptied:
        verdict, reason = Change.REGRESSION, match.emptied
    if match.new_nonfinite:
        verdict, reason = Change.REGRESSION, f"{match.new_nonfinite} NaN or Inf that base does not have"
    return Decision(verdict=verdict, blocks=_count(match), reason=reason), metrics


def _excused(decision: Decision, draws: tuple[str, ...]) -> Decision:
    """Claim no regression where BASE draws random numbers, though its answers may have repeated by chance."""
    if decision.verdict is not Change.REGRESSION:
        return decision
    reason = f"{decision.reason}; the model draws random numbers ({', '.join(draws)})"
    return replace(decision, verdict=Change.INCONCLUSIVE, reason=reason)


VERDICTS = {True: Change.EQUIVALENT, False: Change.REGRESSION, None: Change.INCONCLUSIVE}


def _count(match: Match) -> int:
    """Count the samples that were compared; 0 where there are none in common."""
    same = match.ours.shape == match.reference.shape and match.ours.size
    return len(match.reference) if same and match.reference.ndim else int(bool(same))


def _unfit(error: Unfit, of_one_size: bool) -> tuple[Change, str]:
    """Judge what cannot be compared: another shape is wrong where the size is a model's own."""
    wrong = of_one_size and isinstance(error, OtherShape) and not error.in_samples_only
    verdict = Change.REGRESSION if wrong else Change.INCONCLUSIVE
    return verdict, error.against("base") if isinstance(error, OtherShape) else str(error)


def unlike_inputs(base: Record, head: Record) -> str:
    """Say why the outputs of two records are not those of the same inputs; empty where they are.

    Random values are drawn by name, size of a sample, and range: where these differ, so do the values.
    """
    data = [record.data for record in (base, head)]
    if any(data):
        names = [item.get("name", "random inputs") for item in data]
        same = data[0].get("sha256") == data[1].get("sha256")
        return "" if same else f"the inputs are {names[0]} in base, {names[1]} in head"
    batches = [record.load.get("batch") for record in (base, head)]
    first = 0 if batches[0] == batches[1] else 1  # of unlike batches, the axis that differs for that alone
    ours, theirs = drawn_by(base, first), drawn_by(head, first)
    if ours.keys() - theirs.keys() and theirs.keys() - ours.keys():
        names = [", ".join(side) for side in (ours, theirs)]
        return (
            f"the inputs are named {names[0]} in base and {names[1]} in head, and random values are drawn "
            "by name: name data to compare the outputs"
        )
    other = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
    return f"input {other[0]!r} is of another shape or range in head: the values are others" if other else ""
