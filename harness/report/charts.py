"""The charts of one model: which there are, what is on them, and what each does and does not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.core.metrics import HEADLINE, spec_of
from harness.core.record import NoteKind, Record
from harness.core.report import Row
from harness.core.units import count
from harness.report.cases import Cases, accuracy_of, better, pareto, per_sample, reading, standing, value
from harness.report.model import (
    MAX_ROWS,
    Chart,
    Curve,
    Curves,
    DotRow,
    Dots,
    Reading,
    Scale,
    Scatter,
    Spot,
    Strip,
    Strips,
)
from harness.report.strips import SPAN, stretches
from harness.show.cells import Cell, Column, Line, Number, number

WIDE = 6.0
"""Largest over smallest from which an axis is logarithmic."""

MAX_CURVES = 5

CASE = Column("case", number=False)


def charts(cases: Cases) -> Iterator[Chart]:
    """Give the charts that have something to show of a model's measured cases."""
    if len(cases.rows) > 1:
        yield _latency(cases)
        yield from _throughput(cases)
        yield from _curves(cases, "intra_threads", "threads", "Time a sample by threads")
        yield from _curves(cases, "batch", "batch", "Time a sample by batch")
        yield from _front(cases)
    yield from _strips(cases)
    yield from _startup(cases)


def log_scale(values: Sequence[float | None]) -> bool:
    """Return whether values span so much that a logarithmic axis reads better."""
    known = [item for item in values if item is not None]
    return bool(known) and min(known) > 0 and max(known) / min(known) >= WIDE


def _latency(cases: Cases) -> Chart:
    several = any(
        row.record.axes.get("batch") != cases.rows[0].record.axes.get("batch") for row in cases.rows
    )
    names = ("p50 of a call", *(("p50 a sample",) if several else ()))
    found = [
        (row, (reading(row.record, HEADLINE), *((per_sample(row.record),) if several else ())))
        for row in cases.rows
    ]
    shown = _shown(cases)
    scales = tuple(
        Scale(name, "s", log_scale([readings[at].value for _, readings in found if readings[at]]))
        for at, name in enumerate(names)
    )
    rows = tuple(
        DotRow(cases.label(row.record), cases.group(row.record), readings, "baseline" if row.baseline else "")
        for row, readings in found
        if row in shown
    )
    lines = tuple(
        Line(
            (
                cases.label(row.record),
                *_interval(readings[0]),
                *(number(item and item.value, "s") for item in readings[1:]),
            )
        )
        for row, readings in found
    )
    columns = (CASE, Column("p50 of a call"), Column("low"), Column("high"), *map(Column, names[1:]))
    spans = sorted({item.interval for row in cases.rows if (item := row.record.metrics[HEADLINE]).interval})
    return Chart(
        name=f"{cases.model}-latency",
        title="Latency by setting",
        shows="Each dot is the median time, best first by the time a sample; its line is the 95% interval "
        f"{' or '.join(spans)}{_of(shown, cases)}.",
        omits="An interval within one process says nothing of how much the next process differs; "
        "for that, measure several processes or run an A/B.",
        drawing=Dots(scales, rows, cases.groups),
        columns=columns,
        lines=lines,
    )


def _throughput(cases: Cases) -> Iterator[Chart]:
    name = "throughput/samples_per_s"
    found = [(row, value(row.record, HEADLINE), value(row.record, name)) for row in cases.rows]
    found = [item for item in found if item[2] is not None]
    if len(found) < 3 or len({row.record.axes.get("batch") for row, _, _ in found}) < 2:
        return
    front = pareto(
        {row.record.case: (reading(row.record, HEADLINE), reading(row.record, name)) for row, _, _ in found},
        ("lower", "higher"),
    )
    scales = (
        Scale("p50 of a call", "s", log_scale([p50 for _, p50, _ in found])),
        Scale("throughput", "samples/s", log_scale([rate for _, _, rate in found])),
    )
    yield Chart(
        name=f"{cases.model}-throughput",
        title="Throughput against latency",
        shows="Up and left is better: more samples a second, less time for a call; the settings that no "
        "other is shown to beat, by intervals, are ringed.",
        omits="It is one caller at a time: what many callers at once get is not measured here.",
        drawing=Scatter(
            scales, _spots(cases, [(row, (p50, rate)) for row, p50, rate in found], front), cases.groups
        ),
        columns=(CASE, Column("p50"), Column("samples/s"), Column("front", number=False)),
        lines=tuple(
            Line(
                (
                    cases.label(row.record),
                    number(p50, "s"),
                    number(rate, "samples/s"),
                    _yes(row.record.case in front),
                )
            )
            for row, p50, rate in found
        ),
    )


def _front(cases: Cases) -> Iterator[Chart]:
    records = [row.record for row in cases.rows]
    accuracy = accuracy_of(records)
    names = [name for name in (accuracy, "memory/peak") if name]
    found = [
        (
            row,
            (
                (time.value if (time := per_sample(row.record)) else None),
                *(value(row.record, n) for n in names),
            ),
        )
        for row in cases.rows
    ]
    names = [
        name for at, name in enumerate(names, 1) if sum(values[at] is not None for _, values in found) >= 2
    ]
    if len(found) < 3 or not names:
        return
    found = [(row, (values[0], *(value(row.record, name) for name in names))) for row, values in found]
    front = pareto(
        {
            row.record.case: (per_sample(row.record), *(standing(row.record, name) for name in names))
            for row, _ in found
        },
        ("lower", *(better(name) for name in names)),
    )
    specs = [spec_of(name) for name in names]
    scales = (
        Scale("time a sample", "s", log_scale([values[0] for _, values in found])),
        *(Scale(_axis_title(spec.name), spec.unit) for spec in specs),
    )
    what = "speed, accuracy and memory" if accuracy else "speed and memory"
    missing = "" if accuracy else " Accuracy is not on it: no case has a number for it."
    yield Chart(
        name=f"{cases.model}-front",
        title=f"The front of {what}",
        shows=f"Left is faster; a ring marks the {count(len(front), 'setting')} "
        f"that no other is shown to beat in {what}.",
        omits="Intervals of one process decide what is shown; what has none, such as memory of one "
        f"process, counts as exact.{missing}",
        drawing=Scatter(scales, _spots(cases, found, front), cases.groups),
        columns=(
            CASE,
            Column("time a sample"),
            *(Column(spec.heading) for spec in specs),
            Column("front", number=False),
        ),
        lines=tuple(
            Line(
                (
                    cases.label(row.record),
                    number(values[0], "s"),
                    *(number(item, spec.unit) for item, spec in zip(values[1:], specs, strict=True)),
                    _yes(row.record.case in front),
                )
            )
            for row, values in found
        ),
    )


def _curves(cases: Cases, axis: str, word: str, title: str) -> Iterator[Chart]:
    """Give how the time of a sample goes with a whole-numbered axis, a curve for each other setting."""
    if axis not in cases.axes:
        return
    lines: dict[str, list[tuple[float, Reading]]] = {}
    for row in cases.rows:
        at, time = row.record.axes.get(axis), per_sample(row.record)
        if isinstance(at, int) and time is not None and not (axis == "intra_threads" and at == 0):
            lines.setdefault(cases.label(row.record, (axis,)), []).append((float(at), time))
    whole = {label: sorted(points, key=lambda p: p[0]) for label, points in lines.items() if len(points) > 1}
    if not whole:
        return
    best = list(whole)[:MAX_CURVES]
    numbers = [item.value for points in whole.values() for _, item in points]
    places = sorted({at for points in whole.values() for at, _ in points})
    plural = "batch sizes" if axis == "batch" else "numbers of threads"
    some = (
        f"; of {len(whole)} curves, the {len(best)} with the fastest case" if len(best) < len(whole) else ""
    )
    yield Chart(
        name=f"{cases.model}-{word}",
        title=title,
        shows=f"Lower is faster; each curve is one setting over the {plural} that were measured{some}.",
        omits="Between the points nothing was measured; the lines only lead the eye.",
        drawing=Curves(
            Scale(word, "1", log_scale(places)),
            Scale("time a sample", "s", log_scale(numbers)),
            tuple(Curve(label, tuple(whole[label])) for label in best),
            tuple((place, f"{place:g}") for place in places),
        ),
        columns=(
            Column("setting", number=False),
            Column(word),
            Column("time a sample"),
            Column("low"),
            Column("high"),
        ),
        lines=tuple(
            Line((label, f"{at:g}", *_interval(item)))
            for label, points in whole.items()
            for at, item in points
        ),
    )


def _strips(cases: Cases) -> Iterator[Chart]:
    shown = _shown(cases)
    made = []
    lines = []
    for row in cases.rows:
        found = stretches(row.record.samples.get("latency_ns") or ())
        if found is None:
            continue
        unsteady = _unsteady(row.record)
        label = cases.label(row.record)
        if row in shown:
            made.append(
                Strip(
                    label,
                    cases.group(row.record),
                    found.stretches,
                    found.starts,
                    "not steady" if unsteady else "",
                )
            )
        lines.append(
            Line(
                (
                    label,
                    str(found.calls),
                    str(found.processes),
                    Number(found.median_s, "s"),
                    f"{found.low:+.1%}",
                    f"{found.high:+.1%}",
                    "; ".join(unsteady) or "yes" if found.known else "too few calls to tell",
                )
            )
        )
    if not made:
        return
    yield Chart(
        name=f"{cases.model}-calls",
        title="The calls, one after another",
        shows="Each strip is the timed calls of a case in order: the line is their median, the band "
        f"holds 90% of them, from {-SPAN:.0%} to {SPAN:+.0%} of the case's median; a flat strip is steady"
        f"{_of(shown, cases)}.",
        omits="Strips share no scale of seconds, so a higher one is not slower; single slow calls beyond the "
        "band are not drawn.",
        drawing=Strips(tuple(made), cases.groups),
        columns=(
            CASE, Column("calls"), Column("processes"), Column("median"), Column("5%"), Column("95%"),
            Column("steady", number=False),
        ),
        lines=tuple(lines),
    )  # fmt: skip


def _startup(cases: Cases) -> Iterator[Chart]:
    wanted = (
        ("startup/session", "session creation", "s"),
        ("startup/first_call", "first call", "s"),
        ("memory/session", "memory of the session", "B"),
        ("memory/peak", "peak memory", "B"),
    )
    found = [item for item in wanted if any(reading(row.record, item[0]) for row in cases.rows)]
    if not found or len(cases.rows) < 2:
        return
    shown = _shown(cases)
    readings = {
        row.record.case: tuple(reading(row.record, name) for name, _, _ in found) for row in cases.rows
    }
    scales = tuple(
        Scale(title, unit, log_scale([item.value for each in readings.values() if (item := each[at])]))
        for at, (_, title, unit) in enumerate(found)
    )
    yield Chart(
        name=f"{cases.model}-startup",
        title="Start-up and memory",
        shows="What a fresh process pays before the first answer, and the memory that it holds; "
        f"further left is less{_of(shown, cases)}.",
        omits="The import of the runtime is not in it, and files may be in the page cache: a first start "
        "after a boot takes longer.",
        drawing=Dots(
            scales,
            tuple(
                DotRow(cases.label(row.record), cases.group(row.record), readings[row.record.case])
                for row in cases.rows
                if row in shown
            ),
            cases.groups,
        ),
        columns=(CASE, *(Column(title) for _, title, _ in found)),
        lines=tuple(
            Line(
                (
                    cases.label(row.record),
                    *(
                        number(item.value if item else None, unit)
                        for item, (_, _, unit) in zip(readings[row.record.case], found, strict=True)
                    ),
                )
            )
            for row in cases.rows
        ),
    )


def _spots(
    cases: Cases, found: Sequence[tuple[Row, tuple[float | None, ...]]], front: frozenset[str]
) -> tuple[Spot, ...]:
    kept = [item for item in found if item[0].record.case in front]
    kept += [item for item in found if item[0].record.case not in front]
    return tuple(
        Spot(cases.label(row.record), cases.group(row.record), values, row.record.case in front)
        for row, values in kept[: 5 * MAX_ROWS]
    )


def _shown(cases: Cases) -> list[Row]:
    """Choose the rows that a chart has room for: the best, and the baseline."""
    if len(cases.rows) <= MAX_ROWS:
        return list(cases.rows)
    best = list(cases.rows[:MAX_ROWS])
    beyond = [row for row in cases.rows[MAX_ROWS:] if row.baseline]
    return [*best[: MAX_ROWS - len(beyond[:1])], *beyond[:1]]


def _of(shown: Sequence[Row], cases: Cases) -> str:
    whole = len(cases.rows)
    return (
        ""
        if len(shown) == whole
        else f"; the {len(shown)} best of {whole} cases are drawn, the table has all"
    )


def _interval(item: Reading | None) -> tuple[Cell, Cell, Cell]:
    if item is None:
        return None, None, None
    return tuple(number(each, "s") for each in (item.value, item.low, item.high))  # type: ignore[return-value]


def _unsteady(record: Record) -> list[str]:
    return [note.detail or note.text for note in record.typed_notes() if note.kind is NoteKind.UNSTEADY]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""


def _axis_title(name: str) -> str:
    titles = {
        "accuracy/top1": "top-1",
        "accuracy/mae": "mean absolute error",
        "accuracy/agreement": "agreement with the FP32 reference",
        "accuracy/sqnr_db": "SQNR to the FP32 reference",
        "memory/peak": "peak memory",
    }
    return titles.get(name, name)
