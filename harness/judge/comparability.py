"""Say whether two records were measured alike, so that their speed may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.record import Record


def blocking_differences(base: Record, head: Record) -> tuple[str, ...]:
    """Return the fields that forbid comparing the timings of two records, ``field: base / head``.

    A field that either record does not know forbids nothing, except the
    machine's identity.
    """
    ours, theirs = _conditions(base), _conditions(head)
    return tuple(
        f"{name}: {ours[name]} / {theirs[name]}"
        for name in ours
        if ours[name] != theirs[name] and (name == "machine" or None not in (ours[name], theirs[name]))
    )


def _conditions(record: Record) -> dict[str, Any]:
    return {
        "machine": record.machine,
        "sampling": sampling_kind(record.sampling),
        "cores": len(record.cores) or None,
        "feeds": record.feeds,
        "telemetry": record.session.get("telemetry"),
        "governor": record.cpu.get("governor"),
        "turbo": record.cpu.get("turbo"),
    }


def sampling_kind(sampling: Mapping[str, Any]) -> str | None:
    """Return which rule ends the timed stretch: ``calls``, ``target_ci`` or ``seconds``; None if unknown.

    Stretches that end by different rules warm caches and clocks differently.
    """
    return next((rule for rule in ("calls", "target_ci", "seconds") if sampling.get(rule) is not None), None)
