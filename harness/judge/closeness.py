"""The one rule of how close outputs must be to others: by distance, and by classes where they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.core.record import Metric
from harness.core.units import format_percent

SQNR_DB: Mapping[str, float] = {
    "fp64": 160.0,
    "fp32": 80.0,
    "int16": 40.0,
    "fp16": 40.0,
    "bf16": 30.0,
    "int8": 20.0,
    "int4": 10.0,
}
"""The least SQNR between outputs, by the coarser precision of the two; the finest first.

Orders of addition alone leave FP32 above 100 dB; 80 dB is an error of a
ten-thousandth of the values, 40 dB of a hundredth, 20 dB of a tenth.
"""

STORED_AS: Mapping[str, str] = {
    "float16": "fp16",
    "bfloat16": "bf16",
    **dict.fromkeys(("int8", "uint8", "int16", "uint16", "int32", "int64", "uint32", "uint64"), "int16"),
    **dict.fromkeys(("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"), "int8"),
    **dict.fromkeys(("int4", "uint4"), "int4"),
}
"""Element type of an output -> the precision whose limit fits: rounding to it adds an error of its own."""

AGREEMENT = 0.99
"""The least share of the same classes, where classes are known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What outputs may differ by and still be called the same."""

    sqnr_db: float
    agreement: float = AGREEMENT
    max_abs_error: float | None = None


@dataclass(frozen=True, slots=True)
class Closeness:
    """Whether outputs are close enough; None where nothing decides it, and `reason` says why."""

    close: bool | None
    reason: str


def limits(
    precisions: Iterable[str],
    tolerance: Mapping[str, float] | None = None,
    stored_as: Iterable[str] = (),
) -> Limits:
    """Return the limits that fit the coarsest of `precisions`; a suite's `tolerance` takes their place.

    `stored_as` are the element types of the outputs, where these are known.
    """
    stored = (STORED_AS[name] for name in stored_as if name in STORED_AS)
    found = min(
        (SQNR_DB.get(name, SQNR_DB["int4"]) for name in (*precisions, *stored)), default=SQNR_DB["fp32"]
    )
    return replace(Limits(found), **(tolerance or {}))


def closeness(metrics: Mapping[str, Metric], limits: Limits) -> Closeness:
    """Compare the drift metrics of one output with `limits`: all that have a value count."""
    checks = [
        check
        for check in (
            _agreement(metrics.get("accuracy/agreement"), limits),
            _sqnr(metrics.get("accuracy/sqnr_db"), metrics.get("accuracy/max_abs_error"), limits),
            _error(metrics.get("accuracy/max_abs_error"), limits),
        )
        if check is not None
    ]
    if not checks:
        reasons = [
            metrics[name].reason for name in ("accuracy/sqnr_db", "accuracy/agreement") if name in metrics
        ]
        return Closeness(None, next(filter(None, reasons), "no outputs to compare"))
    wrong = [check for check in checks if not check.close]
    return Closeness(not wrong, "; ".join(check.reason for check in wrong or checks))


def _agreement(metric: Metric | None, limits: Limits) -> Closeness | None:
    if metric is None or metric.value is None:
        return None
    share, least = format_percent(metric.value), format_percent(limits.agreement)
    return Closeness(metric.value >= limits.agreement, f"{share} of the answers agree; {least} are asked for")


def _sqnr(metric: Metric | None, error: Metric | None, limits: Limits) -> Closeness | None:
    if metric is not None and metric.value is not None:
        right = metric.value >= limits.sqnr_db
        return Closeness(right, f"SQNR {metric.value:.1f} dB; {limits.sqnr_db:.1f} dB are asked for")
    if error is not None and error.value == 0:
        return Closeness(True, metric.reason if metric is not None else "identical outputs")
    return None


def _error(metric: Metric | None, limits: Limits) -> Closeness | None:
    if limits.max_abs_error is None or metric is None or metric.value is None:
        return None
    right = metric.value <= limits.max_abs_error
    return Closeness(right, f"largest error {metric.value:.3g}; {limits.max_abs_error:.3g} is allowed")
