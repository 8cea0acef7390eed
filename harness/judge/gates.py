"""Evaluate gates: limits that a metric must keep, fixed or against earlier records.

A gate that cannot be evaluated is `no data`, with the reason; it has never
passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core.conditions import matches
from harness.core.decision import MetricComparison
from harness.core.metrics import spec_of
from harness.core.record import Record, Status
from harness.core.report import GateOutcome
from harness.core.suite import Gate
from harness.core.units import format_percent, format_value
from harness.judge.comparability import blocking_differences
from harness.judge.metrics.drift import IDENTICAL

PASSED, FAILED, NO_DATA = "passed", "failed", "no data"

References = Mapping[str, Mapping[str, Record]]
"""What gates are held against ("previous", "anchor"), by the name that a gate uses, then by case."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A value, or the reason why there is none."""

    value: float | None
    reason: str = ""


def evaluate(
    gates: Sequence[Gate], records: Sequence[Record], references: References | None = None
) -> tuple[GateOutcome, ...]:
    """Hold every gate against every case that it speaks of, skipped cases left out.

    A gate that speaks of no case at all has one outcome, `no data`.
    """
    outcomes: list[GateOutcome] = []
    for gate in gates:
        meant = [
            record
            for record in records
            if record.status is not Status.SKIPPED and matches(record.axes, gate.case)
        ]
        for limit in _limits(gate):
            if not meant:
                outcomes.append(_no_data(gate, limit, "", "no case matches"))
            for record in meant:
                reference = _reference(gate, record, references or {})
                outcomes.append(_outcome(gate, limit, record.case, _value(gate, record), reference))
    return tuple(outcomes)


def evaluate_comparisons(
    gates: Sequence[Gate],
    comparisons: Sequence[MetricComparison],
    axes: Mapping[str, Mapping[str, str | int | None]],
) -> tuple[GateOutcome, ...]:
    """Hold gates against two arms: HEAD's value, and BASE's as the reference whatever `against` says.

    `axes` gives each case's axes. Cases that a gate speaks of and that have no
    such comparison are `no data`.
    """
    found = {(item.case, item.metric): item for item in comparisons}
    outcomes: list[GateOutcome] = []
    for gate in gates:
        meant = [case for case in axes if matches(axes[case], gate.case)]
        for limit in _limits(gate):
            if not meant:
                outcomes.append(_no_data(gate, limit, "", "no case matches"))
            for case in meant:
                item = found.get((case, gate.metric))
                why = "not compared"
                head = _Number(item.head if item else None, why)
                base = _Number(item.base if item else None, why)
                outcomes.append(_outcome(gate, limit, case, head, base))
    return tuple(outcomes)


def _limits(gate: Gate) -> Iterator[str]:
    yield from (
        name for name in ("max_increase", "max_drop", "min", "max") if getattr(gate, name) is not None
    )


def _spell(gate: Gate, limit: str) -> str:
    """Write a gate as text: ``latency/p50 max_increase 3% against anchor``."""
    number = getattr(gate, limit)
    if limit in ("min", "max"):
        return f"{gate.metric} {limit} {_format(gate.metric, number)}"
    percent = format_percent(number).replace(".00%", "%")
    return f"{gate.metric} {limit} {percent} against {gate.against}"


def _format(metric: str, value: float) -> str:
    if math.isinf(value):
        return IDENTICAL
    return format_value(value, spec_of(metric).unit)


def _value(gate: Gate, record: Record) -> _Number:
    if record.status is not Status.OK:
        return _Number(None, f"the case is {record.status}: {record.reason}")
    metric = record.metrics.get(gate.metric)
    if metric is None:
        return _Number(None, "not measured")
    if metric.value is None and metric.reason == IDENTICAL:
        return _Number(math.inf)  # an SQNR without noise
    return _Number(metric.value, metric.reason)


def _reference(gate: Gate, record: Record, references: References) -> _Number:
    """Find what a relative limit is held against; unlike environments are no reference for speed."""
    earlier = references.get(gate.against, {}).get(record.case)
    if earlier is None:
        return _Number(None, f"no {gate.against} record of this case")
    unlike = () if spec_of(gate.metric).machine_free else blocking_differences(earlier, record)
    if unlike:
        return _Number(None, f"{gate.against}: measured unlike, {'; '.join(unlike)}")
    found = _value(gate, earlier)
    return found if found.value is not None else _Number(None, f"{gate.against}: {found.reason}")


def _outcome(gate: Gate, limit: str, case: str, value: _Number, reference: _Number) -> GateOutcome:
    if value.value is None:
        return _no_data(gate, limit, case, value.reason)
    bound = getattr(gate, limit)
    against = ""
    if limit in ("max_increase", "max_drop"):
        if reference.value is None:
            return _no_data(gate, limit, case, reference.reason, value.value)
        bound = _relative(limit, bound, reference.value)
        against = f" ({gate.against}: {_format(gate.metric, reference.value)})"
    upper = limit in ("max_increase", "max")
    held = value.value <= bound if upper else value.value >= bound
    relation = ("≤" if upper else "≥") if held else (">" if upper else "<")
    numbers = f"{_format(gate.metric, value.value)} {relation} {_format(gate.metric, bound)}{against}"
    outcome = PASSED if held else FAILED
    known, finite = (number if math.isfinite(number) else None for number in (value.value, bound))
    return GateOutcome(_spell(gate, limit), case, gate.metric, outcome, known, finite, numbers)


def _relative(limit: str, ratio: float, reference: float) -> float:
    """Turn a relative limit into a value; what was identical may only stay so."""
    if math.isinf(reference):
        return reference
    return reference + (ratio if limit == "max_increase" else -ratio) * abs(reference)


def _no_data(gate: Gate, limit: str, case: str, reason: str, value: float | None = None) -> GateOutcome:
    bound = getattr(gate, limit) if limit in ("min", "max") else None
    return GateOutcome(_spell(gate, limit), case, gate.metric, NO_DATA, value, bound, reason)
