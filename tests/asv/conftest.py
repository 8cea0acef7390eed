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
from make import make_case, make_metric, make_record, store_run

from harness.core.case import Case
from harness.core.record import Record

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)


@pytest.fixture
def record() -> Callable[..., Record]:
    """Make a record of a case; p50 has an interval of 1% each way and two processes."""

    def make(
        of: Case, values: Mapping[str, float | None] | None = None, *, version: str = "1.32.0", **more: Any
    ) -> Record:
        metrics = {}
        for name, value in (values or {}).items():
            band = {"low": value * 0.99, "high": value * 1.01} if name == "latency/p50" and value else {}
            metrics[name] = make_metric(name, value, reason="" if value else "none", **band)
        p50 = (values or {}).get("latency/p50")
        more.setdefault("effective", {"runtime": {"distribution": "onnxruntime", "version": version}})
        more.setdefault("samples", {"latency_ns": [[round(p50 * 1e9)] * 3] * 2} if p50 else {})
        return make_record(metrics, case=of, **{"suite": "nightly", **more})

    return make


@pytest.fixture
def cell() -> Callable[..., Case]:
    return make_case


@pytest.fixture
def stored() -> Callable[..., str]:
    """Store the run of a night, counted from `FIRST`."""

    def store(results: Path, night: int, records: Sequence[Record], **header: Any) -> str:
        return store_run(results, records, FIRST + timedelta(days=night), **header)

    return store


@pytest.fixture
def configure() -> Callable[..., Path]:
    """Write an asv.conf.json into a folder."""

    def write(folder: Path, **changes: Any) -> Path:
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

    return write


@pytest.fixture
def results(tmp_path: Path, configure: Callable[..., Path]) -> Path:
    """A results folder, with an asv.conf.json beside it."""
    configure(tmp_path)
    return tmp_path / "results"


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
