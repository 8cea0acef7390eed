"""The search itself: which cell to measure next, when to stop, which cell to recommend.

`ask` names the next measurement and `tell` takes what it gave: no clock, no
file, no process. So the loop drives it with real workers, and a benchmark with
grids whose answer is known.

Its steps: a designed fraction of the cells; then a race, in which measurements
go to the cells that may still be the best, by draws from what the fit believes;
blocks of finalists in turn; and a fresh, full measurement of the winner, which
must meet every limit again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from statistics import median_low

import numpy as np

from harness.ab.blocks import MAD_TO_SD
from harness.tune.design import design, size_of_design
from harness.tune.evidence import LOG_MARGIN, MAYBE_EQUAL, SURE, Draws, Evidence, Floats, interval, scale
from harness.tune.fit import BLOCK, FRESH, PROBE, Seen

MISS = 0.002
"""The chance that some cell is better by more than the margin, at which the race ends."""

NEAR = 0.25
"""How far behind the leader, as a logarithm, a cell one step away may seem to be and is measured still."""

FINALISTS, FINAL_BLOCKS = 4, 4
"""Rivals of the winner that get blocks, and how many each at least."""

FINAL_SHARE = 0.1
"""Of the budget, what the race leaves for blocks of finalists at most."""

DISTURBED = 0.7
"""A cell near the leader whose best measurement is trusted less than so is measured again."""

MAX_FRESH = 5
"""Winners that are measured afresh, one after the other, where the earlier ones broke a limit."""

MAX_BLOCKS_A_PAIR = 10

LEVELS = 4
"""Turns with the default cell after which it is known how far it strays."""


class Step(StrEnum):
    """What a measurement is for."""

    PROBE = "probe"  # a short one of one cell; in turn with the default cell where that can be
    BLOCK = "block"  # two cells in turn
    FRESH = "fresh"  # a full one of a cell that is to be recommended


@dataclass(frozen=True, slots=True)
class Ask:
    """The next measurement: of `cell`, in turn with `base` where there is one."""

    step: Step
    cell: int
    base: int | None = None


@dataclass(frozen=True, slots=True)
class Turns:
    """What two cells in turn gave."""

    ratio: float  # of the objective, as a logarithm
    base: float  # the objective of the base
    values: Mapping[str, float]  # of the other cell, by metric


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of a measurement of each kind, before any was made."""

    probe_s: float
    block_s: float
    fresh_s: float

    def of(self, step: Step) -> float:
        """Return what a measurement of this kind costs."""
        return {Step.PROBE: self.probe_s, Step.BLOCK: self.block_s, Step.FRESH: self.fresh_s}[step]


@dataclass
class Race(Evidence):
    """One search over the cells of one model.

    `budget_s` covers everything that is asked.
    """

    budget_s: float
    costs: Costs
    seed: int = 0
    spent_s: float = 0.0
    ended: bool = False
    interleaves: bool = True  # whether blocks measure the objective

    def __post_init__(self) -> None:
        super().__post_init__()
        self._random = np.random.default_rng(self.seed)
        self._spans: dict[Step, list[float]] = {step: [] for step in Step}
        self._levels: list[float] = []  # of the default cell in every turn, on the objective's scale
        cost_s = self.cost_s(Step.BLOCK if self._pairs() else Step.PROBE)
        count = min(size_of_design(self.space), max(2, int(0.7 * self.left_s / cost_s)))
        self._queue = design(self.space, count, Random(self.seed))

    # ask and tell

    @property
    def left_s(self) -> float:
        """What is left of the budget when the winner was measured afresh."""
        return self.budget_s - self.spent_s - self.costs.fresh_s

    def cost_s(self, step: Step) -> float:
        """Return what a measurement of this kind takes, as it did until now."""
        return median_low([self.costs.of(step), *self._spans[step][-8:]])

    def _pairs(self) -> bool:
        """Tell whether cells are probed in turn with the default one.

        What a host does meanwhile falls on both then, and single processes may stray several times as much:
        as the default one does from turn to turn. A limit is on what a cell is by itself.
        """
        if not self.interleaves or self.limits:
            return False
        if len(self._levels) < LEVELS:
            return True
        alone = MAD_TO_SD * float(np.median(np.abs(np.array(self._levels) - np.median(self._levels))))
        in_turn = self.fits[self.objective.metric].noise[BLOCK]
        costs = self.cost_s(Step.PROBE), self.cost_s(Step.BLOCK)
        return in_turn**2 * costs[1] <= alone**2 * costs[0]

    def ask(self) -> Ask | None:
        """Return the next measurement; None where nothing is left to do."""
        if self.ended:
            return None
        while self._queue:
            if (cell := self._queue.pop(0)) not in self.barred and self._pays(Step.PROBE):
                return self._probe(cell)
        if not self.live or not self.probes:
            untried = [cell for cell in self.live if cell not in self.probes]
            self.ended = not untried or not self._pays(Step.PROBE)
            return None if self.ended else self._probe(untried[0])
        self._refit()
        if not self.raced:
            if (found := self._next_of_race()) is not None:
                return found
            self.raced = True
        if (found := self._next_of_finals()) is not None:
            return found
        return self._verify()

    def _probe(self, cell: int) -> Ask:
        """Ask for a probe of a cell, in turn with the default one where that was probed by itself."""
        default = self.space.default
        known = default in self.probes and default not in self.barred
        paired = cell != default and known and self._pays(Step.BLOCK) and self._pairs()
        return Ask(Step.PROBE, cell, default if paired else None)

    def tell_turns(self, ask: Ask, turns: Turns | None, cost_s: float) -> None:
        """Take in what a measurement in turn gave; None: nothing, as where its calls are too few."""
        self._spend(ask, cost_s)
        assert ask.base is not None
        if turns is None:
            self.interleaves = False
            return
        self.blocks.setdefault((ask.base, ask.cell), []).append(turns.ratio)
        self.fits[self.objective.metric].seen.append(Seen(ask.cell, turns.ratio, BLOCK, ask.base))
        if ask.step is Step.PROBE:
            self.probes.setdefault(ask.cell, []).append(dict(turns.values))
            self._levels.append(scale(self.objective.metric, turns.base))

    def tell(self, ask: Ask, values: Mapping[str, float], cost_s: float) -> None:
        """Take in the values of a measurement of one cell, by metric.

        A cell that lacks the value of a limited metric is out.
        """
        self._spend(ask, cost_s)
        missing = [metric for metric in self.fits if metric not in values]
        if missing:
            self.bar(ask.cell, f"no value of {', '.join(missing)}")
            return
        kind = PROBE if ask.step is Step.PROBE else FRESH
        broke = tuple(limit for limit in self.limits if not limit.holds(values[limit.metric]))
        if kind == FRESH and broke:  # a cell by itself: what it was until now is no guide to the others
            self.fresh[ask.cell], self.broke[ask.cell] = dict(values), broke
            self.bar(ask.cell, f"breaks {' and '.join(limit.text for limit in broke)} when measured afresh")
            return
        for metric, fit in self.fits.items():
            fit.seen.append(Seen(ask.cell, scale(metric, values[metric]), kind))
        if kind == PROBE:
            self.probes.setdefault(ask.cell, []).append(dict(values))
            return
        self.fresh[ask.cell] = dict(values)
        self.ended = True

    def lose(self, ask: Ask, reason: str, cost_s: float) -> None:
        """Take in that a cell could not be measured."""
        self._spend(ask, cost_s)
        self.bar(ask.cell, reason)

    def _spend(self, ask: Ask, cost_s: float) -> None:
        self.spent_s += cost_s
        self._spans[ask.step if ask.base is None else Step.BLOCK].append(cost_s)
        self._stale = True

    def _pays(self, step: Step) -> bool:
        return self.left_s >= self.cost_s(step) or (step is Step.PROBE and not self.probes)

    # the race

    def _next_of_race(self) -> Ask | None:
        if not self._pays(Step.PROBE):
            return None
        draws = self.draws()
        rated = self._rate(draws)
        if rated is None:
            return self._look_for_any(draws)
        leader, miss = rated
        if miss > MISS:
            found = self._contest(draws, leader)
            return None if found.cell in self.probes and self._is_kept_for_blocks() else found
        fit = self.fits[self.objective.metric]
        near = [cell for cell in self._neighbours(leader) if cell not in self.probes]
        near += [cell for cell in self.live if cell in self.probes and fit.trust(cell) < DISTURBED]
        mean, _ = fit.estimate([leader, *near])
        behind = self._sign() * (mean[1:] - mean[0])
        unseen = [cell for cell, lost in zip(near, behind, strict=True) if lost < NEAR]
        return self._probe(unseen[0]) if unseen else None

    def _is_kept_for_blocks(self) -> bool:
        """Tell whether what is left is for blocks of finalists."""
        kept_s = min(FINAL_BLOCKS * self.cost_s(Step.BLOCK), FINAL_SHARE * self.budget_s)
        return self.interleaves and self.left_s < kept_s

    def _neighbours(self, cell: int) -> list[int]:
        """Return the live cells that differ from `cell` in one axis."""
        own = self.space.cells[cell]
        return [
            other
            for other in self.live
            if sum(x != y for x, y in zip(own, self.space.cells[other], strict=True)) == 1
        ]

    def _look_for_any(self, draws: Draws) -> Ask | None:
        """Probe where a cell that meets the limits is most likely, the best of them first."""
        chances = draws.chances
        if chances.max(initial=0.0) < 1 - SURE and len(self.probes) >= 2:
            nearest = self._nearest()
            return None if nearest in self.probes else self._probe(nearest)
        bests = draws.bests
        if len(bests):
            return self._probe(int(draws.cells[self._random.choice(bests)]))
        return self._probe(int(draws.cells[int(np.argmax(chances))]))

    def _nearest(self) -> int:
        """Return the live cell that misses the limits by least, as far as the fit tells."""
        live = self.live
        excess = np.zeros(len(live))
        for limit in self.limits:
            mean, _ = self.fits[limit.metric].estimate(live)
            sign = 1.0 if limit.at_most else -1.0
            excess += np.maximum(0.0, sign * (mean - scale(limit.metric, limit.value)))
        return live[int(np.argmin(excess))]

    def _contest(self, draws: Draws, leader: int) -> Ask:
        """Draw a rival that may be better, and choose what tells most of both for its cost."""
        bests = draws.bests
        rivals = [int(draws.cells[place]) for place in bests]
        rivals = [cell for cell in rivals if cell != leader]
        if not rivals:
            return self._probe(leader)
        rival = int(self._random.choice(rivals))
        place = int(np.flatnonzero(draws.cells == rival)[0])
        unsure = 0.05 < draws.chances[place] < SURE
        if unsure or rival not in self.probes:
            return self._probe(rival)
        asks = [self._probe(leader), self._probe(rival)]
        if self._may_block(leader, rival):
            asks.append(Ask(Step.BLOCK, rival, leader))
        gains = self._gains(asks, leader, rival)
        return max(
            asks, key=lambda ask: gains[ask] / self.cost_s(Step.PROBE if ask.base is None else Step.BLOCK)
        )

    def _gains(self, asks: Sequence[Ask], leader: int, rival: int) -> dict[Ask, float]:
        """Return by how much each measurement lowers the variance of the rival over the leader."""
        fit = self.fits[self.objective.metric]
        cells = list(dict.fromkeys((leader, rival, self.space.default)))
        cover = fit.believe(cells).covariance
        apart = _contrast(cells, rival, leader)
        gains = {}
        for ask in asks:
            seen, kind = _contrast(cells, ask.cell, ask.base), PROBE if ask.base is None else BLOCK
            gains[ask] = float((apart @ cover @ seen) ** 2 / (seen @ cover @ seen + fit.noise[kind] ** 2))
        return gains

    def _may_block(self, base: int, cell: int) -> bool:
        return self.interleaves and self._pays(Step.BLOCK) and self.blocks_of(base, cell) < MAX_BLOCKS_A_PAIR

    # finalists and the winner

    def _next_of_finals(self) -> Ask | None:
        """Ask for a block of the likeliest rival that blocks have not separated from the leader yet."""
        draws = self.draws()
        leader = self.recommend(draws)
        if leader is None or not self.interleaves or not self._pays(Step.BLOCK):
            return None
        for rival in self._finalists(draws, leader):
            if self.blocks_of(leader, rival) < MAX_BLOCKS_A_PAIR and not self._is_told(leader, rival):
                return Ask(Step.BLOCK, rival, leader)
        return None

    def _finalists(self, draws: Draws, leader: int) -> list[int]:
        """Return the rivals that are the likeliest to be as good as the leader.

        The one that would be preferred if it is comes first: others may be as likely.
        """
        chances = self.chances_to_equal(draws, leader)
        order = [int(place) for place in np.argsort(-chances) if chances[place] >= MAYBE_EQUAL]
        rivals = [cell for place in order if (cell := int(draws.cells[place])) != leader]
        first = self.preferred(leader, [cell for cell in rivals if self.probes.get(cell)])
        return list(dict.fromkeys((*([first] if first != leader else []), *rivals)))[:FINALISTS]

    def _is_told(self, leader: int, rival: int) -> bool:
        """Tell whether blocks show a rival to be equal to the leader, or worse or better by the margin."""
        bounds = interval(self.ratios(leader, rival))
        if bounds is None or self.blocks_of(leader, rival) < FINAL_BLOCKS:
            return False
        return (
            (bounds[0] >= -LOG_MARGIN and bounds[1] <= LOG_MARGIN)
            or bounds[0] > LOG_MARGIN
            or bounds[1] < -LOG_MARGIN
        )

    def _verify(self) -> Ask | None:
        winner = self.winner()
        if winner is None or winner in self.fresh or len(self.fresh) >= MAX_FRESH:
            self.ended = True
            return None
        return Ask(Step.FRESH, winner)


def _contrast(cells: Sequence[int], cell: int, base: int | None) -> Floats:
    """Return what is measured of `cell`, or of it over `base`, as weights of `cells`."""
    return np.array([float(each == cell) - float(each == base) for each in cells])
