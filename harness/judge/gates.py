"""Evaluate gates: limits that a metric must keep, fixed or against earlier records.

A gate that cannot be evaluated is `no data`, with the reason and, where it is
known, the setting that would help; it has never passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.conditions import matches
from harness.core.decision import Change, DecisionSource, MetricComparison
from harness.core.metrics import spec_of
from harness.core.record import BAD, Absence, Record, Status
from harness.core.report import GateOutcome, NoData, Outcome, Reference, Setting
from harness.core.suite import Gate
from harness.core.units import format_percent, format_value
from harness.judge.comparability import blocking_differences, unlike_counts, unlike_data
from harness.judge.exact import EVALUATED
from harness.judge.metrics.drift import IDENTICAL
from harness.judge.metrics.latency import BETWEEN
from harness.judge.needs import what_helps

References = Mapping[str, Mapping[str, Record]]
"""What relative gates are compared with, by the name that a gate uses, then by case."""

Comparisons = Mapping[tuple[str, str], MetricComparison]
"""Comparisons by case and metric."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A value, or why there is none."""

    value: float | None
    reason: str = ""
    no_data: NoData | None = None
    setting: Setting | None = None
    low: float | None = None  # interval between processes
    high: float | None = None


def evaluate(
    gates: Sequence[Gate], records: Sequence[Record], references: References | None = None
) -> tuple[GateOutcome, ...]:
    """Evaluate every gate for every case that it covers, skipped cases left out.

    A gate that covers no case at all has one outcome, `no data`. A gate with
    `confirm` whose stored numbers fail it is `no data` too: it asks for an A/B
    (see `with_evidence`).
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
                outcomes.append(_no_case(gate, limit))
            for record in meant:
                reference = _reference(gate, record, references or {}) if _is_relative(limit) else None
                found = _outcome(gate, limit, record.case, _value(gate, record), reference)
                outcomes.append(_unconfirmed(found) if gate.confirm else found)
    return tuple(outcomes)


def evaluate_comparisons(
    gates: Sequence[Gate],
    comparisons: Sequence[MetricComparison],
    axes: Mapping[str, Mapping[str, str | int | None]],
) -> tuple[GateOutcome, ...]:
    """Evaluate gates for two arms: HEAD's value, and BASE's as the reference whatever `against` says.

    `axes` gives each case's axes. Cases that a gate covers and that have no
    such comparison are `no data`.
    """
    found = {(item.case, item.metric): item for item in comparisons}
    outcomes: list[GateOutcome] = []
    for asked in gates:
        gate = replace(asked, against="base")
        meant = [case for case in axes if matches(axes[case], gate.case)]
        for limit in _limits(gate):
            if not meant:
                outcomes.append(_no_case(gate, limit))
            for case in meant:
                item = found.get((case, gate.metric))
                head, base = (
                    _Number(value, "not compared", NoData.NOT_COMPARED)
                    for value in ((item.head, item.base) if item else (None, None))
                )
                outcome = _outcome(gate, limit, case, head, base)
                if item is not None:
                    outcome = replace(outcome, compared=item.decision.verdict)
                    if gate.confirm and item.decision.verdict is Change.INCONCLUSIVE:
                        outcome = _unconfirmed(outcome)
                outcomes.append(outcome)
    return tuple(outcomes)


def beside_comparisons(
    outcomes: Sequence[GateOutcome], comparisons: Mapping[str, Sequence[MetricComparison]]
) -> tuple[GateOutcome, ...]:
    """Add to relative gates the verdict of the comparison with the same reference, by its name."""
    found = {name: _by_place(items) for name, items in comparisons.items()}

    def verdict(outcome: GateOutcome) -> Change | None:
        item = found.get(outcome.against or "", {}).get((outcome.case, outcome.metric))
        return item.decision.verdict if item else outcome.compared

    return tuple(replace(outcome, compared=verdict(outcome)) for outcome in outcomes)


def with_evidence(
    outcomes: Sequence[GateOutcome], gates: Sequence[Gate], evidence: Mapping[str, Sequence[MetricComparison]]
) -> tuple[GateOutcome, ...]:
    """Let A/Bs decide the gates that ask for one; `evidence` holds what they showed, by reference.

    The ratio that an A/B showed is compared with the limit. Where it showed
    nothing, or there was none, the outcome stays without data.
    """
    asked = {_spell(gate, limit): (gate, limit) for gate in gates for limit in _limits(gate)}
    found = {name: _by_place(items) for name, items in evidence.items()}

    def decided(outcome: GateOutcome) -> GateOutcome:
        item = found.get(outcome.against or "", {}).get((outcome.case, outcome.metric))
        if outcome.no_data is not NoData.UNCONFIRMED or item is None:
            return outcome
        if item.decision.source is not DecisionSource.AB or item.decision.ratio is None:
            why = f": {item.unconfirmed}" if item.unconfirmed else ""
            return replace(outcome, reason=f"{outcome.reason}; no A/B decided it{why}")
        gate, limit = asked[outcome.gate]
        ratio, allowed = item.decision.ratio, getattr(gate, limit)
        held = ratio <= 1 + allowed if limit == "max_increase" else ratio >= 1 - allowed
        change = format_percent(ratio - 1, signed=True)
        return replace(
            outcome,
            outcome=Outcome.PASSED if held else Outcome.FAILED,
            no_data=None,
            setting=None,
            reason=f"{outcome.reason}; by an A/B {change}, {'within' if held else 'beyond'} the limit",
        )

    return tuple(map(decided, outcomes))


def _by_place(items: Sequence[MetricComparison]) -> Comparisons:
    return {(item.case, item.metric): item for item in items}


def _limits(gate: Gate) -> Iterator[str]:
    yield from (
        name for name in ("max_increase", "max_drop", "min", "max") if getattr(gate, name) is not None
    )


def _is_relative(limit: str) -> bool:
    return limit in ("max_increase", "max_drop")


def _spell(gate: Gate, limit: str) -> str:
    """Write a gate as text: ``latency/p50 max_increase 3% against anchor``."""
    number = getattr(gate, limit)
    if not _is_relative(limit):
        return f"{gate.metric} {limit} {_format(gate.metric, number)}"
    return f"{gate.metric} {limit} {number * 100:.6g}% against {gate.against}"


def _format(metric: str, value: float) -> str:
    if math.isinf(value):
        return IDENTICAL
    return format_value(value, spec_of(metric).unit)


def _value(gate: Gate, record: Record) -> _Number:
    if record.status is not Status.OK:
        why = NoData.CASE_FAILED if record.status in BAD else NoData.UNSUPPORTED
        return _Number(None, f"the case is {record.status}: {record.reason}", why)
    metric = record.metrics.get(gate.metric)
    setting = what_helps(record, gate.metric)
    if metric is None:
        return _Number(None, "not measured", NoData.NO_VALUE, setting)
    if metric.absence is Absence.IDENTICAL:
        return _Number(math.inf)  # an SQNR without noise
    few = metric.absence is Absence.TOO_FEW_CALLS
    low, high = (metric.low, metric.high) if metric.interval == BETWEEN else (None, None)
    why = NoData.TOO_FEW_CALLS if few else NoData.NO_VALUE
    return _Number(metric.value, metric.reason, why, setting, low, high)


def _reference(gate: Gate, record: Record, references: References) -> _Number:
    """Find what a relative limit is taken from; unlike environments are no reference for speed."""
    earlier = references.get(gate.against, {}).get(record.case)
    if earlier is None:
        # where a run is there, a case that it lacks is new, unless the anchor is to have it
        late = gate.against == Reference.ANCHOR and gate.against in references
        pin = Setting("harness anchor set", record.run or "RUN") if late else None
        reason = f"no {gate.against} record of this case"
        return _Number(None, reason, NoData.NO_REFERENCE if late else NoData.FIRST_RUN, pin)
    unlike = () if spec_of(gate.metric).machine_free else blocking_differences(earlier, record)
    if unlike:
        return _Number(None, f"{gate.against}: measured unlike, {'; '.join(unlike)}", NoData.UNLIKE)
    if spec_of(gate.metric).evidence in EVALUATED and (other := unlike_data(earlier, record)):
        return _Number(None, f"{gate.against}: not comparable, evaluated on {other}", NoData.UNLIKE)
    part = spec_of(gate.metric).taken_in
    found = _value(gate, earlier)
    if found.value is not None and part and (unlike_how := unlike_counts(earlier, record, part)):
        return _Number(None, f"{gate.against}: not comparable, {unlike_how}", NoData.UNLIKE)
    if found.value is not None:
        return found
    return _Number(None, f"{gate.against}: {found.reason}", NoData.NO_REFERENCE)


def _outcome(gate: Gate, limit: str, case: str, value: _Number, reference: _Number | None) -> GateOutcome:
    if value.value is None:
        return _no_data(gate, limit, case, value)
    bound = getattr(gate, limit)
    against = ""
    if _is_relative(limit):
        assert reference is not None
        if reference.value is None:
            return _no_data(gate, limit, case, reference, value.value)
        bound = _relative(limit, bound, reference.value)
        against = f" ({gate.against}: {_format(gate.metric, reference.value)})"
    upper = limit in ("max_increase", "max")
    held = value.value <= bound if upper else value.value >= bound
    relation = ("≤" if upper else "≥") if held else (">" if upper else "<")
    known, finite = (number if math.isfinite(number) else None for number in (value.value, bound))
    low, high = _spread(value, reference)
    return GateOutcome(
        gate=_spell(gate, limit),
        case=case,
        metric=gate.metric,
        outcome=Outcome.PASSED if held else Outcome.FAILED,
        value=known,
        limit=finite,
        reason=f"{_format(gate.metric, value.value)} {relation} {_format(gate.metric, bound)}{against}",
        against=Reference(gate.against) if _is_relative(limit) else None,
        confirm=gate.confirm,
        low=low,
        high=high,
    )


def _spread(value: _Number, reference: _Number | None) -> tuple[float | None, float | None]:
    """Return the interval of a value, widened by that of what it is compared with; None without one."""
    if value.low is None or value.high is None:
        return None, None
    if reference is None or not reference.value or reference.low is None or reference.high is None:
        return value.low, value.high
    return value.low * reference.value / reference.high, value.high * reference.value / reference.low


def _relative(limit: str, ratio: float, reference: float) -> float:
    """Turn a relative limit into a value; what was identical may only stay so."""
    if math.isinf(reference):
        return reference
    return reference + (ratio if limit == "max_increase" else -ratio) * abs(reference)


def _unconfirmed(outcome: GateOutcome) -> GateOutcome:
    """Leave open what stored numbers alone fail, where the gate asks for an A/B."""
    if outcome.outcome is not Outcome.FAILED:
        return outcome
    return replace(
        outcome,
        outcome=Outcome.NO_DATA,
        no_data=NoData.UNCONFIRMED,
        setting=Setting("harness compare", f"{outcome.against} latest --confirm"),
    )


def _no_case(gate: Gate, limit: str) -> GateOutcome:
    return _no_data(gate, limit, "", _Number(None, "no case matches", NoData.NO_CASE))


def _no_data(gate: Gate, limit: str, case: str, why: _Number, value: float | None = None) -> GateOutcome:
    return GateOutcome(
        gate=_spell(gate, limit),
        case=case,
        metric=gate.metric,
        outcome=Outcome.NO_DATA,
        value=value,
        limit=None if _is_relative(limit) else getattr(gate, limit),
        reason=why.reason,
        against=Reference(gate.against) if _is_relative(limit) else None,
        no_data=why.no_data or NoData.NO_VALUE,
        setting=why.setting,
        confirm=gate.confirm,
    )
