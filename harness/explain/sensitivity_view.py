"""What a conversion costs, as a document: nodes by what excluding them wins, and the ones to exclude."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.units import count
from harness.explain.model import Explanations, NodeGroup, SensitivityExplanation
from harness.explain.view import describe_arm, pages
from harness.show.fields import Field, columns_of, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section


@dataclass(frozen=True, slots=True)
class SensitivityDocument:
    """What a conversion costs, for every view."""

    found: Explanations[SensitivityExplanation]

    @property
    def kind(self) -> str:
        """What it is."""
        return "explanation"

    def page(self) -> Page:
        """Lay it out: a page a case."""
        return pages([_page(item) for item in self.found.found], self.found.missing)

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a case and group of nodes; what is infinite is empty."""
        return [
            {
                "case": item.case,
                "nodes": " ".join(group.nodes),
                "gain_db": group.gain_db if math.isfinite(group.gain_db) else None,
                "excluded": set(group.nodes) <= set(item.exclude),
            }
            for item in self.found.found
            for group in item.groups
        ]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case."""
        return self.found.to_json()


FIELDS: tuple[Field[NodeGroup], ...] = (
    Field("left out", lambda group: _names(group.nodes)),
    Field("wins", lambda group: _db(group.gain_db), number=True),
)


def _page(item: SensitivityExplanation) -> Page:
    return Page(
        title=f"{item.case}: {_headline(item)}",
        head=(
            f"BASE ({describe_arm(item.base)}) -> HEAD ({describe_arm(item.head)})",
            f"SQNR of HEAD's output {_db(item.start_db)}; {_db(item.bound_db)} are asked for; "
            f"{count(item.evaluations, 'conversion')} tried",
        ),
        columns=columns_of(FIELDS) if item.groups else (),
        lines=lines_of(FIELDS, item.groups),
        sections=tuple(_sections(item)),
    )


def _headline(item: SensitivityExplanation) -> str:
    if item.reached_db is None:
        return "no nodes were found that reach the bound when they are excluded"
    if not item.exclude:
        return "within the bound as it is"
    return f"{count(len(item.exclude), 'node')} to exclude"


def _sections(item: SensitivityExplanation) -> Iterator[Section]:
    if item.exclude:
        entries = [
            Entry(f"nodes_to_exclude: {json.dumps(list(item.exclude))}"),
            Entry(f"SQNR with it: {_db(item.reached_db)}"),
            Entry(f"in time: {item.cost.reason}" if item.cost else "its cost in time was not measured"),
        ]
        yield Section("To keep the accuracy", tuple(entries), "good")
    if item.notes:
        yield Section("Notes", tuple(map(Entry, item.notes)), "warning")


def _names(nodes: tuple[str, ...]) -> str:
    return nodes[0] if len(nodes) == 1 else f"{nodes[0]} .. {nodes[-1]} ({len(nodes)} nodes)"


def _db(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.1f} dB" if math.isfinite(value) else "all of it" if value > 0 else "none"
