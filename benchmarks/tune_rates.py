"""How often `harness tune` finds a cell within 1% of the best, and at what share of a full sweep's time.

    python benchmarks/tune_rates.py [--grids 200] [--noise 0.0025 0.03] [--stored DIR]

Drives the search (`harness.tune.race`) itself over grids whose answer is known: simulated ones,
additive in logarithms with interactions, and stored full grids of real models (`--stored`, a folder of
JSON files: axes, and the p50 of every cell). Beside it, on the same grids and at its cost: random
search, a hill climb as Triton's Model Analyzer does it in its quick mode (from the defaults, a
step along each axis, then on from the best), and optuna's TPE where optuna is installed.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.tune.model import Limit, Objective, Space
from harness.tune.race import Ask, Costs, Race, Step

Floats = NDArray[np.float64]

SWEEP_S = 0.5 + 0.1 + 1.0 + 3 * 0.2
"""A case of a full sweep: start, warm-up, calls, three other passes, as `harness plan` estimates it."""

COSTS = Costs(probe_s=0.5 + 0.05 + 0.25, block_s=0.5 + 0.5, fresh_s=3 * (0.5 + 0.1 + 1.0) + 3 * 0.2)
"""A short probe, a block of both arms, and three full processes."""

SHARE = 0.15
P50, PEAK = "latency/p50", "memory/peak"


@dataclass(frozen=True)
class Grid:
    """A space with the true p50 and memory of every cell, as logarithms."""

    name: str
    space: Space
    truth: Floats
    memory: Floats
    noise: float  # between processes
    block_noise: float


def simulated(number: int, noise: float) -> Grid:
    """Draw a grid of 96 cells or more."""
    rng = np.random.default_rng([number, 17])
    counts = [2, 2]
    while math.prod(counts) < 96 or (math.prod(counts) < 200 and rng.random() < 0.3):
        counts.append(int(rng.choice([2, 2, 3, 4])))
    rng.shuffle(counts)
    cells = tuple(product(*(range(count) for count in counts)))
    table = np.array(cells)
    truth, memory = np.zeros(len(cells)), np.full(len(cells), math.log(1e8))
    for axis, count in enumerate(counts):
        size = rng.choice([0.0, 0.01, 0.05, 0.2, 0.5], p=[0.2, 0.2, 0.25, 0.2, 0.15])
        truth += size * rng.standard_normal(count)[table[:, axis]]
        memory += rng.choice([0.0, 0.05, 0.2]) * rng.standard_normal(count)[table[:, axis]]
    for a in range(len(counts)):
        for b in range(a):
            if rng.random() < 0.25:
                size = rng.choice([0.01, 0.03, 0.10])
                truth += size * rng.standard_normal((counts[a], counts[b]))[table[:, a], table[:, b]]
    truth += 0.003 * rng.standard_normal(len(cells))
    axes = tuple(f"axis{index}" for index in range(len(counts)))
    levels = tuple(tuple(map(str, range(count))) for count in counts)
    space = Space(axes, levels, cells, tuple(0 for _ in cells), int(rng.integers(len(cells))))
    return Grid(f"simulated-{number}", space, truth, memory, noise, noise)


def stored(folder: Path) -> Iterator[Grid]:
    """Read full grids: ``{"axes": {name: [...]}, "cells": [{"values": [...], "p50_s": x, "peak": b}]}``."""
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        axes = {name: [str(value) for value in values] for name, values in data["axes"].items()}
        rows = [cell for cell in data["cells"] if cell.get("p50_s")]
        cells = tuple(
            tuple(axes[name].index(str(value)) for name, value in zip(axes, row["values"], strict=True))
            for row in rows
        )
        space = Space(tuple(axes), tuple(map(tuple, axes.values())), cells, tuple(0 for _ in cells))
        truth = np.log([row["p50_s"] for row in rows])
        memory = np.log([row.get("peak") or 1e8 for row in rows])
        noise = float(data.get("noise", 0.005))
        yield Grid(path.stem, space, truth, memory, noise, noise)


@dataclass(frozen=True)
class Outcome:
    """How a search ended: what is lost against the best cell, its cost, and whether a limit was broken."""

    regret: float
    share: float
    broke: bool = False
    empty: bool = False


def tune(grid: Grid, seed: int, limit: float | None = None, share: float = SHARE) -> tuple[Outcome, Race]:
    """Run the search of `harness tune`; `limit` is the quantile of the grid's memory that is allowed."""
    rng = np.random.default_rng([seed, 99])
    limits = ()
    if limit is not None:
        limits = (Limit(PEAK, True, float(np.exp(np.quantile(grid.memory, limit))), "memory"),)
    budget_s = share * SWEEP_S * len(grid.space.cells)
    race = Race(grid.space, Objective(P50, False), limits, budget_s, COSTS, seed)
    while (ask := race.ask()) is not None:
        race.tell(ask, measure(grid, ask, rng), COSTS.of(ask.step))
    found = next((cell for cell in race.fresh if cell not in race.broke), None)
    spent = race.spent_s / (SWEEP_S * len(grid.space.cells))
    allowed = np.ones(len(grid.truth), bool)
    again = False
    if limits:
        # the best of those that a fresh measurement shows to meet the limit 99 times in 100
        allowed = grid.memory + 2.33 * MEMORY_NOISE <= math.log(limits[0].value)
        if found is not None:
            again = grid.memory[found] + MEMORY_NOISE * rng.standard_normal() > math.log(limits[0].value)
    if found is None:
        return Outcome(math.inf if allowed.any() else 0.0, spent, empty=True), race
    best = grid.truth[allowed].min() if allowed.any() else grid.truth[found]
    return Outcome(float(grid.truth[found] - best), spent, again), race


MEMORY_NOISE = 0.002


def measure(grid: Grid, ask: Ask, rng: np.random.Generator) -> dict[str, float]:
    if ask.base is not None:
        ratio = grid.truth[ask.cell] - grid.truth[ask.base]
        return {P50: float(ratio + grid.block_noise * rng.standard_normal())}
    noise = grid.noise / (math.sqrt(3) if ask.step is Step.FRESH else 1)
    return {
        P50: float(np.exp(grid.truth[ask.cell] + noise * rng.standard_normal())),
        PEAK: float(np.exp(grid.memory[ask.cell] + MEMORY_NOISE * rng.standard_normal())),
    }


def random_search(grid: Grid, rng: np.random.Generator, calls: int) -> float:
    cells = rng.permutation(len(grid.truth))[:calls]
    values = grid.truth[cells] + grid.noise * rng.standard_normal(len(cells))
    return float(grid.truth[cells[np.argmin(values)]])


def hill_climb(grid: Grid, rng: np.random.Generator, calls: int) -> float:
    places = {cell: index for index, cell in enumerate(grid.space.cells)}
    known: dict[int, float] = {}

    def look(index: int) -> float:
        if index not in known:
            known[index] = grid.truth[index] + grid.noise * rng.standard_normal()
        return known[index]

    here = grid.space.default
    look(here)
    while True:
        cell, before = grid.space.cells[here], here
        for axis, values in enumerate(grid.space.levels):
            for step in (-1, 1):
                value = cell[axis] + step
                near = (
                    places.get((*cell[:axis], value, *cell[axis + 1 :])) if 0 <= value < len(values) else None
                )
                if near is not None and len(known) < calls:
                    look(near)
        here = min(known, key=known.__getitem__)
        if here == before:
            if len(known) >= calls:
                break
            here = int(rng.integers(len(grid.truth)))  # again from elsewhere
            look(here)
            if len(known) >= len(grid.truth):
                break
    return float(grid.truth[min(known, key=known.__getitem__)])


def tpe(grid: Grid, seed: int, calls: int) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng([seed, 5])
    places = {cell: index for index, cell in enumerate(grid.space.cells)}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False))

    def objective(trial: optuna.Trial) -> float:
        cell = tuple(
            int(trial.suggest_categorical(axis, list(range(len(values)))))
            for axis, values in zip(grid.space.axes, grid.space.levels, strict=True)
        )
        if cell not in places:
            raise optuna.TrialPruned
        return float(grid.truth[places[cell]] + grid.noise * rng.standard_normal())

    study.optimize(objective, n_trials=calls)
    best = study.best_params
    return float(grid.truth[places[tuple(best[axis] for axis in grid.space.axes)]])


def report(name: str, regrets: list[float], shares: list[float]) -> str:
    lost = np.array(regrets)
    within = (lost <= math.log(1.01)).mean()
    worst = np.quantile(lost, 0.95)
    return f"| {name} | {within:.1%} | {math.expm1(worst):.1%} | {np.mean(shares):.1%} | {max(shares):.1%} |"


def compare(title: str, grids: list[Grid], rivals: dict[str, Callable[[Grid, int, int], float]]) -> None:
    cells = sum(len(grid.truth) for grid in grids) / len(grids)
    print(f"\n### {title}: {len(grids)} grids, {cells:.0f} cells on average\n")
    print(
        "| search | within 1% of the best | loss, 95th percentile | cost, mean | cost, most |\n"
        "|---|--:|--:|--:|--:|"
    )
    regrets, shares, calls = [], [], []
    for seed, grid in enumerate(grids):
        outcome, race = tune(grid, seed)
        regrets.append(outcome.regret)
        shares.append(outcome.share)
        calls.append(max(1, int(race.spent_s / COSTS.probe_s)))
    print(report("harness tune", regrets, shares), flush=True)
    for name, search in rivals.items():
        found = [search(grid, seed, calls[seed]) - grid.truth.min() for seed, grid in enumerate(grids)]
        print(report(name, found, shares), flush=True)


def limited(title: str, grids: list[Grid]) -> None:
    found = [tune(grid, seed, limit=0.4)[0] for seed, grid in enumerate(grids)]
    within = np.mean([item.regret <= math.log(1.01) for item in found])
    broke, empty = (sum(getattr(item, name) for item in found) for name in ("broke", "empty"))
    shares = [item.share for item in found]
    print(
        f"\n{title}, with a limit on memory that 40% of the cells meet: within 1% of the best {within:.1%}; "
        f"limit broken when measured again {broke} of {len(found)}; no answer {empty}; "
        f"cost {np.mean(shares):.1%} on average, {max(shares):.1%} at most",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--grids", type=int, default=200)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0025, 0.03])
    parser.add_argument("--stored", type=Path, help="a folder of full grids that were measured")
    asked = parser.parse_args()
    rivals: dict[str, Callable[[Grid, int, int], float]] = {
        "random search": lambda grid, seed, calls: random_search(
            grid, np.random.default_rng([seed, 1]), calls
        ),
        "hill climb": lambda grid, seed, calls: hill_climb(grid, np.random.default_rng([seed, 2]), calls),
    }
    try:
        import optuna  # noqa: F401

        rivals["optuna TPE"] = tpe
    except ImportError:
        print("optuna is not installed: its TPE was not run")
    begun = time.monotonic()
    for noise in asked.noise:
        grids = [simulated(number, noise) for number in range(asked.grids)]
        compare(f"Simulated, noise {noise:.2%}", grids, rivals)
        limited(f"Simulated, noise {noise:.2%}", grids)
    if asked.stored:
        compare("Stored full grids", list(stored(asked.stored)), rivals)
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
