"""The table of a run: which columns it has, and their cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.core.conditions import spell
from harness.core.metrics import HEADLINE, METRICS, MetricSpec, specs_for
from harness.core.record import Absence, Note, Record
from harness.core.report import Report, Row
from harness.core.units import count
from harness.show.cells import Cell, Number
from harness.show.fields import Field, filled

LONGEST_FLAG = 24
"""Characters of a note that has no short form and goes into a cell as it is."""

Draw = Callable[[Row], Cell]
"""Give the cell of a row."""


@dataclass(frozen=True, slots=True)
class NotedCases:
    """What is to be known of several cases; the cells of their rows have `flag`."""

    flag: str
    notes: tuple[Note, ...]
    cases: tuple[str, ...]


def fields(report: Report) -> tuple[Field[Row], ...]:
    """Give the fields that have something to say: the axes that vary, then the numbers that are there."""
    shown = [row for row in report.rows if row.rank]
    headline = METRICS[HEADLINE]
    always: list[Field[Row]] = [Field("model", lambda row: model(row.record))]
    always += [Field(axis, _axis(axis)) for axis in report.axes]
    always.append(Field(headline.heading, _metric(headline), number=True))
    if any(row.speedup is not None for row in report.rows):
        always.append(Field("speedup", _speedup, number=True))
    others: list[Field[Row]] = []
    for name, metric in specs_for(row.record for row in shown).items():
        if (metric.column or not set(metric.beside).isdisjoint(report.axes)) and name != HEADLINE:
            others.append(Field(metric.heading, _metric(metric), True, metric.drop))
        if metric.delta_title:
            others.append(Field(metric.delta_title, _delta(metric), True, metric.delta_drop))
    flags = {note: noted.flag for noted in notes(report) for note in noted.notes}
    others.append(Field("notes", lambda row: _flags(row, flags)))
    return (*always, *filled(others, shown))


_SILENT = (Absence.REPLACED, Absence.NOT_ASKED)
"""Why a value is missing, where nobody misses it."""


def without_values(report: Report) -> list[str]:
    """Name the metrics that would have a column if a measured row had a value, and why none has."""
    shown = [row.record for row in report.rows if row.rank]
    reasons: dict[str, list[str]] = {}
    for name, spec in specs_for(shown).items():
        known = (record.metrics[name] for record in shown if name in record.metrics)
        found = [metric for metric in known if metric.absence not in _SILENT]
        if spec.column and found and all(metric.value is None for metric in found):
            why = dict.fromkeys(metric.reason for metric in found if metric.reason)
            more = f" and {count(len(why) - 1, 'more reason')}" if len(why) > 1 else ""
            reasons.setdefault(f"{next(iter(why), 'no reason given')}{more}", []).append(spec.heading)
    return [f"{', '.join(headings)}: {reason}" for reason, headings in reasons.items()]


def groups(report: Report) -> dict[str, list[Row]]:
    """Give the measured rows of each model, best first; a model that has none is not there."""
    found: dict[str, list[Row]] = {}
    for row in report.rows:
        if row.rank:
            found.setdefault(model(row.record), []).append(row)
    return found


def model(record: Record) -> str:
    """Name the model of a record."""
    return spell(record.axes.get("model"))


def notes(report: Report) -> list[NotedCases]:
    """Give the notes of the measured rows: those of the same short form together, with their cases."""
    found: dict[str, dict[Note, list[str]]] = {}
    for row in report.rows:
        for note in row.record.typed_notes() if row.rank else ():
            found.setdefault(note.short or note.detail, {}).setdefault(note, []).append(row.record.case)
    long = [short for short in found if len(short) > LONGEST_FLAG]
    return [
        NotedCases(
            flag=f"note {long.index(short) + 1}" if short in long else short,
            notes=tuple(together),
            cases=tuple(dict.fromkeys(case for cases in together.values() for case in cases)),
        )
        for short, together in found.items()
    ]


def _axis(axis: str) -> Draw:
    return lambda row: spell(row.record.axes.get(axis))


def _metric(spec: MetricSpec) -> Draw:
    def cell(row: Row) -> Cell:
        metric = row.record.metrics.get(spec.name)
        if metric is not None and metric.absence is Absence.IDENTICAL:
            return "identical"  # to the reference: no number is better
        if metric is None or metric.value is None:
            return None
        return Number(metric.value, metric.unit, spec.delta, beside=spec.heading)

    return cell


def _flags(row: Row, flags: Mapping[Note, str]) -> str:
    return "; ".join(dict.fromkeys(flags[note] for note in row.record.typed_notes()))


def _speedup(row: Row) -> Cell:
    if row.baseline:
        return "baseline"
    return None if row.speedup is None else f"{row.speedup:.2f}×"


def _delta(spec: MetricSpec) -> Draw:
    def cell(row: Row) -> Cell:
        delta = row.deltas.get(spec.name)
        return None if delta is None or row.baseline else Number(delta, spec.unit, signed=True)

    return cell
