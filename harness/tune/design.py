"""Choose the cells that are measured first: a fraction, in which every value of every axis comes up alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import combinations
from random import Random

from harness.tune.model import Space

SPARE = 3
"""Cells beyond as many as the axes have effects: what the fit is checked by."""

MAX_POOL = 4096
"""Cells that are looked through for the next one at most, drawn at random where there are more."""


def size_of_design(space: Space) -> int:
    """Return how many cells tell the effect of every value of every axis, and a few more."""
    effects = 1 + sum(len(values) - 1 for values in space.levels)
    return min(len(space.cells), effects + SPARE)


def design(space: Space, count: int, random: Random, barred: Collection[int] = ()) -> list[int]:
    """Choose `count` cells: the default first, then always one whose values came up least.

    Ties go to the cell whose pairs of values came up least, then to chance. Every
    group of cells that share their exact facts has its first cell as early as that
    allows, for one evaluation tells them of all.
    """
    left = [cell for cell in range(len(space.cells)) if cell not in barred]
    if not left:
        return []
    chosen = [space.default if space.default in left else random.choice(left)]
    seen: Counter[tuple[int, ...]] = Counter()
    _count(seen, space.cells[chosen[0]])
    pool = left if len(left) <= MAX_POOL else random.sample(left, MAX_POOL)
    while len(chosen) < min(count, len(left)):
        known = {space.groups[cell] for cell in chosen}
        fresh = [cell for cell in pool if space.groups[cell] not in known]
        free = set(pool) - set(chosen)
        best = min(
            sorted(free), key=lambda cell: (*_score(seen, space, cell, bool(fresh), known), random.random())
        )
        chosen.append(best)
        _count(seen, space.cells[best])
    return chosen


def _count(seen: Counter[tuple[int, ...]], cell: Sequence[int]) -> None:
    """Count the values and pairs of values of a cell; a value is (axis, value)."""
    for axis, value in enumerate(cell):
        seen[axis, value] += 1
    for (a, x), (b, y) in combinations(enumerate(cell), 2):
        seen[a, x, b, y] += 1


def _score(
    seen: Counter[tuple[int, ...]], space: Space, cell: int, groups_left: bool, known: Collection[int]
) -> tuple[float, bool, float]:
    values = space.cells[cell]
    single = sum(seen[axis, value] * len(space.levels[axis]) for axis, value in enumerate(values))
    pairs = sum(
        seen[a, x, b, y] * len(space.levels[a]) * len(space.levels[b])
        for (a, x), (b, y) in combinations(enumerate(values), 2)
    )
    return single, groups_left and space.groups[cell] in known, pairs
