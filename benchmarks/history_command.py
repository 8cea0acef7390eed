"""Say how long `harness history` takes over a year of stored nights, store, detector and table together.

    python benchmarks/history_command.py [--series 1000] [--nights 365] [--keep DIR]

Promised: 1,000 series of 365 nights in 10 s. Every second series has a step of
5%, on the night of a new runtime. `harness compare` of the last two nights is
timed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np

from harness import store
from harness.core.record import Metric, Record, Status
from harness.store.header import new_id, run_folder, write_header
from harness.store.parquet import write_run

SUITE, MACHINE = "scale", "bench-machine"
CALLS = 100
ASK = "import sys; from harness.cli import main; sys.exit(main(sys.argv[1:]))"


def fill(results: Path, nights: int, series: int) -> None:
    """Write `nights` sealed runs of `series` cases each."""
    rng = np.random.default_rng(0)
    logs = 0.01 * rng.standard_normal((nights, series))
    logs[nights // 2 :, ::2] += 0.05
    for night in range(nights):
        begun = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=night)
        header = store.Header(
            suite=SUITE, machine=MACHINE, cases=series, run=new_id(begun), started_at=begun.isoformat()
        )
        values = 1e-3 * np.exp(logs[night])
        records = [
            record(header, night >= nights // 2, case, value) for case, value in enumerate(values.tolist())
        ]
        folder = run_folder(results, header.run)
        folder.mkdir(parents=True)
        columns = write_run(folder / "run.parquet", records)
        write_header(folder, replace(header, columns=columns, finished_at=header.started_at))


def record(header: store.Header, upgraded: bool, case: int, value: float) -> Record:
    """Make one record: its p50, and one process of calls."""
    return Record(
        run=header.run,
        suite=SUITE,
        case=f"model_{case % 10}/batch={1 + case // 10}",
        axes={"model": f"model_{case % 10}", "batch": 1 + case // 10},
        status=Status.OK,
        metrics={"latency/p50": Metric(value=value, unit="s", direction="lower", low=value, high=value)},
        environment={"kernel": "6.1", "cpu": {"governor": None, "flags": "x" * 2000}},
        effective={"runtime": {"version": "1.32.0" if upgraded else "1.31.0"}},
        artifact={"sha256": "ab" * 32},
        machine=MACHINE,
        started_at=header.started_at,
        duration_s=1.5,
        samples={"latency_ns": [[round(value * 1e9)] * CALLS]},
    )


def ask(results: Path, *arguments: str) -> tuple[float, str]:
    """Time one command in a process of its own, imports included."""
    begun = perf_counter()
    command = [sys.executable, "-c", ASK, *arguments, "--results", str(results)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {done.returncode}")
    return perf_counter() - begun, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--keep", type=Path, help="fill this folder, or use it as it is where it exists")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = options.keep or Path(temporary)
        if not (results / "runs").exists():
            fill(results, options.nights, options.series)
        spent = {}
        for name, arguments in {
            "history": ("history",),
            "history --format json": ("history", "--format", "json"),
            "compare": ("compare",),
        }.items():
            seconds, out = ask(results, *arguments)
            spent[name] = round(seconds, 2)
            if name == "history":
                spent["changes"] = out.count("regression")
        print(json.dumps({"series": options.series, "nights": options.nights, **spent}))


if __name__ == "__main__":
    main()
