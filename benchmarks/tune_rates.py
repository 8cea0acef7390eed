"""How often `harness tune` finds a cell within 1% of the best, and at what share of a full sweep's time.

    python benchmarks/tune_rates.py simulate [--grids 200] [--first 0] [--noise 0.0025 0.03] [--tails]
    python benchmarks/tune_rates.py measure FOLDER [--only NAME] [--axes AXES] [--cells N]
    python benchmarks/tune_rates.py replay FOLDER [--seeds 10] [--report docs/tune.md]

Drives the search (`harness.tune.race`) itself over grids whose answer is known: simulated ones, additive in
logarithms with interactions, and full grids of real models that `measure` wrote (`tune_grids.py`); it goes on
where it was stopped. Beside it, on the same grids and at its cost: random search, a hill climb as Triton's
Model Analyzer does it in its quick mode (from the defaults, a step along each axis, then on from the best),
and optuna's TPE where optuna is installed.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tune_grids import AXES, MADE, REAL, Measured, measure_grid, measured

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
    """A space with the true p50 and memory of every cell, as logarithms, and how measurements stray."""

    name: str
    space: Space
    truth: Floats
    memory: Floats
    residuals: Sequence[Floats]  # of a probe of every cell; one is drawn for each
    block_residuals: Sequence[Floats]
    memory_residuals: Floats
    costs: Costs = COSTS
    case_s: float = SWEEP_S  # of a full sweep

    @property
    def sweep_s(self) -> float:
        """What a full sweep takes."""
        return self.case_s * len(self.truth)


DRAWS, MEMORY_NOISE = 4000, 0.002


def straying(noise: float, tails: bool, rng: np.random.Generator) -> Floats:
    """Draw how measurements stray: normal; with `tails` one in ten is slower, by 15% on average."""
    found: Floats = noise * rng.standard_normal(DRAWS)
    return found + (rng.random(DRAWS) < 0.1) * rng.exponential(0.15, DRAWS) if tails else found


def simulated(number: int, noise: float, tails: bool = False) -> Grid:
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
    errors = np.random.default_rng([number, 18])
    probes, blocks = straying(noise, tails, errors), straying(noise, tails, errors)
    if tails:  # a disturbance meets either arm
        blocks *= errors.choice([-1.0, 1.0], DRAWS)
    return Grid(
        f"simulated-{number}",
        space,
        truth,
        memory,
        [probes] * len(cells),
        [blocks] * len(cells),
        MEMORY_NOISE * errors.standard_normal(DRAWS),
    )


def as_grid(found: Measured) -> Grid:
    """Take a grid that was measured, with its own scatter and costs; memory hardly strays."""
    memory = MEMORY_NOISE * np.random.default_rng(18).standard_normal(DRAWS)
    costs = Costs(found.probe_s, found.block_s, found.fresh_s)
    return Grid(
        found.name, found.space, found.truth, found.memory,
        found.residuals, found.block_residuals, memory, costs, found.full_s,
    )  # fmt: skip


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
    budget_s = share * grid.sweep_s
    race = Race(grid.space, Objective(P50, False), limits, budget_s, grid.costs, seed)
    while (ask := race.ask()) is not None:
        race.tell(ask, measure(grid, ask, rng), grid.costs.of(ask.step))
    found = next((cell for cell in race.fresh if cell not in race.broke), None)
    spent = race.spent_s / grid.sweep_s
    allowed = np.ones(len(grid.truth), bool)
    again = False
    if limits:
        # the best of those that a fresh measurement shows to meet the limit 99 times in 100
        allowed = grid.memory + 2.33 * grid.memory_residuals.std() <= math.log(limits[0].value)
        if found is not None:
            again = grid.memory[found] + rng.choice(grid.memory_residuals) > math.log(limits[0].value)
    if found is None:
        return Outcome(math.inf if allowed.any() else 0.0, spent, empty=True), race
    best = grid.truth[allowed].min() if allowed.any() else grid.truth[found]
    return Outcome(float(grid.truth[found] - best), spent, again), race


def measure(grid: Grid, ask: Ask, rng: np.random.Generator) -> dict[str, float]:
    """Measure what is asked, with its scatter."""
    if ask.base is not None:
        stray = rng.choice(grid.block_residuals[ask.cell])
        return {P50: float(grid.truth[ask.cell] - grid.truth[ask.base] + stray)}
    count = 3 if ask.step is Step.FRESH else 1
    stray = float(np.median(rng.choice(grid.residuals[ask.cell], count)))
    return {
        P50: math.exp(grid.truth[ask.cell] + stray),
        PEAK: math.exp(grid.memory[ask.cell] + rng.choice(grid.memory_residuals)),
    }


def random_search(grid: Grid, rng: np.random.Generator, calls: int) -> float:
    cells = rng.permutation(len(grid.truth))[:calls]
    values = [grid.truth[cell] + rng.choice(grid.residuals[cell]) for cell in cells]
    return float(grid.truth[cells[np.argmin(values)]])


def hill_climb(grid: Grid, rng: np.random.Generator, calls: int) -> float:
    places = {cell: index for index, cell in enumerate(grid.space.cells)}
    known: dict[int, float] = {}

    def look(index: int) -> float:
        if index not in known:
            known[index] = grid.truth[index] + rng.choice(grid.residuals[index])
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
        return float(grid.truth[places[cell]] + rng.choice(grid.residuals[places[cell]]))

    study.optimize(objective, n_trials=calls)
    if not any(trial.state.is_finished() and trial.value is not None for trial in study.trials):
        return float(grid.truth[grid.space.default])  # each cell that it drew is missing
    best = study.best_params
    return float(grid.truth[places[tuple(best[axis] for axis in grid.space.axes)]])


def report(name: str, regrets: list[float], shares: list[float]) -> str:
    lost = np.array(regrets)
    within = (lost <= math.log(1.01)).mean()
    worst = np.quantile(lost, 0.95)
    return f"| {name} | {within:.1%} | {math.expm1(worst):.1%} | {np.mean(shares):.1%} | {max(shares):.1%} |"


Rival = Callable[[Grid, int, int], float]
HEADING = (
    "| search | within 1% of the best | loss, 95th percentile | cost, mean | cost, most |\n"
    "|---|--:|--:|--:|--:|"
)


def compare(grids: Sequence[Grid], rivals: dict[str, Rival]) -> tuple[list[str], list[Outcome]]:
    """Search each grid, its place as the seed; return lines of a table, and how our searches ended."""
    found: list[Outcome] = []
    calls = []
    for seed, grid in enumerate(grids):
        outcome, race = tune(grid, seed)
        found.append(outcome)
        calls.append(max(1, int(race.spent_s / grid.costs.probe_s)))
    shares = [each.share for each in found]
    lines = [report("harness tune", [each.regret for each in found], shares)]
    for name, search in rivals.items():
        lost = [search(grid, seed, calls[seed]) - grid.truth.min() for seed, grid in enumerate(grids)]
        lines.append(report(name, lost, shares))
    return lines, found


def limited(grids: Sequence[Grid]) -> str:
    """Search under a limit on memory; say in one line how often the answer was right, and held."""
    found = [tune(grid, seed, limit=0.4)[0] for seed, grid in enumerate(grids)]
    within = np.mean([item.regret <= math.log(1.01) for item in found])
    broke, empty = (sum(getattr(item, name) for item in found) for name in ("broke", "empty"))
    shares = [item.share for item in found]
    return (
        f"With a limit on memory that 40% of the cells meet: within 1% of the best {within:.1%}; "
        f"limit broken when measured again {broke} of {len(found)}; no answer {empty}; "
        f"cost {np.mean(shares):.1%} on average, {max(shares):.1%} at most."
    )


def simulate(asked: argparse.Namespace) -> None:
    """Search simulated grids."""
    for noise in asked.noise:
        numbers = range(asked.first, asked.first + asked.grids)
        grids = [simulated(number, noise, asked.tails) for number in numbers]
        cells = np.mean([len(grid.truth) for grid in grids])
        print(f"\n### Simulated, noise {noise:.2%}{', heavy tails' if asked.tails else ''}: ", end="")
        print(f"{len(grids)} grids, {cells:.0f} cells on average\n", flush=True)
        if not asked.only_limits:
            print("\n".join([HEADING, *compare(grids, {} if asked.no_rivals else rivals())[0]]), flush=True)
        print(f"\n{limited(grids)}", flush=True)


def measure_grids(asked: argparse.Namespace) -> None:
    """Measure the grids that are missing."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in asked.only or (*MADE, *REAL):
        begun = time.monotonic()
        line = measure_grid(name, asked.axes, asked.folder, asked.cells)
        print(f"{name}: {line} ({time.monotonic() - begun:.0f} s in all)", flush=True)


def replay(asked: argparse.Namespace) -> None:
    """Search every measured grid with many seeds; write the tables, into a page where asked for."""
    every = list(measured(asked.folder))
    if not every:
        raise SystemExit(f"{asked.folder}: no complete grid; measure them first")
    text = measured_text(every, asked.seeds)
    print(text)
    if asked.report:
        page = asked.report.read_text()
        before, _, rest = page.partition(BEGIN)
        _, mark, after = rest.partition(END)
        if not mark:
            raise SystemExit(f"{asked.report}: there is no {BEGIN} and {END} in it")
        asked.report.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


BEGIN, END = "<!-- measured grids -->", "<!-- end of measured grids -->"


def measured_text(every: Sequence[Measured], seeds: int) -> str:
    """Write what the searches of measured grids came to."""
    head = every[0].head["machine"]
    commits = sorted({str((each.head["machine"].get("git") or {}).get("commit", ""))[:7] for each in every})
    pairs = [(each, as_grid(each)) for each in every]
    grids = [grid for _, grid in pairs for _ in range(seeds)]
    lines, found = compare(grids, rivals())
    text = [
        f"{len(every)} full grids, each searched with {seeds} seeds; measured on {head['machine']} at "
        f"commit {', '.join(filter(None, commits)) or 'unknown'}. The truth of a cell is the median of its "
        "blocks against the default cell; a probe or a block strays from it as those of cells did that share "
        "the cores alike, and costs what it cost.",
        "",
        HEADING,
        *lines,
        "",
        limited(grids),
        "",
        "| model | cells | worst over best | defaults over best | scatter of a probe, of a block | "
        "best known to | full case | probe | within 1% | 2% | cost, mean |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for place, (each, grid) in enumerate(pairs):
        own = found[place * seeds : (place + 1) * seeds]
        within, near = (np.mean([item.regret <= math.log(1 + loss) for item in own]) for loss in (0.01, 0.02))
        probe, block = (np.concatenate(each).std() for each in (grid.residuals, grid.block_residuals))
        span, first = (
            math.exp(x - grid.truth.min()) for x in (grid.truth.max(), grid.truth[grid.space.default])
        )
        text.append(
            f"| {each.name} | {len(grid.truth)} | {span:.2f}× | {first:.2f}× | {probe:.1%}, {block:.1%} | "
            f"±{1.96 * each.error:.1%} | {each.full_s:.1f} s | {each.probe_s:.2f} s | "
            f"{within:.0%} | {near:.0%} | "
            f"{np.mean([item.share for item in own]):.1%} |"
        )
    left = [f"{each.name} {each.asked - len(each.truth)}" for each in every if each.asked > len(each.truth)]
    if left:
        text += ["", f"Cells without a value are left out: {', '.join(left)}."]
    return "\n".join(text)


def rivals() -> dict[str, Rival]:
    """Return the other searches, by name."""
    found: dict[str, Rival] = {
        "random search": lambda grid, seed, calls: random_search(
            grid, np.random.default_rng([seed, 1]), calls
        ),
        "hill climb, after Triton's Model Analyzer": lambda grid, seed, calls: hill_climb(
            grid, np.random.default_rng([seed, 2]), calls
        ),
    }
    try:
        import optuna  # noqa: F401
    except ImportError:
        print("optuna is not installed: its TPE was not run")
        return found
    return {**found, "optuna's TPE": tpe}


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    actions = parser.add_subparsers(required=True)
    one = actions.add_parser("simulate", help="search simulated grids")
    one.add_argument("--grids", type=int, default=200)
    one.add_argument("--first", type=int, default=0, help="number of the first grid")
    one.add_argument("--noise", type=float, nargs="+", default=[0.0025, 0.03])
    one.add_argument(
        "--tails", action="store_true", help="one measurement in ten is slower, by 15%% on average"
    )
    one.add_argument("--no-rivals", action="store_true")
    one.add_argument("--only-limits", action="store_true")
    one.set_defaults(act=simulate)
    one = actions.add_parser("measure", help="measure full grids; goes on where it was")
    one.add_argument("folder", type=Path)
    one.add_argument("--only", action="append", choices=[*MADE, *REAL])
    one.add_argument("--axes", choices=AXES, default="one thread")
    one.add_argument("--cells", type=int, help="so many cells of each grid: only to try that it works")
    one.set_defaults(act=measure_grids)
    one = actions.add_parser("replay", help="search the grids that were measured")
    one.add_argument("folder", type=Path)
    one.add_argument("--seeds", type=int, default=10)
    one.add_argument("--report", type=Path, help="a page to write the tables into")
    one.set_defaults(act=replay)
    asked = parser.parse_args()
    begun = time.monotonic()
    asked.act(asked)
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
