"""What differs between two records of a case beside their numbers, and so may explain a difference."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from harness.core.decision import DATA, Cause
from harness.core.record import Record

REBUILT = ("runtime's wheel", "runtime's build")
"""Facts by which a rebuilt runtime is distinguished from another one of the same version."""


def changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Cause]:
    """Return the facts that differ; one that either side does not know does not count."""
    differ = [
        key
        for key, value in now.items()
        if value is not None and then.get(key) is not None and then[key] != value
    ]
    if "runtime" in differ:  # another version is another wheel and another build
        differ = [key for key in differ if key not in REBUILT]
    return [Cause(key, str(then[key]), str(now[key])) for key in differ]


def facts_of(record: Record) -> dict[str, Any]:
    """Return what of a record may explain a shift: runtime, model file, system."""
    runtime, environment = record.runtime, record.environment
    return {
        "runtime": runtime.version or None,
        "runtime's wheel": runtime.sha256[:12] or None,
        "runtime's build": sha256(runtime.build.encode()).hexdigest()[:12] if runtime.build else None,
        "model": (record.model_sha256 or "")[:12] or None,
        "opset": record.artifact.get("opset"),
        DATA: str((record.effective.get("data") or {}).get("sha256") or "")[:12] or None,
        "custom operators": _libraries(record),
        "kernel": environment.get("kernel"),
        "python": environment.get("python"),
        "governor": record.cpu.get("governor"),
    }


def _libraries(record: Record) -> str | None:
    """Name the libraries of custom operators with their hashes; None where there are none."""
    libraries = record.effective.get("custom_ops") or ()
    return ", ".join(f"{item['name']} {item['sha256'][:12]}" for item in libraries) or None
