"""Find by halving which nodes cost accuracy, and how few of them suffice to keep it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.explain.model import NodeGroup

Score = Callable[[frozenset[str]], float | None]
"""The SQNR (dB) with some nodes left out of the conversion; None where there is no such model."""

NEGLIGIBLE_DB = 0.5
"""What a group must win to be looked into."""


@dataclass
class Search:
    """Halve groups of nodes, the one that wins most first, until each is one node or `until` says stop.

    Neighbours stay together: a conversion that is left out between two that are not costs time and wins
    little.
    """

    nodes: Sequence[str]
    score: Score
    until: Callable[[], bool] = lambda: False
    evaluations: int = 0
    start_db: float = -math.inf  # with every node converted
    found: list[NodeGroup] = field(default_factory=list)
    _known: dict[frozenset[str], float | None] = field(default_factory=dict)

    def run(self) -> list[NodeGroup]:
        """Return groups with what leaving each out wins, the most first; single nodes where time allows."""
        start = self.score_of(frozenset())
        if start is None or not self.nodes:
            return []
        self.start_db = start
        open_ = [NodeGroup(tuple(self.nodes), math.inf)]
        while open_ and not self.until():
            open_.sort(key=lambda group: -group.gain_db)
            group = open_.pop(0)
            for part in _halves(group.nodes):
                won = self._gain(part)
                if won.gain_db < NEGLIGIBLE_DB:
                    continue
                (open_ if len(part) > 1 else self.found).append(won)
        self.found = sorted([*self.found, *open_], key=lambda group: -group.gain_db)
        return self.found

    def _gain(self, nodes: tuple[str, ...]) -> NodeGroup:
        """Return what leaving `nodes` out wins; all there is where nothing else is left to convert."""
        score = self.score_of(frozenset(nodes))
        return NodeGroup(nodes, math.inf if score is None else score - self.start_db)

    def score_of(self, nodes: frozenset[str]) -> float | None:
        """Return the score of leaving `nodes` out, computed once."""
        if nodes not in self._known:
            self.evaluations += 1
            self._known[nodes] = self.score(nodes)
        return self._known[nodes]

    def fewest(self, bound_db: float) -> tuple[tuple[str, ...], float] | None:
        """Return the shortest beginning of what was found that reaches the bound, and its score.

        Looked for by halving, so it takes the score to grow with every group; what is returned was scored.
        None where not even all of them reach it.
        """
        low, high = 0, len(self.found)
        best = self._beginning(high)
        if best[1] < bound_db:
            return None
        while low < high:
            middle = (low + high) // 2
            tried = self._beginning(middle)
            if tried[1] >= bound_db:
                best, high = tried, middle
            else:
                low = middle + 1
        return best

    def _beginning(self, count: int) -> tuple[tuple[str, ...], float]:
        wanted = {name for group in self.found[:count] for name in group.nodes}
        score = self.score_of(frozenset(wanted))
        return tuple(name for name in self.nodes if name in wanted), -math.inf if score is None else score


def _halves(nodes: tuple[str, ...]) -> list[tuple[str, ...]]:
    if len(nodes) == 1:
        return [nodes]
    middle = len(nodes) // 2
    return [nodes[:middle], nodes[middle:]]
