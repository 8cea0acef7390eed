"""Start-up: importing the runtime, creating the session, the first call."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.record import Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.latency import BETWEEN
from harness.stats.intervals import between_processes


def startup(facts: Facts) -> dict[str, Metric]:
    """Judge what comes before the first warm call, once a process."""
    seen = facts.observations
    return {
        "startup/import": _once("startup/import", [item.runtime.get("import_ns") for item in seen]),
        "startup/session": _once("startup/session", [item.session.get("create_ns") for item in seen]),
        "startup/first_call": _once(
            "startup/first_call", [item.session.get("first_call_ns") for item in seen]
        ),
    }


def _once(name: str, readings_ns: Sequence[int | None]) -> Metric:
    known = [reading / 1e9 for reading in readings_ns if reading]
    if not known:
        return missing(name, "not measured")
    value, low, high = between_processes(known)
    return metric(name, value, interval=(low, high), spans=BETWEEN, n=len(known))
