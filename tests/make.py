"""Builders that several rooms' tests share: facts and records in a line each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.artifact import Built
from harness.core.case import (
    AXES,
    CPU,
    FP32,
    Artifact,
    Case,
    DataRef,
    Load,
    Model,
    Named,
    Session,
    Source,
    freeze,
)
from harness.core.record import Metric, Observation, Record, Status
from harness.core.suite import Suite
from harness.judge import Facts
from harness.judge.verdict import Verdict
from harness.measure import Block, BlockOrder, Request
from harness.run.bench import Bench

SAMPLES_NS = [1000 + i * 37 % 200 for i in range(200)]
"""Every one of 1000 to 1199 once, in an order without a trend."""


def make_case(
    model: str = "net",
    precision: str = "fp32",
    *,
    task: str | None = None,
    output: str | None = None,
    opset: int | None = None,
    provider: str = "cpu",
    batch: int = 1,
    **session: Any,
) -> Case:
    """A case of the fake engine; what is no parameter here is a part of its session."""
    of = Model(model, Source("fake", ()), task=task, output=output)
    named = FP32 if precision == "fp32" else Named(precision, precision)
    chosen = CPU if provider == "cpu" else Named(provider, provider)
    return Case(
        Artifact(of, opset=opset, precision=named), Session(provider=chosen, **session), Load(batch=batch)
    )


def make_artifact(
    options: Path | Mapping[str, Any],
    kind: str = "onnx",
    precision: str | tuple[str, Mapping[str, Any]] = "fp32",
    data: DataRef | None = None,
    model: Mapping[str, Any] | None = None,
    **axes: Any,
) -> Artifact:
    """Ask for a model by the options of its source; a path stands for an .onnx file."""
    named = {"path": str(options)} if isinstance(options, Path) else dict(options)
    name, refined = (precision, {}) if isinstance(precision, str) else precision
    return Artifact(
        Model("m", Source(kind, freeze(named)), data=data, **(model or {})),
        precision=FP32 if name == "fp32" else Named(name, name, freeze(refined)),
        **axes,
    )


def make_observation(**parts: Any) -> Observation:
    """A worker that made 200 steady calls of 1000 to 1199 ns in 250 µs, unless told otherwise."""
    timing = {"samples_ns": SAMPLES_NS, "warmup_ns": [5000, 2000], "wall_ns": 250_000}
    parts.setdefault("timing", timing)
    parts.setdefault("passes", ("session", "timing"))
    parts.setdefault("exit", {"code": 0})
    return Observation(**parts)


def make_facts(*observations: Observation, case: Case | None = None, **parts: Any) -> Facts:
    facts = {
        name: parts.pop(name)
        for name in ("notes", "classes", "provenance", "random_weights")
        if name in parts
    }
    built = Built("net.onnx", "00", 4096, 17, "fp32", {}, (), ("y",), engine="fake", **facts)
    arrays = {
        name: tuple(np.asarray(array) for array in parts.pop(name))
        for name in ("outputs", "reference_outputs")
        if parts.get(name) is not None
    }
    names = parts.pop("output_names", ("y",))
    return Facts(case or make_case(), built, observations or (make_observation(),), names, **arrays, **parts)


def make_metric(name: str, value: float | None, **more: Any) -> Metric:
    """A value of the metric `name`, with its unit and direction."""
    from harness.core.metrics import METRICS

    return Metric(value=value, unit=METRICS[name].unit, direction=METRICS[name].better, **more)


def make_record(
    metrics: Mapping[str, float | Metric | None] | None = None,
    *,
    case: Case | str | None = None,
    status: str = "ok",
    model: str = "net",
    **more: Any,
) -> Record:
    """A record with these metric values; units and directions as the names say, unless a metric is given.

    `more` are fields of the record and axes of its case. `case` is the case
    itself, whose axes are the record's, or a key to have whatever the axes.
    """
    known = {part.name for part in fields(Record)}
    axes = {name: value for name, value in more.items() if name not in known}
    given = {name: value for name, value in more.items() if name in known}
    if isinstance(case, Case):
        key, full = case.key, {**case.axes, **axes}
    else:
        key = case or "/".join([model, *(f"{axis}={value}" for axis, value in axes.items())])
        full = {**make_case().axes, "model": model, **axes}
    made = {
        name: value if isinstance(value, Metric) else make_metric(name, value)
        for name, value in (metrics or {}).items()
    }
    parts = {"run": "r", "suite": "s", "case": key, "axes": full, "metrics": made, "machine": "m1", **given}
    return Record(status=Status(status), **parts)


def make_shown_record(
    model: str,
    status: str = "ok",
    reason: str = "",
    metrics: Mapping[str, float | Metric | None] | None = None,
    **more: Any,
) -> Record:
    """A record for the pages of a run: dated, with four axes and those in `more`."""
    axes = {name: more.pop(name) for name in AXES if name in more}
    shown = {
        "run": "20261123T140732Z-3f2a1c",
        "suite": "quick",
        "axes": {"model": model, "opset": None, "precision": "fp32", "batch": 1, **axes},
        "machine": "box",
        "started_at": "2026-11-23T14:07:33+00:00",
        "duration_s": 1.5,
    }
    return make_record(metrics, model=model, status=status, reason=reason, **axes, **{**shown, **more})


def store_run(results: Path, records: Sequence[Record], started: datetime, **header: Any) -> str:
    """Seal a run begun at `started`, whatever else its header holds; return its identifier."""
    from harness.store.header import SEALED, Header, run_folder, write_header
    from harness.store.parquet import write_run

    run = header.pop("run", f"{started:%Y%m%dT%H%M%SZ}-000000")
    time = started.isoformat(timespec="seconds")
    folder = run_folder(results, run)
    folder.mkdir(parents=True)
    write_run(folder / SEALED, [replace(record, run=run, started_at=time) for record in records])
    named = {"suite": records[0].suite, "machine": records[0].machine, "started_at": time}
    write_header(folder, Header(run=run, **{**named, **header}))
    return run


def texts(verdict: Verdict) -> tuple[str, ...]:
    """Its notes, as people read them."""
    return tuple(note.text for note in verdict.notes)


@dataclass
class RepeatingArms(Bench):
    """A bench of which a pair's first block is run by real workers, and given again for every further one.

    The fake engine answers the same every time. What a block costs is made up,
    so that a budget pays for as many whatever else this machine does.
    """

    first: dict[tuple[str, str, bool], Block] = field(default_factory=dict)

    def run_block(
        self, pair: tuple[Request, Request], draw: BlockOrder, span_s: float, limit_s: float = math.inf
    ) -> Block:
        base, head = pair
        place = base.case, head.case, base is head
        if place not in self.first:
            block = super().run_block(pair, draw, span_s)
            self.first[place] = replace(block, start_s=0.2, wall_s=0.5)
        return replace(self.first[place], draw=draw)


def open_repeating_arms(
    suite: Suite, cache_dir: Path, work_dir: Path, machine: dict[str, Any]
) -> RepeatingArms:
    """Make such a bench, as `open_arms` makes one that runs every block."""
    bench = RepeatingArms(suite, cache_dir, work_dir, machine, keep_outputs=True)
    bench.load()
    return bench
