from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from make import make_metric, make_record

from harness import store
from harness.core.record import Record
from harness.store.header import write_header

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., str]


@pytest.fixture
def record() -> MakeRecord:
    """Make a record of case ``m/batch=N`` with p50 of N ms, anything in it overridden."""

    def make(batch: int = 1, **changes: Any) -> Record:
        p50 = make_metric("latency/p50", batch / 1000, low=batch / 1001, high=batch / 999, n=3)
        defaults: dict[str, Any] = {
            "run": "set by nobody",
            "suite": "nightly",
            "case": f"m/batch={batch}",
            "axes": {"model": "m", "opset": None, "batch": batch},
            "notes": ("random weights",),
            "metrics": {"latency/p50": p50},
            "effective": {"runtime": {"version": "1.32.0"}},
            "artifact": {"sha256": "ab" * 32},
            "machine": "box",
            "started_at": "2026-11-23T14:07:32+00:00",
            "duration_s": 1.5,
            "samples": {"latency_ns": [[batch * 10**6, batch * 10**6 + 1], [7]]},
        }
        return make_record(**{**defaults, **changes})

    return make


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder whose name SQL and globs would stumble over."""
    return tmp_path / "it's [a] *results*/batch=1"


@pytest.fixture
def stored(results: Path, record: MakeRecord) -> MakeRun:
    """Store a run of the given records under a chosen identifier; sealed unless said otherwise."""

    def make(run: str, *records: Record, sealed: bool = True, **header: Any) -> str:
        fields = {"suite": "nightly", "machine": "box", "plan_hash": "p", **header}
        journal = store.new_run(results, store.Header(**fields))
        # another identifier, and the start that goes with it
        began = datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ").isoformat() + "+00:00"
        journal.header = replace(journal.header, run=run, started_at=began)
        journal.folder = journal.folder.rename(journal.folder.with_name(run))
        write_header(journal.folder, journal.header)
        for item in records or (record(),):
            journal.append(replace(item, run=run))
        if sealed:
            journal.seal()
        else:
            journal.close()
        return run

    return make
