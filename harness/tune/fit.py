"""Fit logarithms by the axes: an effect of each value, of the pairs that matter, and what is left.

A Gaussian model with a variance for every axis, for every pair of axes, for
single cells and for each kind of measurement. The variances are learned from
the measurements themselves (restricted to cells that were measured), so that an
axis or a pair without effect is shrunk to none. They are found by the MM
algorithm of Zhou, Hu, Qiao and Zhou (2019), "MM algorithms for variance
components models", with a weak inverse gamma prior each. Noise is Student's t, as a
scale mixture: a measurement that strays far is trusted less, and so is its cell known less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.tune.model import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = PROBE, FRESH, BLOCK = 0, 1, 2
"""Kinds of measurements: a short one, a full one, and a block of both arms in turn."""

PRIOR_AXIS, PRIOR_PAIR, PRIOR_CELL = 0.10, 0.02, 0.004
"""Standard deviations of effects, as logarithms, that the search begins with."""

PRIOR_NOISE = {PROBE: 0.010, FRESH: 0.008, BLOCK: 0.005}
"""The same of measurements."""

SHAPE, SHAPE_NOISE = 0.25, 1.0
"""How firmly it begins with them: shapes of the inverse gamma priors."""

FLAT = 100.0
"""Variance of the level that all cells share: as good as unknown."""

FREEDOM = 4.0
"""Degrees of freedom of the noise, a Student's t: one measurement in some is disturbed."""

FIRST_STEPS, STEPS = 40, 5
"""Steps of the MM algorithm, at first and with each further fit."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One measurement: of `cell`, or of `cell` over `base` where there is one."""

    cell: int
    value: float  # a logarithm
    kind: int = PROBE
    base: int | None = None


@dataclass(frozen=True, slots=True)
class Belief:
    """What is known of some cells: mean and covariance of their logarithms."""

    cells: Ints
    mean: Floats
    covariance: Floats


@dataclass
class Fit:
    """The model of one metric; `refit` takes measurements in, `believe` answers."""

    space: Space
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        table = np.array(self.space.cells, np.int64).reshape(len(self.space.cells), -1)
        own = [_centred(table[:, axis], len(values)) for axis, values in enumerate(self.space.levels)]
        pairs = [(a[:, :, None] * b[:, None, :]).reshape(len(table), -1) for a, b in combinations(own, 2)]
        self._features = np.hstack([np.empty((len(table), 0)), *own, *pairs])
        widths = [part.shape[1] for part in (*own, *pairs)]
        self._part = np.repeat(np.arange(len(widths)), widths)  # of each feature
        start = [PRIOR_AXIS] * len(own) + [PRIOR_PAIR] * len(pairs) + [PRIOR_CELL]
        noise = [PRIOR_NOISE[kind] for kind in KINDS]
        self._prior = np.array([*start, *noise]) ** 2
        self._shape = np.array([SHAPE] * len(start) + [SHAPE_NOISE] * len(noise))
        self._variances = self._prior.copy()
        self._trust = np.ones(0)  # in each measurement: below 1, it strays more than its kind does
        self._fitted = False

    @property
    def noise(self) -> dict[int, float]:
        """Standard deviation of a measurement of each kind, as a logarithm."""
        return {kind: math.sqrt(self._variances[kind - len(KINDS)]) for kind in KINDS}

    def refit(self) -> None:
        """Learn the variances from what was measured."""
        if not self.seen:
            return
        known = self._known()
        parts, kinds = len(self._variances) - 1 - len(KINDS), np.array([item.kind for item in self.seen])
        features = known.maps @ self._features[known.cells]
        alike, sums = known.maps @ known.maps.T, known.maps.sum(1)
        level = FLAT * np.outer(sums, sums)
        self._trust = np.r_[self._trust, np.ones(len(self.seen) - len(self._trust))]
        for _ in range(STEPS if self._fitted else FIRST_STEPS):
            noise = self._variances[kinds - len(KINDS)] / self._trust
            whole = (features * self._weights) @ features.T + self._cell * alike + level + np.diag(noise)
            inverse = np.linalg.inv(whole)
            score = inverse @ known.values
            fits = np.bincount(self._part, (features.T @ score) ** 2, parts)
            traces = np.bincount(self._part, np.einsum("ij,ij->j", features, inverse @ features), parts)
            last = np.array([score @ alike @ score, np.sum(inverse * alike)])
            own = np.diag(inverse)
            each = [np.bincount(kinds, x / self._trust, len(KINDS)) for x in (score**2, own)]
            fits, traces = np.r_[fits, last[0], each[0]], np.r_[traces, last[1], each[1]]
            above = self._variances**2 * fits / 2 + (self._shape + 1) * self._prior
            below = traces / 2 + (self._shape + 1) / self._variances
            strays = (noise * score) ** 2 + np.maximum(0.0, noise - noise**2 * own)
            strays /= self._variances[kinds - len(KINDS)]
            self._trust = (FREEDOM + 1) / (FREEDOM + strays)
            self._variances = np.sqrt(above / below)
        self._fitted = True

    def believe(self, cells: Sequence[int]) -> Belief:
        """Return what the measurements and the fit tell of `cells` together."""
        asked = np.asarray(cells, np.int64)
        known = self._known()
        cross = self._cover(asked, known.cells) @ known.maps.T
        solved = np.linalg.solve(self._whole(known), np.column_stack([known.values, cross.T]))
        mean = known.centre + cross @ solved[:, 0]
        return Belief(asked, mean, self._cover(asked, asked) - cross @ solved[:, 1:])

    def estimate(self, cells: Sequence[int]) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of each of `cells`."""
        asked = np.asarray(cells, np.int64)
        known = self._known()
        cross = self._cover(asked, known.cells) @ known.maps.T
        solved = np.linalg.solve(self._whole(known), np.column_stack([known.values, cross.T]))
        features = self._features[asked]
        own = FLAT + self._cell + (features**2) @ self._weights
        left = own - np.einsum("ij,ji->i", cross, solved[:, 1:])
        mean: Floats = known.centre + cross @ solved[:, 0]
        return mean, np.sqrt(np.maximum(left, 0.0))

    def trust(self, cell: int) -> float:
        """Return the trust in the best probe of a cell: about 1, less where it strays; 0 without one."""
        pairs = zip(self.seen, self._trust, strict=False)
        return max((float(x) for item, x in pairs if item.cell == cell and item.base is None), default=0.0)

    @property
    def _cell(self) -> float:
        """Variance of a single cell beyond its axes and pairs."""
        return float(self._variances[-1 - len(KINDS)])

    @property
    def _weights(self) -> Floats:
        """Variance of each feature."""
        weights: Floats = self._variances[self._part]
        return weights

    def _known(self) -> _Known:
        """Return the cells that were measured, which of them each measurement is of, and its value."""
        cells = sorted({cell for item in self.seen for cell in (item.cell, item.base) if cell is not None})
        place = {cell: index for index, cell in enumerate(cells)}
        levels = [item.value for item in self.seen if item.base is None]
        centre = float(np.mean(levels)) if levels else 0.0
        maps, values = np.zeros((len(self.seen), len(cells))), np.zeros(len(self.seen))
        for row, item in enumerate(self.seen):
            maps[row, place[item.cell]] = 1.0
            values[row] = item.value - (centre if item.base is None else 0.0)
            if item.base is not None:
                maps[row, place[item.base]] = -1.0
        return _Known(np.array(cells, np.int64), maps, values, centre)

    def _whole(self, known: _Known) -> Floats:
        """Return the covariance of the measurements."""
        trust = np.r_[self._trust, np.ones(len(self.seen) - len(self._trust))]
        noise = np.array([self._variances[item.kind - len(KINDS)] for item in self.seen]) / trust
        whole: Floats = known.maps @ self._cover(known.cells, known.cells) @ known.maps.T + np.diag(noise)
        return whole

    def _cover(self, rows: Ints, columns: Ints) -> Floats:
        """Return the covariance of cells before anything was measured."""
        shared: Floats = (self._features[rows] * self._weights) @ self._features[columns].T
        found: Floats = FLAT + shared + self._cell * (rows[:, None] == columns[None, :])
        return found


@dataclass(frozen=True, slots=True)
class _Known:
    """The measurements as a linear map of the cells that they are of."""

    cells: Ints
    maps: Floats  # measurements x cells: 1, and -1 for the base of a block
    values: Floats  # less the centre
    centre: float


def _centred(values: Ints, count: int) -> Floats:
    """Return a column for each value of an axis: 1 where a cell has it, less the share of one value."""
    columns: Floats = (values[:, None] == np.arange(count)[None, :]) - 1 / count
    return columns
