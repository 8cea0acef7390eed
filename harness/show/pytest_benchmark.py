"""Records as pytest-benchmark saves them, for ``pytest-benchmark list`` and ``compare``."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.core.errors import MissingExtraError
from harness.core.record import Record, Status
from harness.show.document import Document, report_of
from harness.show.escape import visible
from harness.show.grid import model

OPTIONS = {"disable_gc": False, "timer": "monotonic", "warmup": True}


def render(document: Document) -> str:
    """Write the measured cases; latencies of all processes together, in seconds a call.

    The statistics are pytest-benchmark's own. Raises MissingExtraError
    without it, NotFoundError for a document that is no run.
    """
    records = report_of(document).records
    measured = [record for record in records if record.status is Status.OK and _calls(record)]
    first = measured[0] if measured else None
    saved = {
        "machine_info": _machine(first) if first else {},
        "commit_info": {"id": "unversioned", "dirty": False, "project": "onnx-harness"},
        "benchmarks": [_benchmark(record) for record in measured],
        "datetime": first.started_at if first else "",
        "version": _version(),
    }
    return json.dumps(saved, indent=1, allow_nan=False)


def _benchmark(record: Record) -> dict[str, Any]:
    name = visible(record.case)
    return {
        "group": visible(model(record)),
        "name": name,
        "fullname": f"{visible(record.suite)}::{name}",
        "params": {visible(axis): value for axis, value in record.axes.items()},
        "param": None,
        "extra_info": {
            "run": record.run,
            "machine": record.machine,
            "notes": list(record.notes),
            **{metric: number.value for metric, number in record.metrics.items()},
        },
        "options": OPTIONS,
        "stats": _stats(_calls(record)),
    }


def _calls(record: Record) -> list[int]:
    return [call for calls in record.samples.get("latency_ns") or () for call in calls]


def _stats(calls_ns: list[int]) -> dict[str, Any]:
    try:
        stats: Any = import_module("pytest_benchmark.stats").Stats()
    except ImportError as error:
        raise MissingExtraError(
            "this format needs pytest-benchmark: pip install 'pytest-benchmark>=5.1,<6'"
        ) from error
    for call_ns in calls_ns:
        stats.update(call_ns * 1e-9)
    return {**stats.as_dict(), "iterations": 1}


def _version() -> str:
    try:
        return version("pytest-benchmark")
    except PackageNotFoundError:
        return ""


def _machine(record: Record) -> dict[str, Any]:
    environment = record.environment
    return {
        "node": record.machine,
        "machine": record.machine,
        "system": environment.get("os"),
        "release": environment.get("kernel"),
        "python_version": environment.get("python"),
        "cpu": environment.get("cpu"),
    }
