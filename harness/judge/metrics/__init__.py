"""Metrics, one file a family: Facts in, `{name: Metric}` out.

A family gives every one of its names in every case; where there is no value
the metric is null and its reason says why. Another package registers a
function under the entry-point group `harness.metrics`; what that gives is
named after the family.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.core.errors import Failed
from harness.core.metrics import METRICS_GROUP, spec_of
from harness.core.record import Absence, Metric
from harness.core.registry import Registry
from harness.judge.facts import Facts

FAMILIES = Registry(
    kind="metric family",
    builtin={
        "latency": "harness.judge.metrics.latency:latency",
        "throughput": "harness.judge.metrics.throughput:throughput",
        "startup": "harness.judge.metrics.startup:startup",
        "memory": "harness.judge.metrics.memory:memory",
        "model": "harness.judge.metrics.model:model",
        "instructions": "harness.judge.metrics.instructions:instructions",
        "accuracy": "harness.judge.metrics.accuracy:accuracy",
        "drift": "harness.judge.metrics.drift:drift",
        "conversion": "harness.judge.metrics.conversion:conversion",
    },
    group=METRICS_GROUP,
)


def measured(facts: Facts) -> dict[str, Metric]:
    """Return every metric of every family. Raises Failed where another package's family does not work."""
    metrics: dict[str, Metric] = {}
    for family in FAMILIES:
        give = FAMILIES.resolve(family)
        metrics |= give(facts) if family in FAMILIES.builtin else _foreign(family, give, facts)
    return metrics


def _foreign(family: str, give: Callable[[Facts], dict[str, Metric]], facts: Facts) -> dict[str, Metric]:
    try:
        metrics = give(facts)
    except Exception as error:  # another package's code raises what it likes
        raise Failed(f"metric family {family!r}: {type(error).__name__}: {error}") from error
    for name in metrics:
        if not name.startswith(f"{family}/"):
            raise Failed(f"metric family {family!r} gave {name!r}; its names begin with '{family}/'")
    return metrics


def metric(
    name: str,
    value: float,
    *,
    interval: tuple[float | None, float | None] | None = None,
    spans: str = "",
    n: int = 0,
    kind: str = "",
) -> Metric:
    """Make a metric that has a value; unit and direction go with its name.

    `spans` says what the interval is over; an interval of None has none. A
    value that overflowed is no value.
    """
    if not math.isfinite(value):
        return missing(name, "not a finite number", n=n, kind=kind)
    row = spec_of(name)
    low, high = interval if interval is not None else (None, None)
    spans = spans if low is not None else ""
    return Metric(
        value=float(value),
        unit=row.unit,
        direction=row.better,
        low=low,
        high=high,
        interval=spans,
        n=n,
        kind=kind,
    )


def missing(
    name: str,
    reason: str,
    *,
    n: int = 0,
    kind: str = "",
    absence: Absence = Absence.OTHER,
    needed: int = 0,
) -> Metric:
    """Make a metric that has no value, and says why."""
    row = spec_of(name)
    return Metric(
        value=None,
        unit=row.unit,
        direction=row.better,
        n=n,
        kind=kind,
        reason=reason,
        absence=absence,
        needed=needed,
    )
