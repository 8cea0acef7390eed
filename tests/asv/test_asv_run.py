"""`asv run`, for those who come from asv: their command, the harness's runner."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import harness

ROOT = Path(harness.__file__).parent.parent


@pytest.fixture
def asv_run(tmp_path: Path, repository, configure, suite):
    """Run `asv run` on a suite of the fake engine; give its results file and what it printed."""

    def run(**keys: Any) -> tuple[dict[str, Any], str]:
        (commit,) = repository(1)
        configure(
            tmp_path,
            repo=".",
            benchmark_dir=str(ROOT / "suites" / "benchmarks"),
            environment_type="existing",
            pythons=["same"],
            default_benchmark_timeout=600,
        )
        environment = {
            **os.environ,
            "HOME": str(tmp_path),
            "HARNESS_SUITE": str(suite(**keys)),
            "HARNESS_RESULTS": str(tmp_path / "results"),
            "HARNESS_CACHE": str(tmp_path / "cache"),
        }
        machine = ["machine", "--yes", "--machine", "m1"]
        measure = ["run", "--machine", "m1", "--set-commit-hash", commit, "--bench", "track_latency_p50"]
        for arguments in (machine, measure):
            command = [sys.executable, "-m", "asv", *arguments]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
            )
        (path,) = (tmp_path / "results" / "asv" / "m1").glob(f"{commit[:8]}-*.json")
        return json.loads(path.read_text()), done.stdout + done.stderr

    return run


def test_the_values_come_of_one_sweep_through_the_runner(asv_run, tmp_path: Path) -> None:
    from harness import store

    data, said = asv_run(
        model={"cases": [{"when": {"batch": 8}, "fail": {"at": "timing", "how": "raise"}}]},
        axes={"batch": [1, 8], "graph_opt": ["disable", "all"]},
        skip=[{"when": {"batch": 8, "graph_opt": "disable"}, "because": "tested elsewhere"}],
    )
    (info,) = store.runs(tmp_path / "results")
    assert info.sealed
    records = {record.case: record for record in store.records(tmp_path / "results", info.run)}
    row = dict(zip(data["result_columns"], data["results"]["fake.m.track_latency_p50"], strict=False))
    assert row["params"] == [["'default'"], ["'default'", "'graph_opt=disable'"], ["'auto'"], ["1", "8"]]
    measured, failed, unoptimized, skipped = row["result"]
    assert measured == records["m"].metrics["latency/p50"].value
    assert unoptimized == records["m/graph_opt=disable"].metrics["latency/p50"].value
    assert failed is None and records["m/batch=8"].status == "failed"
    assert math.isnan(skipped)
    assert "'harness show latest' says why" in said


def test_the_benchmarks_are_the_suite_expanded(suite) -> None:
    script = "from benchmarks import sweep; print(*[read.benchmark_name for read in sweep.tracks().values()])"
    environment = {**os.environ, "HARNESS_SUITE": str(suite()), "PYTHONPATH": str(ROOT / "suites")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [
        "fake.m.track_latency_p50",
        "fake.m.track_latency_p95",
        "fake.m.track_throughput_seconds_per_sample",
        "fake.m.track_startup_session",
        "fake.m.track_memory_peak",
        "fake.m.track_model_size",
        "fake.m.track_accuracy_top1_error",
    ]


def test_several_runtimes_are_refused(suite) -> None:
    path = suite(axes={"runtime": ["current", "onnxruntime==1.31.0"]})
    environment = {**os.environ, "HARNESS_SUITE": str(path), "PYTHONPATH": str(ROOT / "suites")}
    command = [sys.executable, "-c", "import benchmarks.sweep"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "'asv run' measures one runtime at a time" in done.stderr
