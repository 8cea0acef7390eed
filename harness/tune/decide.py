"""From a race to its answer: the winner, who is equal, what binds, the front, what an axis is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from harness.core.metrics import spec_of
from harness.core.record import Absence, Metric
from harness.stats.front import Range, front
from harness.tune.evidence import LOG_MARGIN, Evidence, interval, scale
from harness.tune.model import (
    MARGIN,
    Barred,
    Limit,
    Missed,
    Reached,
    Unmeasured,
    Worth,
)

Z95, Z99 = 1.96, 2.33
MOST_CELLS = 400
"""Cells that an axis is rated on, and undecided cells that are looked through, at most."""

NEAREST = 3
MAYBE = 0.05
"""The chance of a cell to be as good as the winner, from which it counts as undecided."""

ACCURACY = ("accuracy/top1_delta", "accuracy/mae_delta", "accuracy/sqnr_db")
"""What a front has of accuracy: the first of these that was measured."""

Exact = Mapping[int, Mapping[str, Metric]]
"""Group of cells -> its exact metrics, by name."""


def reached(
    race: Evidence, keys: Sequence[str], exact: Exact, cell: int, winner: int | None = None
) -> Reached:
    """Write down what is known of a cell: from its fresh measurement, else from the fit."""
    metric = race.objective.metric
    known = {
        name: each.value
        for name, each in exact.get(race.space.groups[cell], {}).items()
        if each.value is not None
    }
    probes = race.probes.get(cell, [])
    names = dict.fromkeys(chain.from_iterable(probes))
    known |= {name: float(np.median([each[name] for each in probes if name in each])) for name in names}
    if cell in race.fresh:
        known |= race.fresh[cell]
    (mean,), (sd,) = race.estimate(metric, [cell])
    value, low, high = (back(metric, x) for x in (mean, mean - Z95 * sd, mean + Z95 * sd))
    bounds = interval(race.ratios(winner, cell)) if winner is not None else None
    return Reached(
        case=keys[cell],
        value=race.fresh[cell][metric] if cell in race.fresh else value,
        low=low,
        high=high,
        metrics={name: known[name] for name in sorted(known)},
        probes=len(probes),
        fresh=cell in race.fresh and cell not in race.broke,
        ratio_low=math.exp(bounds[0]) if bounds else None,
        ratio_high=math.exp(bounds[1]) if bounds else None,
    )


def back(metric: str, value: float) -> float:
    """Turn a value on its `scale` into the metric's unit."""
    return math.exp(value) if spec_of(metric).relative else value


def measured_cells(race: Evidence) -> list[int]:
    """Return the cells that were measured, the best of the objective first."""
    cells = [cell for cell in race.probes if race.probes[cell]]
    if not cells:
        return []
    sign = -1.0 if race.objective.maximize else 1.0
    mean, _ = race.estimate(race.objective.metric, cells)
    return [cells[place] for place in np.argsort(sign * mean, kind="stable")]


def broken(limits: Sequence[Limit], found: Reached) -> list[Limit]:
    """Return the limits that a cell does not meet by its values."""
    return [
        limit
        for limit in limits
        if limit.metric in found.metrics and not limit.holds(found.metrics[limit.metric])
    ]


def what_binds(
    found: Sequence[Reached], winner: Reached, limits: Sequence[Limit], *, maximize: bool
) -> tuple[str, ...]:
    """Return the limits that alone keep a measured cell out which is better by more than the margin."""
    binds = []
    for each in found:
        if each.value is None or winner.value is None or each.value <= 0 or winner.value <= 0:
            continue
        ahead = math.log(winner.value / each.value) * (-1 if maximize else 1)
        out = broken(limits, each)
        if ahead > LOG_MARGIN and len(out) == 1:
            binds.append(out[0].text)
    return tuple(dict.fromkeys(binds))


def undecided(race: Evidence, winner: int, equal: Sequence[int]) -> list[int]:
    """Return the measured cells that may be as good as the winner, and were not shown to be equal."""
    draws = race.draws()
    places = list(map(int, draws.cells))
    if winner not in places:
        return []
    chances = race.chances_to_equal(draws, winner)
    order = np.argsort(-chances, kind="stable")
    return [
        places[i]
        for i in order
        if chances[i] >= MAYBE and places[i] in race.probes and places[i] not in (winner, *equal)
    ]


def pareto(race: Evidence, exact: Exact, cells: Sequence[int]) -> list[int]:
    """Return the measured cells that none is shown to beat in the objective, memory and accuracy together."""
    if not cells:
        return []
    sign = -1.0 if race.objective.maximize else 1.0
    mean, sd = race.estimate(race.objective.metric, cells)
    ranges: dict[int, list[Range]] = {
        cell: [Range(sign * centre - Z95 * width, sign * centre + Z95 * width)]
        for cell, centre, width in zip(cells, mean, sd, strict=True)
    }
    peaks = {
        cell: [each["memory/peak"] for each in race.probes[cell] if each.get("memory/peak")] for cell in cells
    }
    if all(peaks.values()) and race.objective.metric != "memory/peak":
        for cell, found in peaks.items():
            ranges[cell].append(Range(min(found) / (1 + MARGIN), max(found) * (1 + MARGIN)))
    rows = {cell: exact.get(race.space.groups[cell], {}) for cell in cells}
    for name in ACCURACY:
        if all(name in row and _is_known(row[name]) for row in rows.values()):
            for cell, row in rows.items():
                ranges[cell].append(_accuracy(row[name]))
            break
    return front(ranges)


def _is_known(metric: Metric) -> bool:
    return metric.value is not None or metric.absence is Absence.IDENTICAL


def _accuracy(metric: Metric) -> Range:
    """Return the interval of a metric, turned so that less is better: no SQNR beats identical outputs."""
    if metric.absence is Absence.IDENTICAL:
        return Range(-math.inf, -math.inf)
    ends = [end for end in (metric.low, metric.high) if end is not None] or [metric.value or 0.0]
    if metric.direction == "higher":
        ends = [-end for end in ends]
    return Range(min(ends), max(ends))


def worths(race: Evidence) -> tuple[Worth, ...]:
    """Rate every axis by the fit: its best value over its worst one, averaged over the others."""
    cells = race.live[:: max(1, len(race.live) // MOST_CELLS)]
    if not race.probes or not cells:
        return ()
    belief = race.believe(race.objective.metric, cells)
    sign = -1.0 if race.objective.maximize else 1.0
    table = np.array([race.space.cells[cell] for cell in cells])
    found = []
    for axis, name in enumerate(race.space.axes):
        values = [value for value in range(len(race.space.levels[axis])) if (table[:, axis] == value).any()]
        if len(values) < 2:
            continue
        shares = {value: (table[:, axis] == value) / (table[:, axis] == value).sum() for value in values}
        means = {value: float(sign * shares[value] @ belief.mean) for value in values}
        best, worst = min(values, key=means.__getitem__), max(values, key=means.__getitem__)
        weights = shares[worst] - shares[best]
        gap = means[worst] - means[best]
        sd = math.sqrt(max(0.0, float(weights @ belief.covariance @ weights)))
        texts = race.space.levels[axis]
        found.append(
            Worth(
                name, texts[best], texts[worst], *(math.exp(x) for x in (gap, gap - Z95 * sd, gap + Z95 * sd))
            )
        )
    return tuple(sorted(found, key=lambda each: -each.ratio))


def unmeasured(race: Evidence, keys: Sequence[str]) -> tuple[Unmeasured, ...]:
    """Bound what the live cells that were not measured may reach, the most promising first."""
    cells = [cell for cell in race.live if cell not in race.probes]
    if not cells or not race.probes:
        return ()
    metric, sign = race.objective.metric, -1.0 if race.objective.maximize else 1.0
    mean, sd = race.estimate(metric, cells)
    bounds = sign * mean - Z99 * sd
    order = np.argsort(bounds, kind="stable")
    return tuple(Unmeasured(keys[cells[i]], back(metric, float(sign * bounds[i]))) for i in order)


def barred(race: Evidence, keys: Sequence[str]) -> tuple[Barred, ...]:
    """List the cells that are out."""
    return tuple(Barred(keys[cell], reason) for cell, reason in sorted(race.barred.items()))


def nearest(found: Sequence[Reached], limits: Sequence[Limit]) -> tuple[Missed, ...]:
    """Return what the cells that come nearest to all limits miss."""

    def excess(limit: Limit, value: float) -> float:
        if limit.value > 0 and value > 0 and spec_of(limit.metric).relative:
            return abs(scale(limit.metric, value) - scale(limit.metric, limit.value))
        return abs(value - limit.value)

    rated = [(each, broken(limits, each)) for each in found]
    rated = [(each, out) for each, out in rated if out]
    rated.sort(
        key=lambda pair: (
            len(pair[1]),
            sum(excess(limit, pair[0].metrics[limit.metric]) for limit in pair[1]),
        )
    )
    return tuple(
        Missed(each.case, limit.text, limit.metric, each.metrics[limit.metric], limit.value)
        for each, out in rated[:NEAREST]
        for limit in out
    )


def log_ratio(ours: float, theirs: float) -> float:
    """Return the logarithm of a ratio."""
    return math.log(ours / theirs)
