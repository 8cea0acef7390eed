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

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from statistics import median_low

import numpy as np

from harness.tune.design import design, size_of_design
from harness.tune.evidence import LOG_MARGIN, MAYBE_EQUAL, SURE, Draws, Evidence, interval, scale
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


class Step(StrEnum):
    """What a measurement is for."""

    PROBE = "probe"  # a short one of one cell
    BLOCK = "block"  # two cells in turn
    FRESH = "fresh"  # a full one of a cell that is to be recommended


@dataclass(frozen=True, slots=True)
class Ask:
    """The next measurement: of `cell`, in a block against `base`."""

    step: Step
    cell: int
    base: int | None = None


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
        count = min(size_of_design(self.space), max(2, int(0.7 * self.left_s / self.costs.probe_s)))
        self._queue = design(self.space, count, Random(self.seed))
        self._spans: dict[Step, list[float]] = {step: [] for step in Step}

    # ask and tell

    @property
    def left_s(self) -> float:
        """What is left of the budget when the winner was measured afresh."""
        return self.budget_s - self.spent_s - self.costs.fresh_s

    def cost_s(self, step: Step) -> float:
        """Return what a measurement of this kind takes, as it did until now."""
        return median_low([self.costs.of(step), *self._spans[step][-8:]])

    def ask(self) -> Ask | None:
        """Return the next measurement; None where nothing is left to do."""
        if self.ended:
            return None
        while self._queue:
            if (cell := self._queue.pop(0)) not in self.barred and self._pays(Step.PROBE):
                return Ask(Step.PROBE, cell)
        if not self.live or not self.probes:
            untried = [cell for cell in self.live if cell not in self.probes]
            self.ended = not untried or not self._pays(Step.PROBE)
            return None if self.ended else Ask(Step.PROBE, untried[0])
        self._refit()
        if not self.raced:
            if (found := self._next_of_race()) is not None:
                return found
            self.raced = True
        if (found := self._next_of_finals()) is not None:
            return found
        return self._verify()

    def tell(self, ask: Ask, values: Mapping[str, float], cost_s: float) -> None:
        """Take in the values of a measurement, by metric; of a block, the log-ratio of the objective.

        A cell that lacks the value of a limited metric is out.
        """
        self._spend(ask, cost_s)
        if ask.base is not None:
            if self.objective.metric not in values:  # too few calls, say: blocks tell nothing of it
                self.interleaves = False
                return
            ratio = values[self.objective.metric]
            self.blocks.setdefault((ask.base, ask.cell), []).append(ratio)
            self.fits[self.objective.metric].seen.append(Seen(ask.cell, ratio, BLOCK, ask.base))
            return
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
        self._spans[ask.step].append(cost_s)
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
        return Ask(Step.PROBE, unseen[0]) if unseen else None

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
            return None if nearest in self.probes else Ask(Step.PROBE, nearest)
        bests = draws.bests
        if len(bests):
            return Ask(Step.PROBE, int(draws.cells[self._random.choice(bests)]))
        return Ask(Step.PROBE, int(draws.cells[int(np.argmax(chances))]))

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
            return Ask(Step.PROBE, leader)
        rival = int(self._random.choice(rivals))
        place = int(np.flatnonzero(draws.cells == rival)[0])
        unsure = 0.05 < draws.chances[place] < SURE
        if unsure or rival not in self.probes:
            return Ask(Step.PROBE, rival)
        fit = self.fits[self.objective.metric]
        cover = fit.believe([leader, rival]).covariance
        apart = cover[0, 0] + cover[1, 1] - 2 * cover[0, 1]
        noise = fit.noise
        gains = {
            Ask(Step.PROBE, leader): (cover[0, 1] - cover[0, 0]) ** 2 / (cover[0, 0] + noise[PROBE] ** 2),
            Ask(Step.PROBE, rival): (cover[1, 1] - cover[0, 1]) ** 2 / (cover[1, 1] + noise[PROBE] ** 2),
        }
        if self._may_block(leader, rival):
            gains[Ask(Step.BLOCK, rival, leader)] = apart**2 / (apart + noise[BLOCK] ** 2)
        return max(gains, key=lambda ask: gains[ask] / self.cost_s(ask.step))

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
