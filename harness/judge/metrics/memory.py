"""Memory: resident size at each step, the peak, and the runtime's arena."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.record import Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing

READINGS = (
    "before_runtime",
    "after_import",
    "session_peak",
    "after_session",
    "after_first_call",
    "peak",
    "arena_peak",
)


def memory(facts: Facts) -> dict[str, Metric]:
    """Judge the readings of the first process that has any; one reading each, so no interval."""
    readings = next((item.memory for item in facts.observations if item.memory), {})
    metrics = {f"memory/{step}": _reading(f"memory/{step}", readings.get(step)) for step in READINGS}
    metrics["memory/session"] = _increment(metrics["memory/after_import"], metrics["memory/after_session"])
    return metrics


def _reading(name: str, reading: Mapping[str, Any] | None) -> Metric:
    if reading is None:
        return missing(name, "not measured")
    if reading.get("bytes") is None:
        return missing(name, str(reading.get("unavailable") or "not measured"))
    return metric(name, reading["bytes"], n=1)


def _increment(before: Metric, after: Metric) -> Metric:
    """Judge what the session added to the process: weights, graph and arena."""
    if before.value is None or after.value is None:
        return missing("memory/session", before.reason or after.reason)
    return metric("memory/session", after.value - before.value, n=1)
