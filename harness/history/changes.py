"""Find the points at which a series of runs went to another level.

A penalized kernel detector (ruptures, after Arlot, Celisse and Harchaoui
2019) proposes points: its kernel is bounded, so a single wild night moves
nothing. Each is then compared with the noise of the series itself: a step is
believed where the medians of the nights before and after it differ by more
than such medians elsewhere in the series do, at one of several scales. A
series that drifts or switches between levels thus raises its own threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from harness.core.decision import Cause, Change, Shift
from harness.core.metrics import MetricSpec
from harness.judge.causes import changed

Floats = NDArray[np.float64]

MIN_RUNS = 10
"""Values below which no change is looked for."""

SCALES = (5, 10, 20, 40, 80)
"""Numbers of values on either side whose medians are compared."""

STRENGTH = 5.0
"""Standard errors that a step must have; one night's noise, and the search over all nights, give less."""

MIN_EFFECT = 0.005
LASTING = 2
"""Values that must lie on either side of a step."""

_SHORT = 10  # a step must show at this scale already: a drift does not
_MIN_SHARE = 0.5  # … by this share of what it comes to at a larger one
_PENALTY, _BANDWIDTH = 3.0, 3.0  # of the detector: cost of a point, width of its kernel in SDs
_LEAST_SD = 1e-4
_MEDIAN = 1.2533  # standard error of a median to that of a mean, √(π/2)
_MAD = 1.4826


def shifts(
    values: Sequence[float | None], metric: MetricSpec, *, min_effect: float = MIN_EFFECT
) -> tuple[Shift, ...]:
    """Return the shifts of a series in time order; missing values (None) are passed over.

    Durations, sizes and rates are compared as ratios, other units as
    differences; `min_effect` is the least change of interest, in the same
    terms. The noise that a shift must exceed is learned from the series.
    """
    places = [index for index, value in enumerate(values) if value is not None and math.isfinite(value)]
    known = np.array([values[index] for index in places], np.float64)
    if len(known) < MIN_RUNS:
        return ()
    relative = metric.relative and bool((known > 0).all())
    y = np.log(known) if relative else known
    least = math.log1p(min_effect) if relative else min_effect
    steps = sorted(_accept(y, _candidates(y), least), key=lambda step: step.at)
    bounds = [0, *(step.at for step in steps), len(y)]
    levels = [float(np.median(known[a:b])) for a, b in pairwise(bounds)]
    return tuple(
        Shift(
            index=places[step.at],
            before=before,
            after=after,
            change=math.expm1(step.size) if relative else step.size,
            strength=step.strength,
            verdict=_verdict(step.size, metric.better),
        )
        for step, (before, after) in zip(steps, pairwise(levels), strict=True)
    )


def with_causes(
    found: Sequence[Shift], values: Sequence[float | None], facts: Sequence[Mapping[str, Any]]
) -> tuple[Shift, ...]:
    """Name beside each shift what else changed there, or LASTING values before or after.

    Noise moves the place of a shift that is no larger than itself by a value
    or two; a change that is not at the very place says how far from it.
    `facts` holds what is known of each point (see `facts_of`), as many as
    `values`; a point is compared with the last one before it that has a value.
    """
    known = [index for index, value in enumerate(values) if value is not None]
    return tuple(replace(shift, causes=_causes(known, known.index(shift.index), facts)) for shift in found)


def _causes(known: Sequence[int], place: int, facts: Sequence[Mapping[str, Any]]) -> tuple[Cause, ...]:
    """Name what changed around `known[place]`, the nearest changes first."""
    causes = []
    for away in sorted(range(-LASTING, LASTING + 1), key=abs):
        if not 0 < place + away < len(known):
            continue
        then, now = facts[known[place + away - 1]], facts[known[place + away]]
        causes += [replace(cause, away=away) for cause in changed(then, now)]
    return tuple(causes)


@dataclass(frozen=True, slots=True)
class _Candidate:
    at: int
    size: float
    strength: float


def _verdict(size: float, direction: str) -> Change:
    if direction not in ("lower", "higher"):
        return Change.INCONCLUSIVE
    return Change.REGRESSION if (size > 0) == (direction == "lower") else Change.IMPROVEMENT


def _night_sd(y: Floats) -> float:
    """Return the SD from one value to the next: by a high quantile, so that two modes count in full."""
    return max(_LEAST_SD, float(np.quantile(np.abs(np.diff(y)), 0.9)) / (1.6449 * math.sqrt(2)))


def _candidates(y: Floats) -> list[int]:
    """Propose points: the first index of each new level."""
    from ruptures import KernelCPD

    gamma = 1 / (2 * (_BANDWIDTH * _night_sd(y)) ** 2)
    detector = KernelCPD(kernel="rbf", params={"gamma": gamma}, min_size=LASTING)
    return [int(at) for at in detector.fit(y.reshape(-1, 1)).predict(pen=_PENALTY)[:-1]]


def _accept(y: Floats, candidates: list[int], least: float) -> list[_Candidate]:
    """Believe the strongest candidate, take its step out of the series, and look again."""
    sd, rest, accepted = _night_sd(y), y.copy(), list[_Candidate]()
    left = list(candidates)
    while left:
        elsewhere = {scale: np.abs(_jumps(rest, scale)) for scale in SCALES if 6 * scale <= len(y)}
        bounds = sorted({0, len(y), *(step.at for step in accepted)})
        steps = [_strongest(rest, at, bounds, elsewhere, sd, least) for at in left]
        best = max((step for step in steps if step), key=lambda step: step.strength, default=None)
        if best is None or best.strength < STRENGTH:
            break
        accepted.append(best)
        left.remove(best.at)
        rest[best.at :] -= best.size
    return accepted


def _jumps(y: Floats, scale: int) -> Floats:
    """Return the difference of medians after and before every index from `scale` on."""
    medians: Floats = np.median(sliding_window_view(y, scale), axis=1)
    return medians[scale:] - medians[:-scale]


def _strongest(
    y: Floats,
    at: int,
    bounds: Sequence[int],
    elsewhere: Mapping[int, Floats],
    sd: float,
    least: float,
) -> _Candidate | None:
    """Measure the step at one index at every scale; None where no scale shows one."""
    start = max(bound for bound in bounds if bound <= at)
    end = min(bound for bound in bounds if bound > at)
    best: _Candidate | None = None
    short, _ = _step(y, at, start, end, _SHORT)
    excess = growth = 1.0
    for scale in SCALES:
        grown = _excess(elsewhere.get(scale), at, scale, sd)
        before = excess
        # where a scale is too long to be measured, go on as from the scale before to the last one
        excess = excess * growth if grown is None else max(excess, grown)
        growth = excess / before
        size, nights = _step(y, at, start, end, scale)
        lasting = min(nights) >= LASTING and (max(nights) >= scale or scale == SCALES[0])
        abrupt = scale <= _SHORT or short * math.copysign(1, size) >= _MIN_SHARE * abs(size)
        if lasting and abrupt and abs(size) >= least:
            error = excess * _MEDIAN * sd * math.sqrt(1 / nights[0] + 1 / nights[1])
            if best is None or abs(size) / error > best.strength:
                best = _Candidate(at, size, abs(size) / error)
    return best


def _step(y: Floats, at: int, start: int, end: int, scale: int) -> tuple[float, tuple[int, int]]:
    """Return the difference of medians around an index and the values on each side, within its segment."""
    before, after = y[max(start, at - scale) : at], y[at : min(end, at + scale)]
    return float(np.median(after) - np.median(before)), (len(before), len(after))


def _excess(jumps: Floats | None, at: int, scale: int, sd: float) -> float | None:
    """Return how much larger jumps of medians are away from `at` than independent noise would make them.

    None where too few are left.
    """
    if jumps is None:
        return None
    away = jumps[np.abs(np.arange(len(jumps)) + scale - at) >= scale]
    if len(away) < 2 * scale:
        return None
    return _MAD * float(np.median(away)) / (_MEDIAN * sd * math.sqrt(2 / scale))
