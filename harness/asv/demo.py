"""Make up 60 nights of results, so that a newcomer sees the dashboard before anything was measured.

Every record is an ordinary one and says in all places that people read that
it is synthetic: suite, machine, model, runtime, notes. The nights are drawn
by a seeded generator: the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np

from harness.core.case import FP32, Artifact, Case, Load, Model, Named, Session, Source
from harness.core.errors import InputError
from harness.core.metrics import METRICS
from harness.core.record import Metric, Record, Status
from harness.store.header import (
    SEALED,
    Header,
    RunInfo,
    count,
    plan_hash,
    run_folder,
    runs,
    write_header,
)
from harness.store.parquet import write_run

SUITE = "synthetic"
MACHINE = "synthetic-machine"
PROJECT = "SYNTHETIC demonstration (nothing here was measured)"
"""What its dashboard is called, and by which its asv.conf.json is known."""
NOTE = "synthetic: made up by 'harness demo history', never measured"
FIRST_NIGHT = datetime(2026, 1, 1, 2, tzinfo=UTC)
NIGHTS = 60
NOISE = 0.004  # SD of the logarithm of a p50 between processes, as measured on pinned cores
PROCESSES, CALLS = 3, 140
"""Calls a process: p95 needs 130."""
SAMPLES = 512  # labelled samples behind an accuracy


@dataclass(frozen=True, slots=True)
class DemoStep:
    """What happens to some cases from one night on: a factor on each metric."""

    night: int
    model: str
    precision: str
    why: str
    latency: float = 1.0
    memory: float = 1.0
    wrong: float = 1.0  # on the samples that are classified wrongly


STEPS = (
    DemoStep(20, "synthetic_cnn", "int8_static", "a faster INT8 kernel", latency=0.8),
    DemoStep(30, "synthetic_encoder", "fp32", "an arena that grows", memory=1.15),
    DemoStep(40, "synthetic_encoder", "fp32", "a slower fusion", latency=1.10),
    DemoStep(50, "synthetic_cnn", "int8_static", "a worse calibration", wrong=2.5),
)
CRASH_NIGHT, CRASH_CASE = 25, "synthetic_encoder/precision=int8_static/intra_threads=1/batch=8"
UPGRADE_NIGHT = 40
"""The night of a new runtime: before it 1.31.0, from it on 1.32.0."""


@dataclass(frozen=True, slots=True)
class DemoLevel:
    """What a model costs before anything happens, at batch 1."""

    latency_s: float
    memory_bytes: int
    size_bytes: int
    wrong: int  # of SAMPLES


LEVELS = {
    ("synthetic_cnn", "fp32"): DemoLevel(1.2e-3, 48_000_000, 4_800_000, 6),
    ("synthetic_cnn", "int8_static"): DemoLevel(0.9e-3, 41_000_000, 1_300_000, 8),
    ("synthetic_encoder", "fp32"): DemoLevel(6.5e-3, 120_000_000, 44_000_000, 10),
    ("synthetic_encoder", "int8_static"): DemoLevel(4.1e-3, 88_000_000, 11_500_000, 13),
}
BATCHES = (1, 8)


def write_history(results_dir: Path, nights: int = NIGHTS, seed: int = 0) -> list[RunInfo]:
    """Write `nights` sealed runs into `results_dir`, oldest first; the same numbers every time.

    Raises InputError where something measured, or somebody's asv.conf.json, lies there.
    """
    _check_config(results_dir)
    for info in runs(results_dir):
        if info.header.suite != SUITE:
            raise InputError(
                f"{results_dir}: holds runs that were measured; choose another folder with --results"
            )
    rng = np.random.default_rng(seed)
    return [_write_night(results_dir, night, rng) for night in range(nights)]


def write_config(results_dir: Path) -> Path:
    """Write an asv.conf.json that shows `results_dir`, and give its path. Raises InputError."""
    path = _check_config(results_dir)
    config = {
        "version": 1,
        "project": PROJECT,
        "project_url": "index.html",
        "repo": "timeline.git",
        "branches": ["main"],
        "show_commit_url": "runs.html#",
        "results_dir": "asv",
        "html_dir": "html",
        "plugins": [".harness.asv.export"],
    }
    path.write_text(json.dumps(config, indent=4) + "\n")
    return path


def _check_config(results_dir: Path) -> Path:
    """Give where asv is configured; raise InputError for a file there that is not the demonstration's."""
    path = results_dir / "asv.conf.json"
    if path.exists() and PROJECT not in path.read_text(errors="replace"):
        raise InputError(
            f"{path}: is not of 'harness demo history'; choose another folder with --results, or move it away"
        )
    return path


def cases() -> Iterator[Case]:
    """Give the cases of a night."""
    for (model, precision), batch in product(LEVELS, BATCHES):
        named = FP32 if precision == "fp32" else Named(precision, precision)
        source = Model(model, Source("fake", ()))
        yield Case(Artifact(source, precision=named), Session(intra_threads=1), Load(batch=batch))


def _write_night(results_dir: Path, night: int, rng: np.random.Generator) -> RunInfo:
    started = FIRST_NIGHT + timedelta(days=night)
    run = f"{started:%Y%m%dT%H%M%SZ}-5e1f00"
    planned = tuple(cases())
    records = [_record(case, run, night, started, rng) for case in planned]
    header = Header(
        suite=SUITE,
        suite_text=f"# {NOTE}\n",
        plan_hash=plan_hash([case.key for case in planned], {}),
        cases=len(planned),
        command=("harness", "demo", "history"),
        harness="synthetic",
        machine=MACHINE,
        environment=ENVIRONMENT,
        run=run,
        started_at=started.isoformat(timespec="seconds"),
        finished_at=(started + timedelta(minutes=len(planned))).isoformat(timespec="seconds"),
        counts=count([record.status for record in records]),
    )
    folder = run_folder(results_dir, run)
    folder.mkdir(parents=True, exist_ok=True)
    write_run(folder / SEALED, records)
    write_header(folder, header)
    return RunInfo(header, folder, sealed=True, live=False)


ENVIRONMENT = {"machine": MACHINE, "os": "synthetic", "cpu": {"model": "synthetic", "logical": 2}}


def _record(case: Case, run: str, night: int, started: datetime, rng: np.random.Generator) -> Record:
    record = Record(
        run=run,
        suite=SUITE,
        case=case.key,
        axes=case.axes,
        status=Status.OK,
        notes=(NOTE,),
        environment=ENVIRONMENT,
        machine=MACHINE,
        started_at=started.isoformat(timespec="seconds"),
        duration_s=60.0,
        artifact={"path": "", "notes": [NOTE]},
        effective={"runtime": {"distribution": "synthetic", "version": _version(night)}},
    )
    level = _level(case, night)
    calls = _calls(level.latency_s * case.load.batch**0.9, rng)
    if night == CRASH_NIGHT and case.key == CRASH_CASE:
        return replace(record, status=Status.CRASHED, reason="SIGSEGV (synthetic)")
    samples = {"latency_ns": calls.tolist()}
    return replace(record, metrics=_metrics(level, calls, case.load.batch), samples=samples)


def _version(night: int) -> str:
    return "1.31.0" if night < UPGRADE_NIGHT else "1.32.0"


def _level(case: Case, night: int) -> DemoLevel:
    """Give what a case costs on a night: its level, and every step so far."""
    model, precision = case.artifact.model.name, case.artifact.precision.name
    level = LEVELS[model, precision]
    for step in STEPS:
        if night >= step.night and (step.model, step.precision) == (model, precision):
            level = replace(
                level,
                latency_s=level.latency_s * step.latency,
                memory_bytes=round(level.memory_bytes * step.memory),
                wrong=round(level.wrong * step.wrong),
            )
    return level


def _calls(latency_s: float, rng: np.random.Generator) -> np.ndarray:
    """Draw every call of every process, in ns: processes differ, calls have a tail."""
    processes = np.exp(rng.normal(0, NOISE, (PROCESSES, 1)))
    tail = np.exp(np.abs(rng.normal(0, 0.02, (PROCESSES, CALLS))))
    return np.rint(latency_s * 1e9 * processes * tail).astype(np.int64)


def _metrics(level: DemoLevel, calls: np.ndarray, batch: int) -> dict[str, Metric]:
    p50, p95 = (np.log(np.quantile(calls, quantile, axis=1) * 1e-9) for quantile in (0.5, 0.95))
    spread = float(np.std(p50, ddof=1)) * 4.303 / np.sqrt(PROCESSES)  # Student's t, 2 degrees of freedom
    centre = float(np.mean(p50))
    values = {
        "latency/p50": float(np.exp(centre)),
        "latency/p95": float(np.exp(np.mean(p95))),
        "throughput/samples_per_s": batch / float(np.exp(centre)),
        "memory/peak": float(level.memory_bytes),
        "model/size": float(level.size_bytes),
        "accuracy/top1": 1 - level.wrong / SAMPLES,
    }
    metrics = {name: _metric(name, value) for name, value in values.items()}
    low, high = float(np.exp(centre - spread)), float(np.exp(centre + spread))
    p50 = replace(metrics["latency/p50"], low=low, high=high, interval="between processes", n=calls.size)
    return {**metrics, "latency/p50": p50}


def _metric(name: str, value: float) -> Metric:
    row = METRICS[name]
    return Metric(value=value, unit=row.unit, direction=row.better)
