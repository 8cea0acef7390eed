"""A profile as a document: rows longest first, then how they add up to a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.units import count, format_bytes, format_percent, format_seconds
from harness.profile.model import (
    By,
    Help,
    HelpKind,
    MemoryPlan,
    Profile,
    ProfileRow,
    Profiles,
    Roofline,
    Roofs,
)
from harness.show.cells import Column, Line
from harness.show.page import Page
from harness.show.sections import Entry, Section

MOST = 25
"""Rows that a terminal shows."""

MOST_HELPS = 8
"""Things that would help that are named; JSON has all."""

MOST_ALIVE = 8
"""Tensors of the fullest moment that are named."""

MARK = "~"
"""Before a share that the profile's own part makes uncertain."""


@dataclass(frozen=True, slots=True)
class ProfileDocument:
    """Profiles, for every view."""

    found: Profiles

    @property
    def kind(self) -> str:
        """What it is."""
        return "profile"

    def page(self) -> Page:
        """Lay it out: a page a case."""
        pages = [_page(profile) for profile in self.found.profiles]
        if self.found.missing:
            entries = tuple(Entry(why, (case,)) for case, why in self.found.missing.items())
            section = Section(f"Without a profile: {len(entries)}", entries, "bad")
            pages.append(Page(title="", sections=(section,)))
        first, *more = pages
        return Page(
            title=first.title,
            head=first.head,
            columns=first.columns,
            lines=first.lines,
            sections=first.sections,
            most=MOST,
            more=tuple(more),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a case and node, operator or region."""
        return self.found.rows()

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case."""
        return self.found.to_json()


def _page(profile: Profile) -> Page:
    return Page(
        title=f"{profile.case}: {format_seconds(profile.p50_s)} a call, by {profile.by}",
        head=(f"{profile.runtime} on {profile.machine}; {profile.calls} warm calls profiled",),
        columns=_columns(profile),
        lines=tuple(Line(_cells(row, profile)) for row in profile.rows),
        sections=tuple(_sections(profile)),
        most=MOST,
    )


ROOFLINE = (
    Column("GFLOP/s", drop=2),
    Column("GB/s", drop=2),
    Column("bound", number=False, drop=8),
    Column("of roof", drop=1),
)


def _has_work(profile: Profile) -> bool:
    return any(row.flops is not None for row in profile.rows)


def _columns(profile: Profile) -> tuple[Column, ...]:
    by = profile.by
    named: tuple[Column, ...] = (Column(str(by), number=False),)
    if by is not By.OP:
        named += (Column("operator", number=False), Column("stands for", number=False, drop=3))
    shapes = (Column("output", number=False, drop=4),) if by is By.NODE else (Column("nodes", drop=4),)
    return (
        *named,
        Column("share"),
        Column("median"),
        Column("quartiles", drop=5),
        *(ROOFLINE if _has_work(profile) else ()),
        *shapes,
        Column("weights", drop=6),
        Column("provider", number=False, drop=7),
    )


def _cells(row: ProfileRow, profile: Profile) -> tuple[str | None, ...]:
    by = profile.by
    named: tuple[str | None, ...] = (row.name,)
    if by is not By.OP:
        named += (row.op, row.source or None)
    detail = " ".join(row.outputs) if by is By.NODE else str(row.nodes)
    return (
        *named,
        f"{MARK if row.uncertain else ''}{format_percent(row.share)}",
        format_seconds(row.median_s),
        f"{format_seconds(row.low_s)} to {format_seconds(row.high_s)}",
        *(_against_roof(row) if _has_work(profile) else ()),
        detail,
        format_bytes(row.weight_bytes) if row.weight_bytes else None,
        row.provider,
    )


def _against_roof(row: ProfileRow) -> tuple[str | None, ...]:
    return (
        _giga(row.flops_per_s),
        _giga(row.bytes_per_s),
        None if row.bound is None else str(row.bound),
        None if row.roof_share is None else f"{row.roof_share:.0%}",
    )


def _giga(value: float | None) -> str | None:
    return f"{value / 1e9:.3g}" if value else None


def _sections(profile: Profile) -> Iterator[Section]:
    bias = profile.bias
    rest = profile.rest_s
    entries = [
        Entry(f"nodes: {format_seconds(profile.sum_s)}, the profile's own part taken off"),
        Entry(
            f"beside them: {format_seconds(rest)} (binding, the executor, threads)"
            if rest >= 0
            else f"beside them: none; the profiled nodes took {format_seconds(-rest)} more than a call does"
        ),
        Entry(
            f"with the profile on, a call took {format_seconds(profile.profiled_p50_s)}; "
            f"of each node's time {format_seconds(bias.per_node_s)} is the profile's own"
        ),
    ]
    uncertain = sum(row.uncertain for row in profile.rows)
    if uncertain:
        rows = count(uncertain, "row")
        entries.append(
            Entry(f"{MARK} before a share: that is more than a tenth of what was recorded ({rows})")
        )
    yield Section(f"A call: {format_seconds(profile.p50_s)}", tuple(entries))
    if profile.roofline is not None:
        yield _work(profile, profile.roofline)
    if profile.helps:
        yield Section("What would help, at most", tuple(map(_help, profile.helps[:MOST_HELPS])))
    if profile.fusions or profile.left:
        yield _fusions(profile)
    if profile.memory is not None:
        yield _memory(profile.memory)
    if profile.notes:
        yield Section("Notes", tuple(map(Entry, profile.notes)), "warning")


def _work(profile: Profile, found: Roofline) -> Section:
    entries = [
        Entry(
            f"{found.flops:.3g} FLOP and {format_bytes(found.moved_bytes)} a call, "
            f"in operators with {format_percent(found.counted_share)} of the time"
        )
    ]
    if found.roof_share is not None and found.roof_s is not None:
        entries.append(
            Entry(
                f"at its roof a call would take {format_seconds(found.roof_s)}: "
                f"{found.roof_share:.0%} of the {format_seconds(found.counted_s)} measured in these operators"
            )
        )
    if profile.roofs is not None:
        entries.append(_roofs(profile.roofs))
    elif profile.roofs_reason:
        entries.append(Entry(f"no roofs: {profile.roofs_reason}"))
    if found.uncounted:
        reasons = tuple(f"{op}: {why}" for op, why in found.uncounted.items())
        entries.append(Entry("not counted:", reasons))
    if found.above:
        names = tuple(f"{each.op} {each.name}: {each.roof_share:.0%} of its roof" for each in found.above)
        entries.append(
            Entry(
                "above the roof, so that its count or the roof is wrong (was the machine busy? "
                "--roofs measure):",
                names,
            )
        )
    return Section("Work", tuple(entries), "warning" if found.above else "")


def _roofs(roofs: Roofs) -> Entry:
    computes = [f"{kernel} {value / 1e9:.3g} GFLOP/s" for kernel, value in roofs.flops_per_s.items()]
    moves = [
        f"{format_bytes(each.working_set_bytes)}: {each.bytes_per_s / 1e9:.3g} GB/s"
        for each in roofs.bandwidths
    ]
    gone = [f"{kernel}: none, {why}" for kernel, why in roofs.missing.items()]
    return Entry(
        f"roofs with {count(roofs.threads, 'thread')}, measured {roofs.measured_at}:",
        (f"matrix product {', '.join(computes)}", f"working set of {', '.join(moves)}", *gone),
    )


def _help(item: Help) -> Entry:
    words = {
        HelpKind.FUSE: f"fuse {item.target}: {count(item.nodes, 'node')}",
        HelpKind.LOWER_PRECISION: f"{item.target} in {item.to}: {item.bound}-bound, "
        f"{count(item.nodes, 'node')} with {format_seconds(item.own_s)}",
        HelpKind.FEWER_MOVES: f"fewer {item.target}: {count(item.nodes, 'node')} that only move values",
        HelpKind.FASTER_KERNEL: f"a faster {item.target}: {item.bound}-bound and below half of its roof, "
        f"{count(item.nodes, 'node')} with {format_seconds(item.own_s)}",
        HelpKind.FEWER_THREADS: f"fewer threads: {count(item.nodes, 'node')} too short to share out",
        HelpKind.LESS_BESIDE: "less beside the nodes (a larger batch, other threads, io binding)",
    }
    return Entry(f"{words[item.kind]}: {format_seconds(item.bound_s)}, {item.call_share:.0%} of the call")


def _fusions(profile: Profile) -> Section:
    entries = [
        Entry(f"{'+'.join(item.source)} became {item.op}: {count(len(item.nodes), 'node')}")
        for item in profile.fusions
    ]
    patterns: dict[str, int] = {}
    for item in profile.left:
        patterns[item.pattern] = patterns.get(item.pattern, 0) + 1
    entries += [Entry(f"left: {pattern}, {count(number, 'time')}") for pattern, number in patterns.items()]
    return Section("Fusions", tuple(entries))


def _memory(plan: MemoryPlan) -> Section:
    parts = [
        f"weights {format_bytes(plan.weight_bytes)}",
        f"activations {format_bytes(plan.activation_bytes)}",
    ]
    if plan.added_bytes is not None and plan.overhead_bytes is not None:
        parts.append(f"overhead {format_bytes(plan.overhead_bytes)}")
        total = f"{format_bytes(plan.added_bytes)} added by session and calls"
    else:
        total = "the process was not measured"
    alive = [f"{each.name}: {format_bytes(each.size_bytes)}" for each in plan.alive[:MOST_ALIVE]]
    if left := len(plan.alive) - len(alive):
        alive.append(f"and {left} more")
    entries = [
        Entry(f"{', '.join(parts)}: {total}"),
        Entry(f"fullest at {plan.at}, where these live:", tuple(alive)),
    ]
    if plan.arena_peak_bytes is not None:
        entries.append(Entry(f"peak of the runtime's arena, measured: {format_bytes(plan.arena_peak_bytes)}"))
    if plan.uncounted:
        entries.append(Entry(f"{count(plan.uncounted, 'node')} that ran: outputs not in the plan"))
    return Section("Memory", tuple(entries))
