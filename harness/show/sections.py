"""What is below the numbers, not yet escaped: what did not work, gates, notes, advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.core.decision import Change
from harness.core.metrics import spec_of
from harness.core.record import BAD, Record, Status
from harness.core.report import Advice, GateOutcome, NoData, Outcome, Report, unevaluated
from harness.core.units import count, format_value
from harness.show.cells import format_delta
from harness.show.grid import NotedCases, notes
from harness.show.wording import remedy

MAX_DETAILS = 3
"""Wordings of one note, and cases of one gate without data, that are spelled out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to say, and what belongs to it: mostly the cases that it is about."""

    text: str
    lines: tuple[str, ...] = ()


class SectionKind(StrEnum):
    """What a section is about."""

    CASES = "cases"  # how cases ended
    GATES_FAILED = "gates failed"
    GATES_WITHOUT_DATA = "gates without data"
    GATES_PASSED = "gates passed"
    NOTES = "notes"
    BEST = "best"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its entries; `mood` picks the heading's color: "bad", "warning", "good" or ""."""

    title: str
    entries: tuple[Entry, ...]
    mood: str = ""
    kind: SectionKind = SectionKind.OTHER


def sections(report: Report) -> Iterator[Section]:
    """Give the sections that are not empty, the worst first."""
    bad = [record for record in report.records if record.status in BAD]
    if bad:
        text = f"Failed: {count(len(bad), 'case')}"
        yield Section(text, _by_reason(bad), "bad", SectionKind.CASES)
    yield from gate_sections(report.gates)
    for status, title in ((Status.UNSUPPORTED, "Unsupported"), (Status.SKIPPED, "Skipped")):
        found = [record for record in report.records if record.status is status]
        if found:
            heading = f"{title}: {count(len(found), 'case')}"
            yield Section(heading, _by_reason(found), "warning", SectionKind.CASES)
    if noted := notes(report):
        yield Section("Notes", tuple(map(_note, noted)), kind=SectionKind.NOTES)
    if report.advice:
        records = {record.case: record for record in report.records}
        entries = tuple(_advice(advice, records.get(advice.case)) for advice in report.advice)
        yield Section("Best", entries, "good", SectionKind.BEST)


def gate_sections(gates: Sequence[GateOutcome]) -> Iterator[Section]:
    """Give the gates that failed, those without data, and the number of those that passed."""
    failed = [gate for gate in gates if gate.failed]
    if failed:
        kind, entries = SectionKind.GATES_FAILED, tuple(map(_gate, failed))
        yield Section(f"Gates failed: {len(failed)}", entries, "bad", kind)
    missing = [gate for gate in gates if gate.outcome is Outcome.NO_DATA]
    if missing:
        kind, mood = SectionKind.GATES_WITHOUT_DATA, "bad" if unevaluated(missing) else "warning"
        yield Section(f"Gates without data: {len(missing)}", _without_data(missing), mood, kind)
    passed = [gate for gate in gates if gate.outcome is Outcome.PASSED]
    if passed:
        unsure = sum(gate.within_spread for gate in passed)
        entries = (Entry(f"{unsure} of them: {_WITHIN_SPREAD}"),) if unsure else ()
        yield Section(f"Gates passed: {len(passed)}", entries, "good", SectionKind.GATES_PASSED)


def summary(report: Report) -> str:
    """Count the cases by status, in the order of `Status`, and say what ran them."""
    counts = {status: sum(record.status is status for record in report.records) for status in Status}
    parts = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    if not parts:
        return "no cases"
    return "; ".join(
        filter(None, (f"{count(len(report.records), 'case')}: {parts}", _ran_by(report.records)))
    )


def _ran_by(records: Sequence[Record]) -> str:
    """Name the runtimes and machines, as they were found in effect."""
    names = {str(record.runtime) for record in records if record.runtime}
    machines = {record.machine for record in records if record.machine}
    return " on ".join(", ".join(sorted(found)) for found in (names, machines) if found)


def _by_reason(records: Sequence[Record]) -> tuple[Entry, ...]:
    """Say each reason once; the cases that the suite skipped are counted, the others are named."""
    found: dict[tuple[Status, str], list[str]] = {}
    for record in records:
        found.setdefault((record.status, record.reason), []).append(record.case)
    entries = []
    for (status, reason), cases in found.items():
        text = f"{status}: {reason}" if status in BAD else reason or "no reason given"
        if status is Status.SKIPPED:
            entries.append(Entry(f"{text} ({count(len(cases), 'case')})"))
        else:
            entries.append(Entry(text, tuple(cases)))
    return tuple(entries)


_WITHIN_SPREAD = (
    "the limit lies within the spread between processes: the next run may come out otherwise; a higher "
    "sampling.processes narrows it"
)


def _gate(gate: GateOutcome) -> Entry:
    """Return what failed, and which to believe where a comparison of the same numbers did not show it."""
    lines = [gate.case]
    if gate.compared in (Change.INCONCLUSIVE, Change.EQUIVALENT):
        lines.append(
            f"the comparison with {gate.against} is {gate.compared}: believe that, the gate knows two "
            "numbers and no noise. With 'confirm: true' an A/B decides the gate"
        )
    spec = spec_of(gate.metric)
    if gate.within_spread and gate.low is not None and gate.high is not None:
        span = f"{format_value(gate.low, spec.unit)} to {format_value(gate.high, spec.unit)}"
        lines.append(f"{_WITHIN_SPREAD} ({span})")
    elif gate.low is None and gate.against is not None and spec.asked_by == "memory":
        lines.append(
            "one process does not show what memory varies by from process to process (up to 5.5% were seen): "
            "a higher sampling.processes does"
        )
    return Entry(f"{gate.gate}: {gate.reason}", tuple(lines))


def _without_data(gates: Sequence[GateOutcome]) -> tuple[Entry, ...]:
    """Say each gate and reason once; the sections above and below say why a case did not end well."""
    found: dict[str, list[str]] = {}
    for gate in gates:
        reason = _ENDED.get(gate.no_data or NoData.NO_VALUE, gate.reason)
        helps = f"; {remedy(gate.setting)}" if gate.setting else ""
        found.setdefault(f"{gate.gate}: {reason}{helps}", []).append(gate.case)
    few = MAX_DETAILS
    return tuple(
        Entry(text, tuple(cases)) if len(cases) <= few else Entry(f"{text} ({count(len(cases), 'case')})")
        for text, cases in found.items()
    )


_ENDED = {NoData.UNSUPPORTED: "the case is unsupported", NoData.CASE_FAILED: "the case failed"}
"""What the sections above and below explain."""


def _note(noted: NotedCases) -> Entry:
    of = f" ({count(len(noted.cases), 'case')})"
    if len(noted.notes) == 1:
        (note,) = noted.notes
        text = note.text if noted.flag in (note.short, note.detail) else f"{noted.flag}: {note.text}"
        return Entry(text + of)
    details = [note.detail if noted.flag == note.short else note.text for note in noted.notes]
    more = len(details) - MAX_DETAILS
    tail = [f"... and {more} more: --format json has each with its case"] if more > 0 else []
    return Entry(noted.flag + of, (*details[:MAX_DETAILS], *tail))


def _advice(advice: Advice, record: Record | None) -> Entry:
    parts = [f"{advice.metric} {format_value(advice.value, advice.unit)}"]
    if advice.speedup is not None:
        unsteady = "" if advice.baseline_steady or not advice.steady else " (which is not steady)"
        parts.append(f"{advice.speedup:.2f}× the baseline{unsteady}")
    for title, name in (("top-1", "accuracy/top1_delta"), ("error", "accuracy/mae_delta")):
        metric = record.metrics.get(name) if record else None
        if metric is not None and metric.value is not None:
            parts.append(f"{title} {format_delta(metric.value, metric.unit)}")
    if not advice.steady:
        parts.append("not steady")
    lines = [advice.case]
    if advice.ties:
        lines.append(f"a tie (the intervals overlap): {', '.join(advice.ties)}")
    lines += [
        f"faster, but passed over: {item.case} ({format_value(item.value, advice.unit)}): {item.reason}"
        for item in advice.passed_over
    ]
    return Entry(f"{advice.model}, for {advice.aim}: {', '.join(parts)}", tuple(lines))
