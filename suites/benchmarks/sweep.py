"""A suite for those who come from asv: `asv run` measures it, a benchmark for each model and metric.

The parameters are what the YAML expands to; the values come of one sweep by
the harness's own runner, in `setup_cache`. The run is stored as any other.

Environment: HARNESS_SUITE names the suite (suites/quickstart.yaml),
HARNESS_RESULTS the folder that keeps the run (results).
"""

import ast
import math
import os
from collections.abc import Callable
from pathlib import Path

from harness.asv.benchmarks import DIMENSIONS, TURNS, Benchmark, Cell, benchmarks, place
from harness.asv.files import grid
from harness.core.case import Case
from harness.core.errors import InputError
from harness.core.metrics import spec_of
from harness.plan import plan

ROOT = Path(__file__).parent.parent.parent
PLAN = plan(Path(os.environ.get("HARNESS_SUITE", ROOT / "suites" / "quickstart.yaml")))
RESULTS = Path(os.environ.get("HARNESS_RESULTS", ROOT / "results")).absolute()
SHOWN = (
    "latency/p50",
    "latency/p95",
    "throughput/samples_per_s",
    "startup/session",
    "memory/peak",
    "model/size",
    "accuracy/top1",
)
"""Fewer than the export has: asv starts a process for every cell of every benchmark."""

Values = dict[tuple[str, tuple[str, ...]], float | None]


def setup_cache() -> Values:
    """Measure the suite once; every benchmark below reads its values from here."""
    from harness import store
    from harness.build import default_cache_dir
    from harness.run.job import run

    outcome = run(PLAN, RESULTS, default_cache_dir())
    found = benchmarks(store.records(RESULTS, outcome.run))
    return {(item.name, spot): cell.value for item in found for spot, cell in item.cells.items()}


setup_cache.timeout = 86400


def track(benchmark: Benchmark, cases: list[Case]) -> Callable[..., float]:
    """Make the benchmark that asv finds: its value is what the sweep says."""
    values, _ = grid({place(case.key): Cell(math.nan) for case in cases})

    def read(cache: Values, *params: object) -> float:
        value = cache.get((benchmark.name, tuple(map(repr, params))), math.nan)
        if value is None:
            raise RuntimeError("the case failed; 'harness show latest' says why")
        return value

    head, _, metric = benchmark.name.rpartition(".")
    read.benchmark_name = f"{head}.track_{metric}"
    read.params = [[ast.literal_eval(value) for value in axis] for axis in values]
    read.param_names = list(DIMENSIONS)
    read.unit = benchmark.unit
    read.version = "1"
    return read


def tracks() -> dict[str, Callable[..., float]]:
    """Make every benchmark of the suite. Raises InputError where it has several runtimes."""
    by_model: dict[str, list[Case]] = {}
    for case in (*PLAN.cases, *(skip.case for skip in PLAN.skips)):
        by_model.setdefault(case.artifact.model.name, []).append(case)
    if len({case.session.runtime for cases in by_model.values() for case in cases}) > 1:
        raise InputError(
            "'asv run' measures one runtime at a time; say 'harness run' and 'harness asv export'"
        )
    made = {}
    for model, cases in by_model.items():
        for name in SHOWN:
            row = spec_of(name)
            turn = TURNS[row.unit, row.better]
            benchmark = Benchmark(PLAN.suite.name, model, name, turn.unit, turn.suffix)
            made[f"track_{len(made)}"] = track(benchmark, cases)
    return made


globals().update(tracks())
