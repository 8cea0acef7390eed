"""Facts in, verdict out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from harness.core.record import Metric, Note, Status
from harness.judge.facts import Facts
from harness.judge.metrics import measured
from harness.judge.metrics.accuracy import score
from harness.judge.metrics.drift import counted, drift_limits, output_drift, own_outputs
from harness.judge.notes import notes
from harness.judge.outputs import CLASSIFICATION, Unfit
from harness.judge.status import status
from harness.judge.steady import steadiness
from harness.stats.intervals import Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a record says beyond the facts."""

    status: Status
    reason: str  # empty where ok
    notes: tuple[Note, ...]
    metrics: Mapping[str, Metric]
    effective: Mapping[str, Any] = field(default_factory=dict)  # as read back
    samples: Mapping[str, Any] = field(default_factory=dict)  # raw, as stored


def judge(facts: Facts) -> Verdict:
    """Judge one case. Never raises for what a model or a runtime did.

    The metrics of a case that did not end well are kept: what was measured
    before a crash is still true.
    """
    outcome, reason = status(facts)
    metrics = measured(facts)
    return Verdict(
        status=outcome,
        reason=reason,
        notes=notes(facts, metrics),
        metrics=metrics,
        effective=effective(facts),
        samples=samples(facts),
    )


def effective(facts: Facts) -> dict[str, Any]:
    """Return what was in effect, as the first process read it back, and each process's steadiness."""
    if not facts.observations:
        return {}
    first = facts.observations[0]
    return {
        "runtime": {name: value for name, value in first.runtime.items() if name != "import_ns"},
        "session": {name: value for name, value in first.session.items() if not name.endswith("_ns")},
        "feeds": dict(first.feeds),
        "timing": {name: value for name, value in first.timing.items() if name not in RAW},
        "outputs": {name: value for name, value in first.outputs.items() if name != "file"},
        "proof": dict(first.proof),
        **{name: dict(part) for name, part in first.parts.items()},
        "reference": facts.reference,
        "reference_kind": facts.reference_kind if facts.reference else "",
        "limits": asdict(drift_limits(facts, _counted_type(facts))),
        "drift": [asdict(item) for item in output_drift(facts)],
        "processes": len(facts.observations),
        "steady": [_steady(calls) for calls in facts.calls()],
    }


def _counted_type(facts: Facts) -> tuple[str, ...]:
    """Return the element type of the output that metrics are taken of; nothing where there is none."""
    name = counted(facts)
    return (own_outputs(facts).stored_as(name),) if facts.outputs is not None and name else ()


RAW = ("warmup_ns", "samples_ns", "wall_ns")


def _steady(calls_s: Floats) -> bool | None:
    """Return whether a process was steady; None where that is unknown."""
    flags = steadiness(calls_s)
    return None if flags is None else not flags


def samples(facts: Facts) -> dict[str, Any]:
    """Return the raw numbers that every metric can be computed from again.

    ``latency_ns``, ``warmup_ns``: lists of ns, one a process. ``wall_ns``,
    ``import_ns``, ``session_ns``, ``first_call_ns``: one number a process.
    ``memory``: phase -> bytes, one a process.
    ``correct``: ``{"n", "bits"}``, a bit a labelled sample in hexadecimal, the
    first sample first. ``abs_error``: one number a labelled sample, None for
    an answer that is NaN or Inf.
    """
    timed = facts.timings
    memory = [item.memory for item in facts.observations]
    phases = dict.fromkeys(phase for reading in memory for phase in reading)
    raw: dict[str, Any] = {
        "memory": {phase: [part.get(phase, {}).get("bytes") for part in memory] for phase in phases},
        "latency_ns": [list(timing["samples_ns"]) for timing in timed],
        "warmup_ns": [list(timing.get("warmup_ns", ())) for timing in timed],
        "wall_ns": [timing.get("wall_ns") for timing in timed],
        "import_ns": [item.runtime.get("import_ns") for item in facts.observations],
        "session_ns": [item.session.get("create_ns") for item in facts.observations],
        "first_call_ns": [item.session.get("first_call_ns") for item in facts.observations],
    }
    try:
        own = score(facts)
    except Unfit:
        return raw
    if own.task == CLASSIFICATION:
        bits = np.packbits(own.per_sample.astype(bool)).tobytes().hex()
        return {**raw, "correct": {"n": len(own.per_sample), "bits": bits}}
    errors = [error if math.isfinite(error) else None for error in own.per_sample.tolist()]
    return {**raw, "abs_error": errors}
