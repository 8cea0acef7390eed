"""The charts of where time goes: shares of operators by setting, and operators below the roofs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from harness.core.record import Record
from harness.core.units import count, format_bytes, format_percent, format_seconds
from harness.profile.model import ProfileRow, Roofs
from harness.profile.roofline import TOLERANCE
from harness.profile.stored import StoredProfile
from harness.report.cases import Cases
from harness.report.model import Bar, Bars, Ceiling, Chart, Mark, RoofPlot, Scale, Slope
from harness.report.palette import HUES
from harness.show.cells import Cell, Column, Line, number

Profiled = Sequence[tuple[Record, StoredProfile]]

MAX_BARS = 10
"""Cases whose shares are drawn."""

MAX_PLOTS = 2
"""Settings of a model that are drawn below their roofs."""

OTHERS = "all others"
UNCERTAIN = "~"
GIGA = 1e9


def profile_charts(cases: Cases, profiles: Mapping[str, StoredProfile]) -> Iterator[Chart]:
    """Give the charts of a model's cases that have a profile, by the key of a case."""
    found = [(row.record, profiles[row.record.case]) for row in cases.rows if row.record.case in profiles]
    if found:
        yield _shares(cases, found)
        yield from _roofs(cases, found)


def _shares(cases: Cases, found: Profiled) -> Chart:
    sums: dict[str, float] = defaultdict(float)
    for _, profile in found:
        for row in profile.operators:
            sums[row.name] += row.share
    ordered = sorted(sums, key=lambda name: (-sums[name], name))
    names = ordered if len(ordered) <= HUES else ordered[: HUES - 1]
    more = len(ordered) - len(names)
    titles = (*names, *((f"{OTHERS} ({more})",) if more else ()))
    split = [_split(profile.operators, names, more > 0) for _, profile in found]
    drawn = min(len(found), MAX_BARS)
    of = (
        f"; {drawn} of {len(found)} profiled cases are drawn, the table has all" if drawn < len(found) else ""
    )
    without = len(cases.rows) - len(found)
    gone = f"; {without} of {count(len(cases.rows), 'case')} have no profile" if without else ""
    unsure = any(is_unsure for parts in split for _, is_unsure in parts)
    mark = (
        f"; {UNCERTAIN} in the table: more than a tenth of a share may be the profile's own" if unsure else ""
    )
    return Chart(
        name=f"{cases.model}-operators",
        title="Where the time goes, by operator",
        shows="Each bar is the time of all nodes of a setting, which stands beside it, and a stretch is the "
        f"share of an operator, the profile's own part taken off{of}.",
        omits="What a call takes beside its nodes is not in it, and a share is no speed; profiled "
        f"{_days(found)}, apart from the calls above{mark}{gone}.",
        drawing=Bars(
            titles,
            tuple(
                Bar(cases.label(record), tuple(part for part, _ in parts), format_seconds(profile.nodes_s))
                for (record, profile), parts in zip(found, split, strict=True)
            )[:MAX_BARS],
        ),
        columns=(
            Column("case", number=False),
            Column("p50 when profiled"),
            Column("all nodes"),
            *map(Column, titles),
        ),
        lines=tuple(
            Line(
                (
                    cases.label(record),
                    number(profile.p50_s, "s"),
                    number(profile.nodes_s, "s"),
                    *(_share(part, is_unsure) for part, is_unsure in parts),
                )
            )
            for (record, profile), parts in zip(found, split, strict=True)
        ),
    )


def _split(rows: Sequence[ProfileRow], names: Sequence[str], others: bool) -> list[tuple[float, bool]]:
    """Return the share of each of `names`, and of all others, and whether it is uncertain."""
    by_name = {row.name: row for row in rows}
    parts = [
        (row.share, row.uncertain) if (row := by_name.get(name)) is not None else (0.0, False)
        for name in names
    ]
    rest = [row for row in rows if row.name not in names]
    if others:
        parts.append((sum(row.share for row in rest), any(row.uncertain for row in rest)))
    return parts


def _share(part: float, uncertain: bool) -> str | None:
    return f"{UNCERTAIN if uncertain else ''}{part:.1%}" if part else None


def _roofs(cases: Cases, found: Profiled) -> Iterator[Chart]:
    """Give a plot for the fastest case of each color, as many as there is room for."""
    best: dict[str, tuple[Record, StoredProfile]] = {}
    for record, profile in found:
        if profile.roofs is not None and any(map(_is_drawn, profile.operators)):
            best.setdefault(cases.group(record), (record, profile))
    for at, (record, profile) in enumerate(list(best.values())[:MAX_PLOTS]):
        if profile.roofs is not None:
            yield _plot(cases, record, profile, profile.roofs, at)


def _plot(cases: Cases, record: Record, profile: StoredProfile, roofs: Roofs, at: int) -> Chart:
    drawn = [row for row in profile.operators if _is_drawn(row)][:HUES]
    rest = 1.0 - sum(row.share for row in drawn)
    label = cases.label(record)
    unsure = "; a hollow mark is uncertain" if any(row.uncertain for row in drawn) else ""
    left = f"; {format_percent(rest)} of the time is in the table alone" if rest > 0.0005 else ""
    above = [row.name for row in profile.operators if (row.roof_share or 0) > TOLERANCE and not row.uncertain]
    wrong = f" Above its roof, so that its count or the roof is wrong: {', '.join(above)}." if above else ""
    return Chart(
        name=f"{cases.model}-roofline-{at + 1}",
        title=f"Below the roofs: {label}",
        shows="Each mark is an operator, larger where it takes more of the time; the lines are what this "
        "runtime reached on these cores in products, and in additions over so many bytes.",
        omits="Bytes count as if every cache were perfect; roofs were measured "
        f"{roofs.measured_at[:10]} with {count(roofs.threads, 'thread')}{unsure}{left}.{wrong}",
        drawing=RoofPlot(
            Scale("FLOP a byte", "1", log=True),
            Scale("GFLOP/s", "1", log=True),
            tuple(_slopes(roofs)),
            tuple(
                Ceiling(f"{kernel} {value / GIGA:.3g}", value / GIGA)
                for kernel, value in roofs.flops_per_s.items()
            ),
            tuple(
                Mark(
                    f"{row.name}, {format_percent(row.share)}",
                    row.intensity or 0.0,
                    (row.flops_per_s or 0.0) / GIGA,
                    row.share,
                    row.uncertain,
                )
                for row in drawn
            ),
        ),
        columns=(
            Column("operator", number=False),
            *map(
                Column,
                ("time", "share", "FLOP", "bytes", "FLOP a byte", "GFLOP/s", "GB/s"),
            ),
            Column("bound", number=False),
            Column("of roof"),
        ),
        lines=(*(_operator(row) for row in profile.operators), *_roof_lines(roofs)),
    )


def _slopes(roofs: Roofs) -> Iterator[Slope]:
    """Give the bandwidths that some size of work can reach, the steepest first."""
    known: list[float] = []
    for at, each in enumerate(roofs.bandwidths):
        best = max(item.bytes_per_s for item in roofs.bandwidths[at:])
        if best not in known:
            known.append(best)
            size = format_bytes(each.working_set_bytes)
            yield Slope(f"{'from ' if at else ''}{size}: {best / GIGA:.3g} GB/s", best / GIGA)


def _is_drawn(row: ProfileRow) -> bool:
    return bool(row.flops and row.own_s and row.intensity)


def _operator(row: ProfileRow) -> Line:
    cells: tuple[Cell, ...] = (
        row.name,
        number(row.own_s, "s"),
        _share(row.share, row.uncertain),
        None if row.flops is None else f"{row.flops:.3g}",
        None if row.moved_bytes is None else format_bytes(row.moved_bytes),
        None if row.intensity is None else f"{row.intensity:.3g}",
        _giga(row.flops_per_s),
        _giga(row.bytes_per_s),
        row.uncounted or (None if row.bound is None else str(row.bound)),
        None if row.roof_share is None else f"{row.roof_share:.0%}",
    )
    return Line(cells)


def _roof_lines(roofs: Roofs) -> Iterator[Line]:
    """Give the roofs as lines of the same table."""
    blank: tuple[Cell, ...] = (None,) * 5
    for kernel, value in roofs.flops_per_s.items():
        yield Line((f"roof: products in {kernel}", *blank, _giga(value), None, None, None))
    for each in roofs.bandwidths:
        name = f"roof: additions over {format_bytes(each.working_set_bytes)}"
        yield Line((name, *blank, None, _giga(each.bytes_per_s), None, None))
    for kernel, why in roofs.missing.items():
        yield Line((f"roof: products in {kernel}", *blank, None, None, why, None))


def _giga(value: float | None) -> str | None:
    return f"{value / GIGA:.3g}" if value else None


def _days(found: Profiled) -> str:
    days = sorted({profile.profiled_at[:10] for _, profile in found})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
