"""Stored runs of any past night, with records made to measure."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from make import make_metric

from harness.core.case import Artifact, Case, Load, Model, Named, Session, Source
from harness.core.record import Record, Status
from harness.store.header import SEALED, Header, run_folder, write_header
from harness.store.parquet import write_run

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)


def case(
    model: str = "net", precision: str = "fp32", runtime: str = "current", batch: int = 1, **session: Any
) -> Case:
    artifact = Artifact(Model(model, Source("fake", ())), precision=Named(precision, precision))
    return Case(artifact, Session(runtime=runtime, **session), Load(batch=batch))


def make_record(
    of: Case, values: Mapping[str, float | None] | None = None, *, version: str = "1.32.0", **fields: Any
) -> Record:
    """A record of `of` with these metrics; p50 has an interval of 1% each way and two processes."""
    metrics = {}
    for name, value in (values or {}).items():
        band = {"low": value * 0.99, "high": value * 1.01} if name == "latency/p50" and value else {}
        metrics[name] = make_metric(name, value, reason="" if value else "none", **band)
    p50 = (values or {}).get("latency/p50")
    defaults: dict[str, Any] = {
        "run": "",
        "suite": "nightly",
        "status": Status.OK,
        "machine": "m1",
        "metrics": metrics,
        "effective": {"runtime": {"distribution": "onnxruntime", "version": version}},
        "samples": {"latency_ns": [[round(p50 * 1e9)] * 3] * 2} if p50 else {},
    }
    return Record(case=of.key, axes=of.axes, **{**defaults, **fields})


def store_run(results: Path, night: int, records: Sequence[Record], **header: Any) -> str:
    """Seal a run of that night, and give its identifier."""
    started = FIRST + timedelta(days=night)
    run = header.pop("run", f"{started:%Y%m%dT%H%M%SZ}-000000")
    time = started.isoformat(timespec="seconds")
    stamped = [Record.from_json({**record.to_json(), "run": run, "started_at": time}) for record in records]
    folder = run_folder(results, run)
    folder.mkdir(parents=True)
    write_run(folder / SEALED, stamped)
    suite, machine = records[0].suite, records[0].machine
    write_header(
        folder, Header(**{"suite": suite, "machine": machine, "run": run, "started_at": time, **header})
    )
    return run


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def cell() -> Callable[..., Case]:
    return case


@pytest.fixture
def stored() -> Callable[..., str]:
    return store_run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder, with an asv.conf.json beside it."""
    write_config(tmp_path)
    return tmp_path / "results"


def write_config(folder: Path, **changes: Any) -> Path:
    config = {
        "version": 1,
        "project": "test",
        "project_url": "index.html",
        "repo": "results/timeline.git",
        "branches": ["main"],
        "results_dir": "results/asv",
        "html_dir": "results/html/asv",
        "show_commit_url": "runs.html#",
        "plugins": [".harness.asv.export"],
        **changes,
    }
    path = folder / "asv.conf.json"
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def configure() -> Callable[..., Path]:
    return write_config


@pytest.fixture
def fingerprint() -> Callable[[Path], dict[str, str]]:
    """The bytes of every file of a folder."""

    def read(folder: Path) -> dict[str, str]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        }

    return read


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[int], list[str]]:
    """A repository of somebody's own, with `count` commits a day apart."""

    def build(count: int) -> list[str]:
        subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
        commits = []
        for day in range(count):
            time = f"{int((FIRST + timedelta(days=day)).timestamp())} +0000"
            git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
            dated = {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time}
            message = ["commit", "-q", "--allow-empty", "-m", f"Change {day}"]
            subprocess.run([*git, *message], check=True, env={**os.environ, **dated})
            head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
            commits.append(head.stdout.strip())
        return commits

    return build
