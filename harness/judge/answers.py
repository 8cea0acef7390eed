"""Compare the answers of two arms on the same samples: a change that is faster but wrong is a regression."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison import Change, Decision
from harness.judge import signed_rank
from harness.judge.intervals import mean_interval, paired_share_interval
from harness.judge.metrics.drift import compare_outputs
from harness.judge.outputs import REGRESSION, Answers, OtherShape, Unfit, nonfinite_count, paired
from harness.record import Metric, Record
from harness.units import format_percent

BASE = "base"
MIN_AGREEMENT = 0.99
MIN_SQNR_DB = 20.0


def correct_bits(samples: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    """Unpack ``samples["correct"]`` of a record: one bit a labelled sample; None where there is none."""
    packed = samples.get("correct")
    if not packed:
        return None
    raw = np.frombuffer(bytes.fromhex(packed["bits"]), np.uint8)
    return np.unpackbits(raw, count=packed["n"]).astype(np.bool_)


def paired_right(
    base: NDArray[np.bool_], head: NDArray[np.bool_], *, alpha: float, max_loss: float
) -> Decision:
    """Decide whether HEAD is right less often: McNemar's exact one-sided test on the samples that changed.

    Equivalent where the paired interval of the difference lies within ±`max_loss`.
    """
    if len(base) != len(head):
        return _unknown(f"{len(base)} labelled samples in base, {len(head)} in head")
    n, lost, gained = len(base), int(np.sum(base & ~head)), int(np.sum(head & ~base))
    worse, better = _sign_test(lost, gained), _sign_test(gained, lost)
    low, high = paired_share_interval(gained, lost, n)
    if worse <= alpha:
        verdict, p = Change.REGRESSION, worse
    elif better <= alpha:
        verdict, p = Change.IMPROVEMENT, better
    else:
        within = -max_loss < low and high < max_loss
        verdict, p = (Change.EQUIVALENT if within else Change.INCONCLUSIVE), min(worse, better)
    delta = (gained - lost) / n
    return Decision(
        verdict=verdict,
        ratio=float(np.sum(head) / np.sum(base)) if base.any() else None,
        p=p,
        blocks=n,
        min_effect=max_loss,
        mde=min(1.0, signed_rank.values_needed(alpha) / n),
        reason=f"{lost} of {n} samples lost, {gained} gained: {_points(delta)} "
        f"[{_points(low)}, {_points(high)}]",
    )


def paired_error(
    base: NDArray[np.float64], head: NDArray[np.float64], *, alpha: float, max_loss: float
) -> Decision:
    """Decide whether HEAD's absolute error grew: Student's paired one-sided test.

    Equivalent where the interval of the growth lies within ±`max_loss` of BASE's mean error.
    """
    if len(base) != len(head):
        return _unknown(f"{len(base)} labelled samples in base, {len(head)} in head")
    broken = int(np.sum(~np.isfinite(base) | ~np.isfinite(head)))
    if broken:
        return _unknown(f"{broken} of {len(base)} answers are NaN or Inf")
    before, growth = float(np.mean(base)), head - base
    bounds = mean_interval(growth)
    if bounds is None:
        return _unknown("one sample")
    worse = _t_test(growth)
    if before == 0:
        return _from_no_error(head, worse, alpha=alpha, max_loss=max_loss)
    low, high = bounds[0] / before, bounds[1] / before
    if worse <= alpha:
        verdict, p = Change.REGRESSION, worse
    elif 1 - worse <= alpha:
        verdict, p = Change.IMPROVEMENT, 1 - worse
    else:
        within = -max_loss < low and high < max_loss
        verdict, p = (Change.EQUIVALENT if within else Change.INCONCLUSIVE), min(worse, 1 - worse)
    return Decision(
        verdict=verdict,
        ratio=float(np.mean(head)) / before,
        low=1 + low,
        high=1 + high,
        p=p,
        blocks=len(base),
        min_effect=max_loss,
        reason=f"mean absolute error {format_percent(float(np.mean(growth)) / before, signed=True)}",
    )


def _from_no_error(head: NDArray[np.float64], worse: float, *, alpha: float, max_loss: float) -> Decision:
    """Decide where BASE has no error at all: there is no ratio, and HEAD can only be worse."""
    after = float(np.mean(head))
    verdict = Change.EQUIVALENT if after == 0 else Change.INCONCLUSIVE
    return Decision(
        verdict=Change.REGRESSION if after > 0 and worse <= alpha else verdict,
        p=worse,
        blocks=len(head),
        min_effect=max_loss,
        reason=f"mean absolute error {after:.4g}, none in base",
    )


def outputs_change(
    base: Answers,
    head: Answers,
    wanted: str | None = None,
    *,
    task: str | None = None,
    same_load: bool = True,
    min_agreement: float = MIN_AGREEMENT,
    min_sqnr_db: float = MIN_SQNR_DB,
) -> tuple[Decision, dict[str, Metric]]:
    """Hold HEAD's outputs against BASE's on the same inputs, without labels.

    A regression: NaN or Inf that BASE does not have, classes that agree on
    less than `min_agreement`, or, where there are no classes or `task` says so,
    an SQNR below `min_sqnr_db`; another shape, where both had the
    `same_load`. `wanted` names the output that counts. Without it
    that is BASE's first, and what else both arms have is held by its SQNR.
    Also returns the drift metrics of the one that counts, of kind ``base``.
    """
    broken = nonfinite_count(head.arrays) - nonfinite_count(base.arrays)
    try:
        metrics = compare_outputs(paired(head, base, wanted), kind=BASE)
    except Unfit as error:
        return _cannot(error, same_load), {}
    agreement, sqnr = metrics["accuracy/agreement"], metrics["accuracy/sqnr_db"]
    others = [] if wanted else [name for name in base.names[1:] if name in head.names]
    if broken > 0:
        verdict, reason = Change.REGRESSION, f"{broken} more NaN or Inf than in base"
    elif wrong := _first_wrong(base, head, others, same_load, min_sqnr_db):
        verdict, reason = Change.REGRESSION, wrong
    elif agreement.value is not None and task != REGRESSION:
        right = agreement.value >= min_agreement
        verdict = Change.EQUIVALENT if right else Change.REGRESSION
        share, limit = format_percent(agreement.value), format_percent(min_agreement)
        reason = f"{share} of the answers agree; {limit} are asked for"
    elif sqnr.value is not None:
        right = sqnr.value >= min_sqnr_db
        verdict = Change.EQUIVALENT if right else Change.REGRESSION
        reason = f"SQNR {sqnr.value:.1f} dB; {min_sqnr_db:.1f} dB are asked for"
    elif metrics["accuracy/max_abs_error"].value == 0:
        verdict, reason = Change.EQUIVALENT, sqnr.reason
    else:
        verdict, reason = Change.INCONCLUSIVE, sqnr.reason
    return Decision(verdict=verdict, blocks=agreement.n, reason=reason), metrics


def _cannot(error: Unfit, same_load: bool) -> Decision:
    """Judge outputs that cannot be compared: another shape is wrong, unless other inputs explain it."""
    reason = str(error).replace("the reference's", "base's")
    wrong = same_load and isinstance(error, OtherShape) and not error.in_samples_only
    return Decision(verdict=Change.REGRESSION if wrong else Change.INCONCLUSIVE, reason=reason)


def _first_wrong(
    base: Answers, head: Answers, names: Sequence[str], same_load: bool, min_sqnr_db: float
) -> str:
    """Say what is wrong with the first of these outputs that is; empty where none is."""
    for name in names:
        try:
            sqnr = compare_outputs(paired(head, base, name), kind=BASE)["accuracy/sqnr_db"].value
        except Unfit as error:
            if _cannot(error, same_load).verdict is Change.REGRESSION:
                return f"output {name!r}: {_cannot(error, same_load).reason}"
            continue
        if sqnr is not None and sqnr < min_sqnr_db:
            return f"output {name!r}: SQNR {sqnr:.1f} dB; {min_sqnr_db:.1f} dB are asked for"
    return ""


def unlike_inputs(base: Record, head: Record) -> str:
    """Say why the outputs of two records are not those of the same inputs; empty where they are.

    Random inputs are drawn by the input's name: under another name they are others.
    """
    if base.effective.get("data") or head.effective.get("data"):
        return ""
    ours, theirs = ([item["name"] for item in record.artifact.get("inputs", ())] for record in (base, head))
    if set(ours) <= set(theirs) or set(theirs) <= set(ours):
        return ""
    return (
        f"the inputs are named {', '.join(ours)} in one and {', '.join(theirs)} in the other, and random "
        "inputs are drawn by name: name data to compare the outputs"
    )


def _sign_test(hits: int, misses: int) -> float:
    """Return the exact one-sided p that a fair coin falls `hits` times or more."""
    from scipy.stats import binomtest

    if hits + misses == 0:
        return 1.0
    return float(binomtest(hits, hits + misses, 0.5, alternative="greater").pvalue)


def _t_test(growth: NDArray[np.float64]) -> float:
    """Return Student's one-sided p that the mean is above zero."""
    from scipy.special import stdtr

    n, mean = len(growth), float(np.mean(growth))
    error = float(np.std(growth, ddof=1)) / math.sqrt(n)
    if error == 0:  # every sample changed alike, or none did: the sign test is left
        return 0.5**n if mean > 0 else 1 - 0.5**n if mean < 0 else 0.5
    return float(stdtr(n - 1, -mean / error))


def _points(share: float) -> str:
    return format_percent(share, signed=True)


def _unknown(reason: str) -> Decision:
    return Decision(verdict=Change.INCONCLUSIVE, reason=reason)
