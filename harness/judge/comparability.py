"""Decide whether two records were measured alike, so that their speed or their answers may be compared."""

from __future__ import annotations

import re
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


def unlike_counts(base: Record, head: Record, part: str) -> str:
    """Say how each of two records was counted, ``field: base / head``, where that is not the same; else "".

    `part` is that of `Record.effective` that knows. Another version of the runtime is what counts are
    compared for; another way to count, other instruction sets, threads, inputs, or another kind of build
    are not. A field that either record does not know forbids nothing.
    """
    ours, theirs = _counted(base, part), _counted(head, part)
    return "; ".join(
        f"{name}: {ours[name]} / {theirs[name]}"
        for name in ours
        if ours[name] != theirs[name] and None not in (ours[name], theirs[name])
    )


def _counted(record: Record, part: str) -> dict[str, Any]:
    found = record.effective.get(part) or {}
    feeds = record.effective.get("feeds") or {}
    build = re.search(r"build type=(\w+)", record.runtime.build)
    return {
        "counted by": f"{found.get('how')} ({found.get('tool')})",
        "instruction sets": " ".join(found.get("features") or ()),
        "threads": found.get("threads"),
        "calls": found.get("calls"),
        "inputs": f"{feeds.get('kind')}, seed {feeds.get('seed')}",
        "build": build[1] if build else None,
    }


RANDOM = "random inputs"


def unlike_data(base: Record, head: Record) -> str:
    """Say on what each of two records was evaluated, ``base / head``, where that is not the same; else "".

    A record that does not know it forbids nothing. Random values are drawn by the size of a sample and by
    their range: where these differ, so do the values.
    """
    ours, theirs = evaluated_on(base), evaluated_on(head)
    if ours and theirs and ours != theirs:
        return f"{ours} / {theirs}"
    if not ours.startswith(RANDOM):
        return ""
    first = 0 if base.load.get("batch") == head.load.get("batch") else 1
    drawn, other = drawn_by(base, first), drawn_by(head, first)
    name = next((name for name in drawn.keys() & other.keys() if drawn[name] != other[name]), "")
    return f"{ours}, {name!r} of another shape or range" if name else ""


def evaluated_on(record: Record) -> str:
    """Name the inputs that were evaluated: data by hash and size, random ones by seed; "" if unknown."""
    if data := record.effective.get("data"):
        return f"{data.get('samples')} samples of data {str(data.get('sha256'))[:12]}"
    feeds = record.effective.get("feeds") or {}
    if "data" not in record.effective or feeds.get("kind") != "random":
        return ""
    return f"{RANDOM}, seed {feeds.get('seed')}"


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


def drawn_by(record: Record, first: int) -> dict[str, tuple[Any, ...]]:
    """Give what the random values of each input depend on beside its name: its size from axis `first` on."""
    fed = record.session.get("input_shapes") or {}
    return {
        item["name"]: (
            list(fed.get(item["name"], ()))[first:],
            "float" in item.get("dtype", ""),
            *(item.get(key) for key in ("low", "high", "fill")),
        )
        for item in record.artifact.get("inputs", ())
    }
