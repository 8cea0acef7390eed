"""The Pareto front: what no other one beats in everything, as far as intervals show."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of a number of which less is better."""

    low: float
    high: float


def front(cells: Mapping[Key, Sequence[Range]]) -> list[Key]:
    """Return the keys of those that none of the others is shown to beat."""
    unbeaten: dict[Key, Sequence[Range]] = {}
    for key, own in sorted(cells.items(), key=lambda item: [range_.high for range_ in item[1]]):
        if not any(beats(other, own) for other in unbeaten.values()):  # who beats comes first, and beats on
            unbeaten[key] = own
    return [key for key in cells if key in unbeaten]


def beats(ours: Sequence[Range], theirs: Sequence[Range]) -> bool:
    """Tell whether the first is surely better in something, and surely not worse in anything.

    Surely not worse: its interval ends no higher than the other one does. What
    overlaps is no proof that one is better.
    """
    pairs = list(zip(ours, theirs, strict=True))
    return any(a.high < b.low for a, b in pairs) and all(a.high <= b.high for a, b in pairs)
