"""The Pareto front: cells that no other one beats in everything, as far as intervals tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of a number of which less is better."""

    low: float
    high: float


def front(cells: Mapping[int, Sequence[Range]]) -> list[int]:
    """Return the cells that none of the others is shown to beat."""
    return [cell for cell, own in cells.items() if not any(beats(other, own) for other in cells.values())]


def beats(ours: Sequence[Range], theirs: Sequence[Range]) -> bool:
    """Tell whether the first is surely better in something, and surely not worse in anything.

    Surely not worse: its interval ends no higher than the other one does. What
    overlaps is no proof that one is better.
    """
    pairs = list(zip(ours, theirs, strict=True))
    return any(a.high < b.low for a, b in pairs) and all(a.high <= b.high for a, b in pairs)
