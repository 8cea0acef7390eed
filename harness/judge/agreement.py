"""Hold HEAD's outputs against BASE's, without labels: faster but wrong is a regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.core.decision import Change, Decision
from harness.core.metrics import METRICS
from harness.core.record import Metric, Record
from harness.core.units import format_percent
from harness.judge.metrics.drift import IDENTICAL, compare_outputs
from harness.judge.outputs import REGRESSION, Match, OtherShape, Outputs, Pair, Unfit, matched

BASE = "base"
MIN_AGREEMENT = 0.99
MIN_SQNR_DB = METRICS["accuracy/sqnr_db"].floor or 0.0

Metrics = dict[str, Metric]


def outputs_change(
    base: Outputs,
    head: Outputs,
    wanted: str | None = None,
    *,
    task: str | None = None,
    same_load: bool = True,
) -> tuple[Decision, Metrics]:
    """Decide whether HEAD's outputs are worse than BASE's on the same inputs.

    Those that count are `wanted`, else all that both have, by name. Each is a
    regression by NaN or Inf that BASE does not have, by classes that agree on
    less than MIN_AGREEMENT (the first, unless `task` is regression), else by
    an SQNR below MIN_SQNR_DB, else, of integers, by agreement. So is another
    shape under the `same_load`, unless samples alone differ in number or the
    size depends on the data. Also returns the drift metrics of the first, of
    kind ``base``.
    """
    try:
        first, *others = matched(head, base, wanted)
    except Unfit as error:
        return Decision(verdict=Change.INCONCLUSIVE, reason=str(error)), {}
    decision, metrics = _judge(first, same_load, by_class=task != REGRESSION)
    beside = {match.name: _judge(match, same_load, by_class=False)[0] for match in others}
    for name, found in beside.items():
        if found.verdict is Change.REGRESSION and decision.verdict is not Change.REGRESSION:
            return Decision(
                verdict=found.verdict, blocks=decision.blocks, reason=f"output {name!r}: {found.reason}"
            ), metrics
    left = [name for name in base.names if wanted is None and name not in (first.name, *beside)]
    notes = [f"{first.name!r} is {first.renamed!r} in head"] if first.renamed else []
    notes += [f"head has no output {name!r}" for name in left]
    notes += [
        f"output {name!r} is not judged: {found.reason}"
        for name, found in beside.items()
        if found.verdict is Change.INCONCLUSIVE
    ]
    reason = "; ".join([decision.reason, *notes])
    return Decision(verdict=decision.verdict, blocks=decision.blocks, reason=reason), metrics


def only_nonfinite(base: Outputs, head: Outputs, wanted: str | None, unlike: str) -> Decision:
    """Decide on outputs of other inputs (`unlike` says why): NaN or Inf where BASE has none are worse."""
    try:
        found = sum(match.lone_nonfinite for match in matched(head, base, wanted))
    except Unfit:
        found = 0
    if found:
        return Decision(verdict=Change.REGRESSION, reason=f"{found} NaN or Inf, none in base; {unlike}")
    return Decision(verdict=Change.INCONCLUSIVE, reason=unlike)


def _judge(match: Match, same_load: bool, *, by_class: bool) -> tuple[Decision, Metrics]:
    """Judge one output, by its classes first where that is asked for; give its drift metrics as well."""
    metrics: Metrics = {}
    try:
        metrics = compare_outputs(Pair(match.ours, match.reference), kind=BASE)
    except Unfit as error:
        verdict, reason = _unfit(error, same_load and not match.sized_by_data)
    else:
        verdict, reason = _by_metrics(metrics, by_class=by_class)
        if verdict is Change.INCONCLUSIVE and np.array_equal(match.ours, match.reference):
            verdict, reason = Change.EQUIVALENT, IDENTICAL
    if match.new_nonfinite:
        verdict, reason = Change.REGRESSION, f"{match.new_nonfinite} more NaN or Inf than in base"
    blocks = metrics["accuracy/agreement"].n if metrics else 0
    if not by_class and _has_distance(metrics):
        del metrics["accuracy/agreement"]
    return Decision(verdict=verdict, blocks=blocks, reason=reason), metrics


def _unfit(error: Unfit, of_one_size: bool) -> tuple[Change, str]:
    """Judge what cannot be compared: another shape is wrong where the size is a model's own."""
    wrong = of_one_size and isinstance(error, OtherShape) and not error.in_samples_only
    verdict = Change.REGRESSION if wrong else Change.INCONCLUSIVE
    return verdict, str(error).replace("the reference's", "base's")


def _by_metrics(metrics: Metrics, *, by_class: bool) -> tuple[Change, str]:
    agreement, sqnr = metrics["accuracy/agreement"], metrics["accuracy/sqnr_db"]
    if agreement.value is not None and (by_class or not _has_distance(metrics)):
        right = agreement.value >= MIN_AGREEMENT
        share, limit = format_percent(agreement.value), format_percent(MIN_AGREEMENT)
        reason = f"{share} of the answers agree; {limit} are asked for"
    elif sqnr.value is not None:
        right = sqnr.value >= MIN_SQNR_DB
        reason = f"SQNR {sqnr.value:.1f} dB; {MIN_SQNR_DB:.1f} dB are asked for"
    elif _has_distance(metrics):
        right, reason = True, sqnr.reason
    else:
        return Change.INCONCLUSIVE, sqnr.reason
    return Change.EQUIVALENT if right else Change.REGRESSION, reason


def _has_distance(metrics: Metrics) -> bool:
    """Tell whether the outputs are real values of which an SQNR is known, infinite ones included."""
    if not metrics:
        return False
    return metrics["accuracy/sqnr_db"].value is not None or metrics["accuracy/max_abs_error"].value == 0


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
    ours, theirs = _drawn_by(base, first), _drawn_by(head, first)
    if ours.keys() - theirs.keys() and theirs.keys() - ours.keys():
        names = [", ".join(side) for side in (ours, theirs)]
        return (
            f"the inputs are named {names[0]} in base and {names[1]} in head, and random values are drawn "
            "by name: name data to compare the outputs"
        )
    other = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
    return f"input {other[0]!r} is of another shape or range in head: the values are others" if other else ""


def _drawn_by(record: Record, first: int) -> dict[str, tuple[Any, ...]]:
    """Give what the random values of each input depend on beside its name: its size from axis `first` on."""
    fed = record.session.get("input_shapes") or {}
    return {
        item["name"]: (
            list(fed.get(item["name"], ()))[first:],
            "float" in item.get("dtype", ""),
            *(item.get(key) for key in ("low", "high", "fill")),
        )
        for item in record.artifact.get("inputs", ())
    }
