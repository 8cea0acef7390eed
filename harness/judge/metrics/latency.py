"""Latency of one call: quantiles, mean, spread, outliers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.core.metrics import METRICS
from harness.core.record import Absence, Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.stats.floor import sample_floor
from harness.stats.intervals import (
    Floats,
    between_processes,
    mean_interval,
    quantile_interval,
)

QUANTILES = {name: row.quantile for name, row in METRICS.items() if row.quantile is not None}
"""Metrics that are a quantile of the calls."""

FENCE = 3.0
"""Interquartile ranges beyond the quartiles at which a call counts as an outlier (Tukey's outer fence)."""

BETWEEN, WITHIN = "between processes", "within process"


def latency(facts: Facts) -> dict[str, Metric]:
    """Judge the timed calls.

    Every number is taken in each process; processes are joined by the
    geometric mean, with Student's interval of their logarithms. A single
    process has an interval within it only, and the metric says so.
    """
    calls = facts.calls()
    names = (*QUANTILES, "latency/mean", "latency/sd", "latency/mad", "latency/outliers")
    if not calls:
        return {name: missing(name, "no timed calls") for name in names}
    n = sum(len(samples) for samples in calls)
    metrics = {name: _quantile(name, calls) for name in QUANTILES}
    metrics["latency/mean"] = _joined(
        "latency/mean", calls, lambda samples: float(samples.mean()), mean_interval
    )
    metrics["latency/sd"] = _spread("latency/sd", calls, _sd)
    metrics["latency/mad"] = _spread("latency/mad", calls, _mad)
    outliers = sum(outlier_count(samples) for samples in calls)
    metrics["latency/outliers"] = metric("latency/outliers", outliers, n=n)
    return metrics


def outlier_count(samples: Floats) -> int:
    """Count the samples beyond Tukey's outer fences."""
    first, third = np.quantile(samples, (0.25, 0.75))
    reach = FENCE * (third - first)
    return int(np.count_nonzero((samples < first - reach) | (samples > third + reach)))


def _quantile(name: str, calls: list[Floats]) -> Metric:
    quantile = QUANTILES[name]
    floor = sample_floor(quantile) if quantile > 0.5 else 1
    fewest = min(len(samples) for samples in calls)
    if fewest < floor:
        each = " in a process" if len(calls) > 1 else ""
        return missing(
            name,
            f"{fewest} calls{each}; {floor} needed",
            n=sum(map(len, calls)),
            absence=Absence.TOO_FEW_CALLS,
            needed=floor,
        )
    return _joined(
        name,
        calls,
        lambda samples: float(np.quantile(samples, quantile)),
        lambda samples: quantile_interval(samples, quantile),
    )


def _joined(
    name: str,
    calls: list[Floats],
    estimate: Callable[[Floats], float],
    interval: Callable[[Floats], tuple[float, float] | None],
) -> Metric:
    n = sum(map(len, calls))
    if len(calls) == 1:
        return metric(name, estimate(calls[0]), interval=interval(calls[0]), spans=WITHIN, n=n)
    value, low, high = between_processes([estimate(samples) for samples in calls])
    return metric(name, value, interval=(low, high), spans=BETWEEN, n=n)


def _spread(name: str, calls: list[Floats], spread: Callable[[Floats], float]) -> Metric:
    """Judge the spread within a process, as the mean over processes; it may be zero."""
    n = sum(map(len, calls))
    if min(map(len, calls)) < 2:
        return missing(name, "1 call; 2 needed", n=n, absence=Absence.TOO_FEW_CALLS, needed=2)
    return metric(name, float(np.mean([spread(samples) for samples in calls])), n=n)


def _sd(samples: Floats) -> float:
    return float(np.std(samples, ddof=1))


def _mad(samples: Floats) -> float:
    return float(np.median(np.abs(samples - np.median(samples))))
