"""Find how much worse one version is than another, for a bisection.

Speed and memory are decided by an A/B; everything else is compared exactly,
on the same inputs. `worse` is 0 where nothing changed, and grows with what
was lost:

======================== =====================================================
metric                   worse
======================== =====================================================
latency/*, memory/peak   the ratio less one
accuracy/top1            the share of samples lost
accuracy/mae             the growth of the mean absolute error, as a ratio
accuracy/agreement       the share of answers that differ from the good version's
accuracy/cosine          one less the cosine to the good version's outputs
accuracy/sqnr_db         the RMS of the difference to them over their own RMS
accuracy/max_abs_error   the largest difference to them
model/size               the ratio less one
instructions/*           the ratio less one
of other packages        the ratio less one of times, sizes and rates; else the difference
status                   no number: a version runs the model or does not
======================== =====================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from harness.bisect.model import Step, StepVerdict
from harness.core.decision import Change, Decision, MetricComparison
from harness.core.metrics import BY_OUTPUTS, METRICS, Evidence, Loss, spec_of
from harness.core.record import Absence, Record, Status
from harness.judge.agreement import BASE, unlike_inputs
from harness.judge.closeness import limits
from harness.judge.comparability import unlike_counts
from harness.judge.metrics.drift import IDENTICAL, compare_outputs, varies
from harness.judge.outputs import OtherShape, OutputPair, Outputs, Unfit, chosen, matched

TIMED = tuple(name for name, row in METRICS.items() if row.alpha_share)
"""What takes an A/B."""

LABELLED = tuple(name for name, row in METRICS.items() if row.evidence is Evidence.ANSWERS)
"""What takes labels."""

COUNTED = tuple(name for name, row in METRICS.items() if row.evidence is Evidence.COUNT)
"""What is the same however often a version is run."""

OUTPUTS = tuple(name for name, row in METRICS.items() if row.loss in BY_OUTPUTS)
"""What is taken from the outputs of two versions."""

SEARCHED = (*TIMED, *COUNTED, *LABELLED, *OUTPUTS, "status")
"""What can be searched by, beside the metrics of other packages."""


def is_scaled(metric: str) -> bool:
    """Return whether a loss is in the outputs' own unit, so that what counts as none depends on them."""
    return spec_of(metric).loss is Loss.DISTANCE


def is_read(metric: str) -> bool:
    """Return whether a loss is read off the records of both versions."""
    return metric in (*COUNTED, *LABELLED) or metric not in SEARCHED


@dataclass(frozen=True, slots=True)
class VersionOutputs:
    """What one version made of the model and its inputs."""

    record: Record
    outputs: Outputs = field(default_factory=Outputs)


def refusal(metric: str, base: VersionOutputs, wanted: str | None = None) -> str:
    """Return why nothing can be compared with `base` by `metric`; empty where it can."""
    if metric in LABELLED:
        found = base.record.metrics.get(metric)
        if found is not None:
            return "" if found.value is not None else found.reason
        for name in LABELLED:
            if other := base.record.metrics.get(name):
                return other.reason or f"its labels make it {name}; the suite's 'task' decides which"
        return "no answers were judged by labels"
    if is_read(metric):
        found = base.record.metrics.get(metric)
        return "it is not measured" if found is None else found.reason
    if metric in (*TIMED, "status") or base.outputs.values is None:
        return ""
    try:
        chosen(base.outputs.values, base.outputs.names, wanted)
    except Unfit as error:
        return str(error)
    return ""


def least(metric: str, base: VersionOutputs | None, wanted: str | None = None) -> float:
    """Return the loss that counts as none where nobody says: rounding, or 1%.

    `base` matters where the metric `is_scaled`. Raises Unfit where it has no
    output that is `wanted`.
    """
    if not is_scaled(metric) or base is None or base.outputs.values is None:
        return spec_of(metric).least_loss
    output = chosen(base.outputs.values, base.outputs.names, wanted)
    if output.dtype.kind != "f":
        return 0.0
    finite = np.abs(output[np.isfinite(output)].astype(np.float64))
    noise = 10 ** (-limits((base.outputs.precision,)).sqnr_db / 20)  # over the values
    share = max(noise, 4 * float(np.finfo(output.dtype).eps))
    return float(share * np.max(finite, initial=0.0))


def hold(
    metric: str, base: VersionOutputs, head: VersionOutputs, limit: float, wanted: str | None = None
) -> Step:
    """Compare `head` with `base` exactly: bad where it is worse by more than `limit`.

    `wanted` names the output that counts, else it is the first. The step has
    no versions yet.
    """
    if head.record.status is not Status.OK:
        return lost(head.record, fatal=metric == "status")
    if metric == "status":
        return _step(StepVerdict.GOOD, "it runs the model")
    if is_read(metric):
        return _read(metric, base.record, head.record, limit)
    if base.outputs.values is None or head.outputs.values is None:
        return _step(StepVerdict.UNDECIDED, "there are no outputs to compare")
    if unlike := unlike_inputs(base.record, head.record):
        return _step(StepVerdict.UNDECIDED, unlike)
    if base.outputs.varies is not None:
        return _step(StepVerdict.UNDECIDED, varies(base.outputs.varies))
    if head.outputs.varies is not None:
        return _step(StepVerdict.BAD, f"{varies(head.outputs.varies)}; those of the good version repeat")
    try:
        counted = matched(head.outputs, base.outputs, wanted)
        if broken := sum(match.new_nonfinite for match in counted):
            return _step(StepVerdict.BAD, f"{broken} more NaN or Inf in the outputs")
        first = counted[0]
        if first.emptied:
            return _step(StepVerdict.BAD, first.emptied)
        return _drift(metric, first.pair, limit, first.classes)
    except OtherShape as error:
        mark = StepVerdict.UNDECIDED if counted[0].sized_by_data else StepVerdict.BAD
        return _step(mark, error.against("the good version"))
    except Unfit as error:
        return _step(StepVerdict.UNDECIDED, str(error))


def judge_speed(comparison: MetricComparison, limit: float) -> Step:
    """Turn an A/B, asked for changes above `limit`, into a step; see `Step.sure`."""
    decision = comparison.decision
    worse = None if decision.ratio is None else decision.ratio - 1
    mark, sure = _side(decision, worse, limit)
    return Step(
        version="",
        against="",
        mark=mark,
        worse=worse,
        sure=sure,
        base=comparison.base,
        head=comparison.head,
        decision=decision,
        reason=decision.beside_change,
    )


def _side(decision: Decision, worse: float | None, limit: float) -> tuple[StepVerdict, bool]:
    if decision.verdict is Change.REGRESSION:
        return StepVerdict.BAD, True
    if decision.verdict is not Change.INCONCLUSIVE:
        return StepVerdict.GOOD, True
    if worse is None:
        return StepVerdict.UNDECIDED, True
    if decision.high is not None and decision.high < 1 + limit:
        return StepVerdict.GOOD, True
    return (StepVerdict.BAD if worse > limit else StepVerdict.GOOD), False


def lost(record: Record, *, fatal: bool) -> Step:
    """Judge a version that does not run the model: passed over, or bad where that is `fatal`.

    One that cannot be had is passed over in any case: nothing of it was in effect.
    """
    mark = StepVerdict.BAD if fatal and record.effective else StepVerdict.SKIPPED
    return replace(_step(mark, f"{record.status}: {record.reason}"), ran=False)


def _read(metric: str, base: Record, head: Record, limit: float) -> Step:
    """Compare the values of both records; of what a run says once, the estimate is taken."""
    ours, theirs = base.metrics.get(metric), head.metrics.get(metric)
    if ours is None or theirs is None:
        return _step(StepVerdict.UNDECIDED, "it is not measured in both")
    if ours.value is None or theirs.value is None:
        return _step(StepVerdict.UNDECIDED, theirs.reason or ours.reason)
    row = spec_of(metric, theirs)
    if row.taken_in and (unlike := unlike_counts(base, head, row.taken_in)):
        return _step(StepVerdict.UNDECIDED, f"not comparable: {unlike}")
    sign = 1 if row.better == "lower" else -1
    grown, worse = sign * (theirs.value - ours.value), None
    if row.loss is not Loss.RATIO:
        worse = grown
    elif ours.value:
        worse = sign * (theirs.value / ours.value - 1)
    bad = grown > 0 if worse is None else worse > limit
    step = _step(
        StepVerdict.BAD if bad else StepVerdict.GOOD,
        "" if row.machine_free else "one run of each: how much runs differ is not known",
        worse=worse,
        base=ours.value,
        head=theirs.value,
    )
    return replace(step, sure=row.machine_free)


def _drift(metric: str, pair: OutputPair, limit: float, classes: int | None) -> Step:
    # two versions of one model: also where its answers do not vary with the input, a difference is one
    found = compare_outputs(pair, kind=BASE, classes=classes, varied=False)[metric]
    same = bool(np.array_equal(pair.ours, pair.reference))
    if found.value is None and found.absence is not Absence.IDENTICAL and not same:
        return _step(StepVerdict.UNDECIDED, found.reason)
    worse = _distance(metric, found.value)
    mark = StepVerdict.BAD if worse > limit else StepVerdict.GOOD
    return _step(mark, IDENTICAL if same else "", worse=worse, head=found.value)


def _distance(metric: str, value: float | None) -> float:
    if value is None:
        return 0.0
    match spec_of(metric).loss:
        case Loss.NOISE:
            return float(10 ** (-value / 20))
        case Loss.SHORTFALL:
            return max(0.0, 1 - value)
        case _:
            return value


def _step(
    mark: StepVerdict,
    reason: str,
    *,
    worse: float | None = None,
    base: float | None = None,
    head: float | None = None,
) -> Step:
    return Step(version="", against="", mark=mark, worse=worse, base=base, head=head, reason=reason)
