"""Compare one tensor of two arms, all values at once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.explain.model import TensorError, TensorVerdict
from harness.judge.closeness import Limits
from harness.judge.outputs import is_numeric

Array = NDArray[Any]


def compare(tensor: str, base: Array, head: Array, limits: Limits) -> TensorError:
    """Compare HEAD's values with BASE's; beyond the limits are also NaN and Inf that BASE does not have."""
    if base.shape != head.shape:
        reason = f"its shape is {_shape(head)} in head, {_shape(base)} in base"
        return TensorError(tensor=tensor, verdict=TensorVerdict.UNCOMPARED, reason=reason)
    kinds = {base.dtype.kind, head.dtype.kind}
    if base.size == 0 or not kinds <= set("fiub"):
        reason = "it is empty" if base.size == 0 else f"it holds {base.dtype}"
        return TensorError(tensor=tensor, verdict=TensorVerdict.UNCOMPARED, reason=reason)
    ours, theirs = head.astype(np.float64), base.astype(np.float64)
    alike = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    finite = np.isfinite(ours), np.isfinite(theirs)
    both = finite[0] & finite[1]
    noise = np.subtract(ours, theirs, out=np.zeros(ours.shape), where=both)
    found = TensorError(
        tensor=tensor,
        verdict=TensorVerdict.IDENTICAL if alike.all() else TensorVerdict.WITHIN,
        dtype=str(head.dtype if head.dtype == base.dtype else f"{base.dtype} -> {head.dtype}"),
        values=int(ours.size),
        sqnr_db=_sqnr(np.where(both, theirs, 0.0), noise),
        max_abs_error=float(np.max(np.abs(noise))),
        differing_ratio=1.0 - float(np.mean(alike)),
        base_nonfinite_ratio=1.0 - float(np.mean(finite[1])),
        head_nonfinite_ratio=1.0 - float(np.mean(finite[0])),
    )
    new = int(np.count_nonzero(~alike & ~both))
    reason = _beyond(found, new, limits, numeric=is_numeric(base) and is_numeric(head))
    if not reason:
        return found
    return replace(found, verdict=TensorVerdict.BEYOND, reason=reason)


def _beyond(found: TensorError, nonfinite: int, limits: Limits, *, numeric: bool) -> str:
    """Return why a tensor is beyond the limits; empty where it is not."""
    if found.verdict is TensorVerdict.IDENTICAL:
        return ""
    if nonfinite:
        return f"{nonfinite} of {found.values} values are NaN or Inf in one arm alone"
    error = found.max_abs_error or 0.0
    if not numeric:
        allowed = 1.0 - limits.agreement
        return "" if found.differing_ratio <= allowed else f"{found.differing_ratio:.2%} of the values differ"
    if limits.max_abs_error is not None and error > limits.max_abs_error:
        return f"largest error {error:.3g}; {limits.max_abs_error:.3g} is allowed"
    if found.sqnr_db is None:
        return f"nothing but zeros in base, up to {error:.3g} in head"
    if found.sqnr_db < limits.sqnr_db:
        return f"SQNR {found.sqnr_db:.1f} dB; {limits.sqnr_db:.1f} dB are asked for"
    return ""


def _sqnr(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float | None:
    """Return 10·log10(Σs² / Σn²), of scaled values so that no square overflows; None without either."""
    largest = float(max(np.max(np.abs(signal)), np.max(np.abs(noise))))
    if largest == 0:
        return None
    own, other = float(np.sum((signal / largest) ** 2)), float(np.sum((noise / largest) ** 2))
    return 10 * (math.log10(own) - math.log10(other)) if own > 0 and other > 0 else None


def _shape(array: Array) -> list[int]:
    return list(array.shape)
