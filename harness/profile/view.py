"""A profile as a document: rows longest first, then how they add up to a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.units import count, format_bytes, format_percent, format_seconds
from harness.profile.model import By, MemoryPlan, Profile, ProfileRow, Profiles
from harness.show.cells import Column, Line
from harness.show.page import Page
from harness.show.sections import Entry, Section

MOST = 25
"""Rows that a terminal shows."""

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
        return [
            {
                "case": profile.case,
                **asdict(row),
                "inputs": " ".join(row.inputs),
                "outputs": " ".join(row.outputs),
            }
            for profile in self.found.profiles
            for row in profile.rows
        ]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case."""
        return self.found.to_json()


def _page(profile: Profile) -> Page:
    return Page(
        title=f"{profile.case}: {format_seconds(profile.p50_s)} a call, by {profile.by}",
        head=(f"{profile.runtime} on {profile.machine}; {profile.calls} warm calls profiled",),
        columns=_columns(profile.by),
        lines=tuple(Line(_cells(row, profile.by)) for row in profile.rows),
        sections=tuple(_sections(profile)),
        most=MOST,
    )


def _columns(by: By) -> tuple[Column, ...]:
    named: tuple[Column, ...] = (Column(str(by), number=False),)
    if by is not By.OP:
        named += (Column("operator", number=False), Column("stands for", number=False, drop=3))
    shapes = (Column("output", number=False, drop=4),) if by is By.NODE else (Column("nodes", drop=4),)
    return (
        *named,
        Column("share"),
        Column("median"),
        Column("quartiles", drop=5),
        *shapes,
        Column("weights", drop=6),
        Column("provider", number=False, drop=7),
    )


def _cells(row: ProfileRow, by: By) -> tuple[str | None, ...]:
    named: tuple[str | None, ...] = (row.name,)
    if by is not By.OP:
        named += (row.op, row.source or None)
    detail = " ".join(row.outputs) if by is By.NODE else str(row.nodes)
    return (
        *named,
        f"{MARK if row.uncertain else ''}{format_percent(row.share)}",
        format_seconds(row.median_s),
        f"{format_seconds(row.low_s)} to {format_seconds(row.high_s)}",
        detail,
        format_bytes(row.weight_bytes) if row.weight_bytes else None,
        row.provider,
    )


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
    if profile.memory is not None:
        yield _memory(profile.memory)
    if profile.notes:
        yield Section("Notes", tuple(map(Entry, profile.notes)), "warning")


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
