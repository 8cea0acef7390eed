"""Runs as a night of the harness stores them, made up: nothing here was measured."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from make import make_metric, store_run

from harness.core.case import DEFAULTS, shown
from harness.core.record import NoteKind, Record, Status
from harness.profile.model import Bandwidth, Bound, Kernel, ProfileRow, Roofs
from harness.profile.stored import StoredProfile

FIRST = datetime(2026, 11, 1, 2, tzinfo=UTC)
GRID: Mapping[str, Sequence[Any]] = {
    "precision": ("fp32", "int8_static", "int8_dynamic"),
    "graph_opt": ("disable", "all"),
    "intra_threads": (1, 2),
    "batch": (1, 8, 32),
}
SPEED = {"fp32": 1.0, "int8_static": 0.55, "int8_dynamic": 1.6, "disable": 1.7, "all": 1.0}
LOSS = {"fp32": 0.0, "int8_static": 0.004, "int8_dynamic": 0.001}


def cells(
    model: str, base_s: float, grid: Mapping[str, Sequence[Any]] = GRID, **how: Any
) -> Iterator[Record]:
    """A record of every cell of `grid`, with plausible numbers that a seed draws."""
    for values in product(*grid.values()):
        yield cell(model, base_s, dict(zip(grid, values, strict=True)), **how)


def cell(
    model: str,
    base_s: float,
    axes: Mapping[str, Any],
    *,
    seed: int = 0,
    slower: float = 1.0,
    calls: int = 120,
) -> Record:
    """One measured record; `slower` multiplies its times."""
    key = "/".join([model, *(f"{name}={value}" for name, value in axes.items())])
    draw = random.Random(f"{key} {seed}")
    precision, batch, threads = (
        axes.get(name, other) for name, other in (("precision", "fp32"), ("batch", 1), ("intra_threads", 1))
    )
    p50 = base_s * slower * SPEED.get(precision, 1.0) * SPEED[axes.get("graph_opt", "all")]
    p50 *= (0.25 + 0.75 * batch) * (0.1 + 0.9 / threads) * draw.uniform(0.99, 1.01)
    unsteady = draw.random() < 0.15
    samples = [
        round(1e9 * p50 * draw.lognormvariate(0, 0.02) * (1.15 if unsteady and at > 70 else 1))
        for at in range(calls)
    ]
    p50, p90, p95 = (float(np.quantile(samples, share)) * 1e-9 for share in (0.5, 0.9, 0.95))
    top1 = 0.9922 - LOSS.get(precision, 0.0)
    size = 4e5 * (0.3 if precision != "fp32" else 1)
    memory = 6.3e7 + size + batch * 4e4 + draw.uniform(0, 4e5)
    metrics = {
        "latency/p50": make_metric(
            "latency/p50", p50, low=p50 * 0.985, high=p50 * 1.02, interval="within process", n=calls
        ),
        "latency/p95": make_metric(
            "latency/p95", p95, low=p95 * 0.98, high=p95 * 1.1, interval="within process", n=calls
        ),
        **{
            name: make_metric(name, value)
            for name, value in {
                "latency/p90": p90,
                "throughput/samples_per_s": batch / p50,
                "startup/session": 0.004 * draw.uniform(0.9, 1.2) * SPEED.get(precision, 1.0),
                "startup/first_call": p50 * 3,
                "memory/session": size * 2,
                "memory/peak": memory,
                "model/size": size,
                "accuracy/top1": top1,
                "accuracy/top1_delta": top1 - 0.9922,
            }.items()
        },
    }
    notes = ("not steady: two speeds",) if unsteady else ()
    full = {**{name: shown(name, value) for name, value in DEFAULTS.items()}, "model": model, **axes}
    return Record(
        run="", suite="quickstart", case=key, axes=full, status=Status.OK, metrics=metrics,
        machine="demo-2c-x86_64-0", notes=notes, note_kinds=(NoteKind.UNSTEADY,) * len(notes), duration_s=1.2,
        effective={
            "runtime": {"distribution": "onnxruntime", "version": "1.32.0"},
            "session": {"cores": [0]}, "data": {"name": "digits", "sha256": "ab" * 32, "samples": 128},
            "feeds": {"kind": "data"},
        },
        asked={"sampling": {"seconds": 1.0, "processes": 1}},
        samples={"latency_ns": [samples], "session_ns": [4_000_000]},
    )  # fmt: skip


def ended(model: str, status: Status, reason: str, **axes: Any) -> Record:
    """A record without numbers."""
    made = cell(model, 1e-3, axes)
    return replace(made, status=status, reason=reason, metrics={}, samples={}, notes=(), note_kinds=())


def profiled(record: Record) -> StoredProfile:
    """A profile of the case, made up from its median, with roofs; its Relu is uncertain."""
    p50_s = record.metrics["latency/p50"].value or 0.0
    conv = "QLinearConv" if record.axes["precision"] == "int8_static" else "Conv"
    done = ((conv, 0.8, 4e6, 40_000), ("Relu", 0.15, 1e3, 8000), ("Transpose", 0.05, 0.0, 8000))
    rows = tuple(
        ProfileRow(
            name=name, op=name, provider="CPU", nodes=1, times=1.0, median_s=share * p50_s,
            low_s=share * p50_s, high_s=share * p50_s, own_s=share * p50_s, share=share,
            uncertain=name == "Relu", source="", flops=flops, moved_bytes=size, roof_s=share * p50_s / 2,
            bound=Bound.COMPUTE if flops else None,
        )
        for name, share, flops, size in done
    )  # fmt: skip
    roofs = Roofs(
        machine=record.machine, runtime="onnxruntime 1.32.0", provider="cpu", threads=1, cores=(0,),
        measured_at="2026-11-02T00:00:00+00:00", flops_per_s={Kernel.FP32: 1e11, Kernel.INT8: 3e11},
        bandwidths=(Bandwidth(1 << 18, 6e10), Bandwidth(1 << 22, 8e10), Bandwidth(1 << 28, 1e10)),
        missing={Kernel.FP16: "it casts"},
    )  # fmt: skip
    return StoredProfile(
        profiled_at="2026-11-03T00:00:00+00:00", p50_s=1.1 * p50_s, operators=rows, roofs=roofs
    )


def night(seed: int = 0, *, slower: float = 1.0) -> list[Record]:
    """A run of two models: 32 measured cases, and one of every other end."""
    return [
        *cells("digits_cnn", 4e-5, {**GRID, "batch": (1, 8)}, seed=seed, slower=slower),
        *cells("squeezenet", 3e-3, {**GRID, "precision": ("fp32", "int8_static"), "batch": (1,)}, seed=seed),
        ended("squeezenet", Status.FAILED, "the worker died: bad_alloc", batch=64),
        ended("squeezenet", Status.UNSUPPORTED, "cuda is not in this runtime", provider="cuda"),
        ended(
            "squeezenet",
            Status.SKIPPED,
            "ConvInteger has no fast kernel on the CPU",
            precision="int8_dynamic",
        ),
    ]


def store(results: Path, records: Sequence[Record], day: int = 0, **header: Any) -> str:
    """Seal a run begun on the given day; return its identifier."""
    started = FIRST + timedelta(days=day)
    fields: dict[str, Any] = {
        "suite_path": "suites/quickstart.yaml",
        "description": "Which settings are fast here, and what INT8 costs; made-up numbers.",
        "cases": len(records), "harness": "0.1.0", "finished_at": started.isoformat(timespec="seconds"),
        "command": ("harness", "run", "suites/quickstart.yaml"),
        "environment": {
            "cpu": {"model": "AMD EPYC", "logical": 2}, "memory_total_bytes": 25_276_510_208,
            "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.18", "virtualization": {"hypervisor": True},
        },
        "gates": (
            {"metric": "accuracy/top1_delta", "min": -0.01}, {"metric": "latency/p50", "max_increase": 0.05},
        ),
    }  # fmt: skip
    return store_run(results, records, started, **{**fields, **header})
