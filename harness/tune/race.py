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

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from harness.core.metrics import spec_of
from harness.tune.design import design, size_of_design
from harness.tune.fit import BLOCK, FRESH, PROBE, Belief, Fit, Seen
from harness.tune.model import MARGIN, Limit, Objective, Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOG_MARGIN = math.log1p(MARGIN)
DRAWS = 400
DOUBT = 1.3
"""Draws stray by so much more than the fit has it: its variances are learned from few measurements."""

LIVE = 128
"""Cells that draws are taken of at most: those that may be the best by the fit."""

MISS = 0.002
"""The chance that some cell is better by more than the margin, at which the race ends."""

NEAR = 0.25
"""How far behind the leader, as a logarithm, a cell one step away may seem to be and is measured still."""

SURE, SAFE_Z = 0.95, 2.33
"""How surely a recommended cell meets its limits, with this many errors of a fresh measurement to spare."""

LIKELY = 0.5
"""The chance to meet the limits by so much that is enough where no cell is sure: it is measured afresh."""

EXCLUDED_Z = 3.0
"""A cell breaks a limit by so many errors of the fit: no draws are spent on it while others are left."""

FINALISTS, FINAL_BLOCKS, FINAL_CHANCE = 4, 4, 0.10
"""Rivals of the winner that get blocks, how many each at least, and how likely one is as good."""

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


@dataclass(frozen=True, slots=True)
class Draws:
    """What may be true: the objective of `cells` in each draw (lower is better), and if they meet limits."""

    cells: NDArray[np.int64]
    objective: Floats  # draws x cells
    meets: Bools  # draws x cells

    @property
    def chances(self) -> Floats:
        """The chance of each cell to meet the limits."""
        chances: Floats = self.meets.mean(0)
        return chances

    @property
    def bests(self) -> NDArray[np.int64]:
        """The place of the best cell in each draw in which one meets the limits."""
        values = np.where(self.meets, self.objective, np.inf)
        found: NDArray[np.int64] = np.argmin(values, 1)[self.meets.any(1)]
        return found


def scale(metric: str, value: float) -> float:
    """Return the scale on which effects add up: a logarithm, of what is a duration, a size or a rate."""
    return math.log(value) if spec_of(metric).relative else value


@dataclass
class Race:
    """One search over the cells of one model.

    `limits` are those of metrics that vary from process to process; what is exact
    is judged by `bar`. `budget_s` covers everything that is asked.
    """

    space: Space
    objective: Objective
    limits: Sequence[Limit]
    budget_s: float
    costs: Costs
    seed: int = 0
    barred: dict[int, str] = field(default_factory=dict)  # cell -> why it is out
    spent_s: float = 0.0
    probes: dict[int, list[Mapping[str, float]]] = field(default_factory=dict)
    blocks: dict[tuple[int, int], list[float]] = field(default_factory=dict)  # (base, cell) -> log-ratios
    fresh: dict[int, Mapping[str, float]] = field(default_factory=dict)
    broke: dict[int, tuple[Limit, ...]] = field(default_factory=dict)  # measured afresh -> limits not met
    ended: bool = False
    interleaves: bool = True  # whether blocks measure the objective

    def __post_init__(self) -> None:
        metrics = dict.fromkeys((self.objective.metric, *(limit.metric for limit in self.limits)))
        self.fits = {metric: Fit(self.space) for metric in metrics}
        self._random = np.random.default_rng(self.seed)
        count = min(size_of_design(self.space), max(2, int(0.7 * self.left_s / self.costs.probe_s)))
        self._queue = design(self.space, count, Random(self.seed))
        self._spans: dict[Step, list[float]] = {step: [] for step in Step}
        self._raced = False
        self._stale = True

    # ask and tell

    @property
    def left_s(self) -> float:
        """What is left of the budget when the winner was measured afresh."""
        return self.budget_s - self.spent_s - self.costs.fresh_s

    def cost_s(self, step: Step) -> float:
        """Return what a measurement of this kind takes, as it did until now."""
        return median_low([self.costs.of(step), *self._spans[step][-8:]])

    @property
    def live(self) -> list[int]:
        """The cells that are not out."""
        return [cell for cell in range(len(self.space.cells)) if cell not in self.barred]

    def bar(self, cell: int, reason: str) -> None:
        """Take a cell out: it cannot run, or breaks an exact limit."""
        self.barred.setdefault(cell, reason)
        self._stale = True

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
        if not self._raced:
            if (found := self._next_of_race()) is not None:
                return found
            self._raced = True
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

    def _refit(self) -> None:
        if self._stale:
            for fit in self.fits.values():
                fit.refit()
        self._stale = False

    # what is believed

    def believe(self, metric: str, cells: Sequence[int]) -> Belief:
        """Return what is known of a metric of `cells`, on its `scale`."""
        self._refit()
        return self.fits[metric].believe(cells)

    def _sign(self) -> float:
        return -1.0 if self.objective.maximize else 1.0

    def draws(self, cells: Sequence[int] | None = None) -> Draws:
        """Draw what may be true of the cells that may be the best."""
        asked = self.live if cells is None else list(cells)
        mean, sd = self.fits[self.objective.metric].estimate(asked)
        order = np.lexsort((self._sign() * mean - 2 * sd, ~self._may_meet(asked)))
        kept = [asked[place] for place in order[:LIVE]]
        objective = self._sign() * self._draw(self.believe(self.objective.metric, kept))
        meets = np.ones(objective.shape, bool)
        for limit in self.limits:
            fit = self.fits[limit.metric]
            sign, spare = (1.0 if limit.at_most else -1.0), SAFE_Z * min(fit.noise[PROBE], fit.noise[FRESH])
            known = objective * self._sign() if limit.metric == self.objective.metric else None
            drawn = self._draw(fit.believe(kept)) if known is None else known
            meets &= sign * (scale(limit.metric, limit.value) - drawn) >= spare
        return Draws(np.array(kept, np.int64), objective, meets)

    def _may_meet(self, cells: Sequence[int]) -> Bools:
        """Tell of which cells the fit does not exclude that they meet every limit."""
        found = np.ones(len(cells), bool)
        for limit in self.limits:
            mean, sd = self.fits[limit.metric].estimate(cells)
            sign = 1.0 if limit.at_most else -1.0
            found &= sign * (scale(limit.metric, limit.value) - mean) + EXCLUDED_Z * DOUBT * sd >= 0
        return found

    def _draw(self, belief: Belief) -> Floats:
        count = len(belief.cells)
        covariance = belief.covariance + 1e-9 * np.eye(count)
        factor = np.linalg.cholesky((covariance + covariance.T) / 2 + 1e-9 * np.eye(count))
        return belief.mean + self._random.standard_normal((DRAWS, count)) @ (DOUBT * factor).T

    def recommend(self, draws: Draws | None = None) -> int | None:
        """Return the cell that is the best by what is known, of those that surely meet the limits."""
        found = self._rate(draws or self.draws())
        return found[0] if found else None

    def _rate(self, draws: Draws) -> tuple[int, float] | None:
        """Return the cell with the least chance of a better one, and that chance; None where none is sure."""
        least = SURE if not self._raced or draws.chances.max(initial=0.0) >= SURE else LIKELY
        sure = [int(place) for place in np.flatnonzero(draws.chances >= least)]
        sure = [place for place in sure if self.probes.get(int(draws.cells[place]))]
        if not sure:
            return None
        best = np.where(draws.meets, draws.objective, np.inf).min(1)

        # the chance first; among equal chances, by how much is lost
        def key(place: int) -> tuple[float, float]:
            behind = draws.objective[:, place] - np.minimum(best, draws.objective[:, place])
            return float((behind > LOG_MARGIN).mean()), float(behind.mean())

        place = min(sure, key=key)
        return int(draws.cells[place]), key(place)[0]

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
            return self._contest(draws, leader)
        fit = self.fits[self.objective.metric]
        near = [cell for cell in self._neighbours(leader) if cell not in self.probes]
        near += [cell for cell in self.live if cell in self.probes and fit.trust(cell) < DISTURBED]
        mean, _ = fit.estimate([leader, *near])
        behind = self._sign() * (mean[1:] - mean[0])
        unseen = [cell for cell, lost in zip(near, behind, strict=True) if lost < NEAR]
        return Ask(Step.PROBE, unseen[0]) if unseen else None

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

    def blocks_of(self, base: int, cell: int) -> int:
        """Count the blocks of two cells, whichever was the base."""
        return len(self.ratios(base, cell))

    def ratios(self, base: int, cell: int) -> list[float]:
        """Return the log-ratios of `cell` over `base`, from the blocks that both were in."""
        return [*self.blocks.get((base, cell), ()), *(-each for each in self.blocks.get((cell, base), ()))]

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
        """Return the rivals that are the likeliest to be as good as the leader."""
        own = draws.objective[:, list(draws.cells).index(leader)]
        chances = ((draws.objective - own[:, None] <= LOG_MARGIN) & draws.meets).mean(0)
        order = [int(place) for place in np.argsort(-chances) if chances[place] >= FINAL_CHANCE]
        return [int(draws.cells[place]) for place in order if draws.cells[place] != leader][:FINALISTS]

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

    def equivalents(self, cell: int) -> tuple[int, ...]:
        """Return the live cells that blocks show to be within the margin of `cell`, in both directions."""
        found = []
        for other in self.live:
            bounds = interval(self.ratios(cell, other))
            if other != cell and bounds and bounds[0] >= -LOG_MARGIN and bounds[1] <= LOG_MARGIN:
                found.append(other)
        return tuple(found)

    def winner(self) -> int | None:
        """Return the cell to recommend: of those shown equal to the best, least memory, then the defaults."""
        draws = self.draws() if self.live and self.probes else None
        leader = self.recommend(draws) if draws else None
        if leader is None or draws is None:
            return None
        sure = {int(cell) for cell, chance in zip(draws.cells, draws.chances, strict=True) if chance >= SURE}
        equal = [cell for cell in self.equivalents(leader) if cell in sure and self.probes.get(cell)]
        return min(
            (leader, *equal), key=lambda cell: (self._memory(cell), self.space.distance(cell), cell != leader)
        )

    def _memory(self, cell: int) -> float:
        """Return the peak memory in steps of the margin: less is no difference."""
        found = [each["memory/peak"] for each in self.probes.get(cell, ()) if each.get("memory/peak")]
        return round(math.log(min(found)) / LOG_MARGIN) if found else math.inf


def interval(ratios: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's 95% interval of a mean of log-ratios; None for fewer than three."""
    from harness.stats.intervals import mean_interval

    return mean_interval(np.asarray(ratios, np.float64)) if len(ratios) >= 3 else None
