"""Seconds to export and to publish a history of N series over M commits, noise and steps in it.

Promise: 500 series over 200 commits published in 5 s, 5,000 over 365 in 10
minutes, on two cores. `--last` shows what bounds the cost.

    python benchmarks/asv_publish.py --series 500 --commits 200
    python benchmarks/asv_publish.py --series 5000 --commits 365 --last 90
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from harness.asv import export as asv
from harness.asv.demo import write_config
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.metrics import METRICS
from harness.core.record import Metric, Record, Status
from harness.store.header import SEALED, Header, run_folder, write_header
from harness.store.parquet import write_run

SHOWN = (
    "latency/p50",
    "latency/p95",
    "latency/p99",
    "throughput/samples_per_s",
    "startup/session",
    "startup/first_call",
    "memory/session",
    "memory/peak",
    "model/size",
    "accuracy/top1",
)
CELLS = 20  # of a model


def cases(count: int) -> list[Case]:
    return [
        Case(
            Artifact(Model(f"model{index // CELLS}", Source("fake", ()))),
            Session(intra_threads=1 + index % 4),
            Load(batch=2 ** (index % CELLS // 4)),
        )
        for index in range(count)
    ]


def record(case: Case, run: str, time_text: str, level: float, rng: np.random.Generator) -> Record:
    p50, p95, p99 = 1e-3 * level * np.exp(rng.normal(0, 0.004, 3)) * (1.0, 1.1, 1.3)
    values = (p50, p95, p99, 1 / p50, 0.05, 2e-3, 3e7, 5e7 * level, 4e6, 0.98)
    metrics = {
        name: Metric(value=float(value), unit=METRICS[name].unit, direction=METRICS[name].better)
        for name, value in zip(SHOWN, values, strict=True)
    }
    return Record(
        run=run,
        suite="bench",
        case=case.key,
        axes=case.axes,
        status=Status.OK,
        metrics=metrics,
        machine="bench",
        started_at=time_text,
        samples={"latency_ns": [[round(float(p50) * 1e9)]] * 3},
    )


def write_night(results: Path, night: int, planned: list[Case], rng: np.random.Generator) -> None:
    started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=night)
    run, text = f"{started:%Y%m%dT%H%M%SZ}-000000", started.isoformat(timespec="seconds")
    folder = run_folder(results, run)
    folder.mkdir(parents=True)
    # Every third case becomes a tenth slower somewhere on the way.
    levels = [1.1 if index % 3 == 0 and night > index % 100 else 1.0 for index in range(len(planned))]
    both = zip(planned, levels, strict=True)
    write_run(folder / SEALED, [record(case, run, text, level, rng) for case, level in both])
    write_header(folder, Header(suite="bench", machine="bench", run=run, started_at=text))


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{what:40} {time.monotonic() - begun:7.2f} s", flush=True)


def main() -> None:
    """Write the runs, then time the export of all, of one more, and the publishing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--last", type=int)
    options = parser.parse_args()
    planned, rng = cases(options.series // len(SHOWN)), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        config = write_config(results)
        for night in range(options.commits):
            write_night(results, night, planned, rng)
        print(f"{options.series} series, {options.commits} commits")
        with timed("export of all runs"):
            asv.export(results, config)
        with timed("export of one run"):
            asv.export(results, config, ["latest"])
        with timed("publish"):
            asv.publish(results, config)
        if options.last:
            with timed(f"publish --last {options.last}"):
                asv.publish(results, config, last=options.last)
        bytes_ = sum(path.stat().st_size for path in results.joinpath("asv").rglob("*") if path.is_file())
        print(f"asv's results: {bytes_ / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
