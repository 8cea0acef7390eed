"""Ask a store of a million records for what people ask, and say how long it took.

    python benchmarks/store_scale.py [--nights 365] [--cases 2740] [--samples 100] [--keep DIR]

Writes one sealed run a night, through the store's own schema, into a
temporary folder (1.1 GB, in about four minutes), then times the queries in
fresh processes and the append in this one. Promised: latest and anchor of
every case 0.3 s, one case's history 0.2 s, one append 5 ms. The queries use
every core: on a machine that does other work they take longer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pyarrow as pa

from harness import store
from harness.core.metrics import METRICS
from harness.core.record import Metric, Record, Status
from harness.store.header import count, new_id, run_folder, write_header
from harness.store.parquet import table, write_table

SUITE, MACHINE = "scale", "bench-machine"

QUERIES = {
    "latest and anchor of every case": "store.latest_and_anchor(path, suite='scale')",
    "one case's history": "store.series(path, 'latency/p50', case=CASE, suite='scale')",
    "all histories of one metric": "store.series(path, 'latency/p50', suite='scale')",
    "durations of every case": "store.durations(path, 'scale')",
    "one run's records, samples included": "store.records(path, 'latest')",
    "the list of runs": "store.runs(path)",
}

PROBE = """
import sys, json
from pathlib import Path
from time import perf_counter
import duckdb, pandas, pyarrow
from harness import store
from harness.core.metrics import METRICS
path, CASE = Path(sys.argv[1]), sys.argv[2]
begun = perf_counter()
answer = eval(sys.argv[3])
print(json.dumps([perf_counter() - begun, len(answer)]))
"""


def case_key(index: int) -> str:
    """Name a case as real ones are named."""
    rest = index // 10
    return (
        f"model_{index % 10}/opset={17 + rest % 5}/precision=int8_static"
        f"/intra_threads={1 + rest % 2}/batch={1 + rest}"
    )


def sample_record(case: str, values: list[float]) -> Record:
    """Make one record as large as real ones are."""
    model, *rest = case.split("/")
    return Record(
        run="",
        suite=SUITE,
        case=case,
        axes={"model": model, **dict(part.split("=") for part in rest)},
        status=Status.OK,
        metrics={
            name: Metric(value=value, unit="s", direction="lower", **_interval(name, value))
            for name, value in zip(METRICS, values, strict=True)
        },
        environment={"cpu": "x" * 2000},
        machine=MACHINE,
        duration_s=1.5,
    )


def _interval(metric: str, value: float) -> dict[str, float]:
    """Quantiles and accuracies have an interval, memory has none."""
    wide = metric.startswith(("latency/p", "accuracy/top1"))
    return {"low": value * 0.99, "high": value * 1.01} if wide else {}


def night(header: store.Header, cases: list[str], samples: int, random: np.random.Generator) -> pa.Table:
    """Draw one night's records as rows of the store's schema."""
    n = len(cases)
    values = random.lognormal(-7, 0.02, (n, len(METRICS)))
    made = [sample_record(case, row) for case, row in zip(cases, values.tolist(), strict=True)]
    calls = pa.array(random.normal(1e6, 2e4, n * samples).astype(np.int64))
    processes = pa.ListArray.from_arrays(np.arange(0, n * samples + 1, samples), calls)
    raw = pa.MapArray.from_arrays(
        np.arange(n + 1), pa.array(["latency_ns"] * n), pa.ListArray.from_arrays(np.arange(n + 1), processes)
    )
    rows = table([replace(record, run=header.run, started_at=header.started_at) for record in made])
    # Laid out at once: a list of samples a record would take minutes.
    return rows.set_column(rows.schema.get_field_index("samples"), rows.schema.field("samples"), raw)


def fill(results: Path, nights: int, cases: list[str], samples: int) -> None:
    """Write `nights` sealed runs."""
    random = np.random.default_rng(0)
    for index in range(nights):
        begun = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=index)
        header = store.Header(
            suite=SUITE,
            machine=MACHINE,
            cases=len(cases),
            run=new_id(begun),
            started_at=begun.isoformat(),
            finished_at=begun.isoformat(),
            counts=count(["ok"] * len(cases)),
            suite_text="x" * 2000,
        )
        folder = run_folder(results, header.run)
        folder.mkdir(parents=True)
        columns = write_table(night(header, cases, samples, random), folder / "run.parquet")
        write_header(folder, replace(header, columns=columns))


def ask(results: Path, case: str, query: str, repeats: int = 7) -> tuple[float, float, int]:
    """Time `query` in fresh processes, imports apart: median and best in seconds, and the rows it gave."""
    command = [sys.executable, "-c", PROBE, str(results), case, query]
    answers = [json.loads(subprocess.check_output(command)) for _ in range(repeats)]
    times = [seconds for seconds, _ in answers]
    return median(times), min(times), answers[0][1]


def append(results: Path, samples: int, repeats: int = 200) -> tuple[float, float]:
    """Time appends of one record with `samples` raw samples: median and worst, in seconds."""
    record = sample_record(case_key(0), [0.001] * len(METRICS))
    times = []
    with store.new_run(results, store.Header(suite="append")) as journal:
        for _ in range(repeats):
            calls = np.random.default_rng(0).normal(1e6, 2e4, samples).astype(int).tolist()
            begun = perf_counter()
            journal.append(replace(record, samples={"latency_ns": [calls]}))
            times.append(perf_counter() - begun)
    return median(times), max(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--cases", type=int, default=2740)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="fill this folder, or use it as it is where it exists")
    asked = parser.parse_args()
    cases = [case_key(index) for index in range(asked.cases)]
    with tempfile.TemporaryDirectory() as temporary:
        results = asked.keep or Path(temporary)
        if not (results / "runs").exists():
            begun = perf_counter()
            fill(results, asked.nights, cases, asked.samples)
            print(f"filled in {perf_counter() - begun:.0f} s")
            store.set_anchor(results, store.runs(results)[asked.nights // 2])
        size = sum(path.stat().st_size for path in results.rglob("*") if path.is_file())
        found = store.runs(results)
        records = sum(run.header.cases for run in found)
        print(f"{records:,} records, {len(found)} files, {size / 1e6:.0f} MB")
        for name, query in QUERIES.items():
            usual, best, rows = ask(results, cases[len(cases) // 2], query)
            print(f"{name:40} {usual:7.3f} s median, {best:.3f} s best  {rows:>9,} rows")
        usual, worst = append(Path(temporary) / "append", asked.samples)
        print(f"{'append one record':40} {usual * 1e3:7.2f} ms median, {worst * 1e3:.2f} ms worst")


if __name__ == "__main__":
    main()
