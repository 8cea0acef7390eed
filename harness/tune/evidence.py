"""What was measured of the cells of a search, and what is believed by it: which is the best, which are equal.

No clock, no file, no process. What to measure next is decided in `harness.tune.race`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.core.metrics import spec_of
from harness.tune.fit import FRESH, PROBE, Belief, Fit
from harness.tune.model import MARGIN, Limit, Objective, Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOG_MARGIN = math.log1p(MARGIN)
DRAWS = 400
DOUBT = 1.3
"""Draws stray by so much more than the fit has it: its variances are learned from few measurements."""

LIVE = 128
"""Cells that draws are taken of at most: those that may be the best by the fit."""

SURE, SAFE_Z = 0.95, 2.33
"""How surely a recommended cell meets its limits, with this many errors of a fresh measurement to spare."""

KEPT = 0.05
"""How likely the defaults are within the margin of the winner, to be kept in its place."""

LIKELY = 0.5
"""The chance to meet the limits by so much that is enough where no cell is sure: it is measured afresh."""

EXCLUDED_Z = 3.0
"""A cell breaks a limit by so many errors of the fit: no draws are spent on it while others are left."""

MAYBE_EQUAL, SURELY_EQUAL = 0.10, 0.99
"""How likely a cell is within the margin of the leader, to get blocks for it, and to be preferred to it."""


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
class Evidence:
    """What is known of the cells of one model.

    `limits` are those of metrics that vary from process to process; what is exact is judged by `bar`.
    """

    space: Space
    objective: Objective
    limits: Sequence[Limit]
    barred: dict[int, str] = field(init=False, default_factory=dict)  # cell -> why it is out
    probes: dict[int, list[Mapping[str, float]]] = field(init=False, default_factory=dict)
    blocks: dict[tuple[int, int], list[float]] = field(
        init=False, default_factory=dict
    )  # (base, cell) -> log-ratios
    fresh: dict[int, Mapping[str, float]] = field(init=False, default_factory=dict)
    broke: dict[int, tuple[Limit, ...]] = field(
        init=False, default_factory=dict
    )  # measured afresh -> limits not met
    raced: bool = field(
        init=False, default=False
    )  # whether nothing but blocks and a fresh measurement is to come

    def __post_init__(self) -> None:
        metrics = dict.fromkeys((self.objective.metric, *(limit.metric for limit in self.limits)))
        self.fits = {metric: Fit(self.space) for metric in metrics}
        self._random = np.random.default_rng(0)
        self._stale = True

    @property
    def live(self) -> list[int]:
        """The cells that are not out."""
        return [cell for cell in range(len(self.space.cells)) if cell not in self.barred]

    def bar(self, cell: int, reason: str) -> None:
        """Take a cell out: it cannot run, or breaks an exact limit."""
        self.barred.setdefault(cell, reason)
        self._stale = True

    def _refit(self) -> None:
        if self._stale:
            for fit in self.fits.values():
                fit.refit()
        self._stale = False

    def believe(self, metric: str, cells: Sequence[int]) -> Belief:
        """Return what is known of a metric of `cells`, on its `scale`."""
        self._refit()
        return self.fits[metric].believe(cells)

    def estimate(self, metric: str, cells: Sequence[int]) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of a metric of each of `cells`, on its `scale`."""
        self._refit()
        return self.fits[metric].estimate(cells)

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
        least = SURE if not self.raced or draws.chances.max(initial=0.0) >= SURE else LIKELY
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

    def blocks_of(self, base: int, cell: int) -> int:
        """Count the blocks of two cells, whichever was the base."""
        return len(self.ratios(base, cell))

    def ratios(self, base: int, cell: int) -> list[float]:
        """Return the log-ratios of `cell` over `base`, from the blocks that both were in."""
        return [*self.blocks.get((base, cell), ()), *(-each for each in self.blocks.get((cell, base), ()))]

    def equivalents(self, cell: int) -> tuple[int, ...]:
        """Return the live cells that blocks show to be within the margin of `cell`, in both directions."""
        found = []
        for other in self.live:
            bounds = interval(self.ratios(cell, other))
            if other != cell and bounds and bounds[0] >= -LOG_MARGIN and bounds[1] <= LOG_MARGIN:
                found.append(other)
        return tuple(found)

    def winner(self) -> int | None:
        """Return the cell to recommend: of those shown equal to the best, least memory, then the defaults.

        The defaults are kept where a better cell by more than the margin is not shown.
        """
        draws = self.draws() if self.live and self.probes else None
        leader = self.recommend(draws) if draws else None
        if leader is None or draws is None:
            return None
        sure = {int(cell) for cell, chance in zip(draws.cells, draws.chances, strict=True) if chance >= SURE}
        equal = [cell for cell in self.equivalents(leader) if cell in sure and self.probes.get(cell)]
        found = self.preferred(leader, [*equal, *self._surely_equal(draws, leader, sure)])
        default, chances = self.space.default, self.chances_to_equal(draws, found)
        if default not in sure or not self.probes.get(default):
            return found
        as_good = chances[list(draws.cells).index(default)] >= KEPT
        return self.preferred(found, [default]) if as_good else found

    def preferred(self, leader: int, equal: Sequence[int]) -> int:
        """Return of cells that are equal the one to prefer: least memory, then the defaults, then the leader.

        Memory within the margin of the least is no difference.
        """
        peaks = {cell: self._memory(cell) for cell in (leader, *equal)}
        light = [cell for cell, peak in peaks.items() if peak <= min(peaks.values()) + LOG_MARGIN]
        return min(light, key=lambda cell: (self.space.distance(cell), cell != leader))

    def chances_to_equal(self, draws: Draws, leader: int) -> Floats:
        """Return the chance of each cell to meet the limits and be no worse than the leader by the margin."""
        own = draws.objective[:, list(draws.cells).index(leader)]
        found: Floats = ((draws.objective - own[:, None] <= LOG_MARGIN) & draws.meets).mean(0)
        return found

    def _surely_equal(self, draws: Draws, leader: int, sure: set[int]) -> list[int]:
        """Return the cells that were in a block, and that all measurements together show to be as good."""
        compared = {cell for pair in self.blocks for cell in pair}
        chances = zip(draws.cells, self.chances_to_equal(draws, leader), strict=True)
        return [
            int(cell)
            for cell, chance in chances
            if chance >= SURELY_EQUAL and int(cell) in sure & compared and self.probes.get(int(cell))
        ]

    def _memory(self, cell: int) -> float:
        """Return the logarithm of the peak memory; infinite where it is not known."""
        found = [each["memory/peak"] for each in self.probes.get(cell, ()) if each.get("memory/peak")]
        return math.log(min(found)) if found else math.inf


def interval(ratios: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's 95% interval of a mean of log-ratios; None for fewer than three."""
    from harness.stats.intervals import mean_interval

    return mean_interval(np.asarray(ratios, np.float64)) if len(ratios) >= 3 else None
