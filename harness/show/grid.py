"""What the table and the Markdown view have in common: which cells, as text, not yet escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.core.conditions import spell
from harness.core.metrics import HEADLINE, METRICS, MetricSpec, specs_for
from harness.core.record import Record
from harness.core.report import Report, Row
from harness.core.units import format_value

NONE = "–"
LONGEST_FLAG = 24


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, the cell of a row, and when a narrow terminal loses it (0: never)."""

    title: str
    cell: Callable[[Row], str]
    number: bool = True
    drop: int = 0  # the highest goes first


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be known of several cases; `flag` stands in their rows for any of `texts`."""

    flag: str
    texts: tuple[str, ...]
    cases: tuple[str, ...]


def columns(report: Report) -> list[Column]:
    """Give the columns that have something to say: the axes that vary, then the numbers that are there."""
    made = [Column(axis, _axis(axis), number=False) for axis in report.axes]
    headline = METRICS[HEADLINE]
    made.append(Column(headline.heading, _metric(headline)))
    if any(row.speedup is not None for row in report.rows):
        made.append(Column("speedup", _speedup))
    shown = [row for row in report.rows if row.rank]
    for name, metric in specs_for(row.record for row in shown).items():
        if metric.column and name != HEADLINE:
            made.append(Column(metric.heading, _metric(metric), drop=metric.drop))
        if metric.delta_title:
            made.append(Column(metric.delta_title, _delta(metric), drop=metric.delta_drop))
    flags = {text: note.flag for note in notes(report) for text in note.texts}
    made.append(Column("notes", lambda row: _flags(row, flags), number=False))
    fixed = {*report.axes, headline.heading, "speedup"}
    return [
        column
        for column in made
        if column.title in fixed or any(column.cell(row) not in (NONE, "") for row in shown)
    ]


def groups(report: Report) -> dict[str, list[Row]]:
    """Give the measured rows of each model, best first; a model that has none is not there."""
    found: dict[str, list[Row]] = {}
    for row in report.rows:
        if row.rank:
            found.setdefault(model(row.record), []).append(row)
    return found


def format_delta(value: float, unit: str) -> str:
    """Write a difference with its sign."""
    return f"{'+' if value >= 0 else ''}{format_value(value, unit)}"


def model(record: Record) -> str:
    """Name the model of a record."""
    return spell(record.axes.get("model"))


def notes(report: Report) -> list[Note]:
    """Give the notes of the measured rows: those of the same flag together, with their cases."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in report.rows:
        for text in row.record.notes if row.rank else ():
            found.setdefault(_head(text), {}).setdefault(text, []).append(row.record.case)
    return [
        Note(
            flag=head if len(head) <= LONGEST_FLAG else f"note {number}",
            texts=tuple(texts),
            cases=tuple(dict.fromkeys(case for cases in texts.values() for case in cases)),
        )
        for number, (head, texts) in enumerate(found.items(), 1)
    ]


def _head(text: str) -> str:
    """Shorten a note to what stands before its colon, where that is short enough for a cell."""
    head = text.partition(": ")[0]
    return head if len(head) <= LONGEST_FLAG else text


def _axis(axis: str) -> Callable[[Row], str]:
    return lambda row: spell(row.record.axes.get(axis))


def _metric(spec: MetricSpec) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        metric = row.record.metrics.get(spec.name)
        if metric is None or metric.value is None:
            return NONE
        text = (format_delta if spec.delta else format_value)(metric.value, metric.unit)
        return text.removesuffix(f" {spec.heading}")  # a unit that the title says already

    return cell


def _flags(row: Row, flags: Mapping[str, str]) -> str:
    return "; ".join(dict.fromkeys(flags[text] for text in row.record.notes))


def _speedup(row: Row) -> str:
    if row.baseline:
        return "baseline"
    return NONE if row.speedup is None else f"{row.speedup:.2f}×"


def _delta(spec: MetricSpec) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        delta = row.deltas.get(spec.name)
        return NONE if delta is None or row.baseline else format_delta(delta, spec.unit)

    return cell
