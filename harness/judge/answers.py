"""Compare the answers of two arms to the same labelled samples, in pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.decision import Change, Decision
from harness.core.units import format_percent
from harness.stats import signed_rank
from harness.stats.intervals import binomial_shares, mean_interval, paired_share_interval


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


def _sign_test(hits: int, misses: int) -> float:
    """Return the exact one-sided p that a fair coin falls `hits` times or more."""
    return float(binomial_shares(hits + misses, 0.5)[misses])


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
