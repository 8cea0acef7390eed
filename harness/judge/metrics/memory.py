"""Memory: resident size at each step, the peak, and the runtime's arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.record import Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.latency import BETWEEN
from harness.stats.intervals import between_processes

READINGS = (
    "before_runtime",
    "after_import",
    "session_peak",
    "after_session",
    "after_first_call",
    "peak",
    "arena_peak",
    "device_peak",
)


def memory(facts: Facts) -> dict[str, Metric]:
    """Judge the readings of every process, which differ by where the kernel lays out its memory."""
    processes = [item.memory for item in facts.observations if item.memory]
    metrics = {
        f"memory/{step}": _join(f"memory/{step}", [readings.get(step, {}) for readings in processes])
        for step in READINGS
    }
    metrics["memory/session"] = _join("memory/session", [_increment(readings) for readings in processes])
    return metrics


def _join(name: str, readings: Sequence[Mapping[str, Any]]) -> Metric:
    """Join one reading a process; those of a pass that runs in the first process only are its alone."""
    known = [reading["bytes"] for reading in readings if reading.get("bytes") is not None]
    if not known:
        why = next((reading["unavailable"] for reading in readings if reading.get("unavailable")), "")
        return missing(name, str(why or "not measured"))
    value, low, high = between_processes(known)
    return metric(name, value, interval=(low, high), spans=BETWEEN, n=len(known))


def _increment(readings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the session added to the process: weights, graph and arena."""
    before, after = (readings.get(step, {}) for step in ("after_import", "after_session"))
    if before.get("bytes") is None or after.get("bytes") is None:
        return {"unavailable": before.get("unavailable") or after.get("unavailable")}
    return {"bytes": after["bytes"] - before["bytes"]}
