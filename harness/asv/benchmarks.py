"""Show records the way asv sees the world: benchmarks, and a grid of cells in each.

One benchmark is one metric of one model of one suite. Its cells lie along
four dimensions, reserved from the start because a new one would orphan every
line that is already on the dashboard:

========= ================================================================
artifact  exporter, opset, precision, format
session   provider, graph_opt, execution_mode, inter_threads, config, and
          every axis that nobody has thought of yet
threads   intra_threads
batch     batch, shapes, io
========= ================================================================

asv knows one direction, lower is better, and has no word for why a cell is
empty: null is a failure, NaN anything else. No asv is imported here; the only
arithmetic is what that format forces: a metric turned round, nanoseconds as
seconds, a process by its median.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.case import PARTS, Artifact, Load
from harness.core.metrics import HEADLINE, spec_of
from harness.core.record import Metric, Record, Status

DIMENSIONS = ("artifact", "session", "threads", "batch")

Place = tuple[str, str, str, str]
"""Where a cell lies: a value along each dimension, as asv writes them (Python's repr)."""

ARTIFACT = tuple(PARTS[Artifact])
LOAD = tuple(axis for axis in PARTS[Load] if axis != "batch")


@dataclass(frozen=True, slots=True)
class LowerIsBetter:
    """How a metric becomes a number of which less is better."""

    suffix: str
    unit: str
    value: Callable[[float], float]


TURNS = {
    ("s", "lower"): LowerIsBetter("", "seconds", lambda value: value),
    ("B", "lower"): LowerIsBetter("", "bytes", lambda value: value),
    ("instructions", "lower"): LowerIsBetter("", "instructions", lambda value: value),
    ("ratio", "lower"): LowerIsBetter("", "ratio", lambda value: value),
    ("1", "lower"): LowerIsBetter("", "unit", lambda value: value),
    ("ratio", "higher"): LowerIsBetter("_error", "error", lambda value: 1 - value),
    ("1", "higher"): LowerIsBetter("_error", "error", lambda value: 1 - value),
    ("samples/s", "higher"): LowerIsBetter("", "seconds", lambda value: 1 / value if value else math.nan),
    ("dB", "higher"): LowerIsBetter("_noise", "ratio", lambda value: 10 ** (-value / 20)),
}
"""(unit, direction) of a metric -> its turn; what is not here has no better and no worse."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number: None where the case failed, NaN where there is none to be had.

    `low` and `high` are the metric's interval; `samples` is one number a
    process. Both are given for p50 alone.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    samples: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One metric of one model: a line on the dashboard for each of its cells."""

    suite: str
    model: str
    metric: str
    unit: str  # asv's word for it
    suffix: str = ""
    cells: Mapping[Place, Cell] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name in asv: ``nightly.digits_cnn.latency_p50``; the dashboard groups by suite."""
        metric = clean(self.metric).replace("samples_per_s", "seconds_per_sample")
        return ".".join((clean(self.suite), clean(self.model), metric + self.suffix))


def clean(name: str) -> str:
    """Spell a name in letters, digits and underscores: asv puts it into paths, URLs and markup."""
    return re.sub(r"\W", "_", name)


def quote(value: str) -> str:
    """Write text so that it means the same in markup, a path and a Python literal."""
    return re.sub(r"[<>&\"'`%\\/|?*:^\x00-\x1f]", lambda match: f"%{ord(match[0]):02X}", value)


def place(case: str) -> Place:
    """Return where a case lies, by its key; axes at their default are not in a key, nor in a place."""
    axes = dict(part.split("=", 1) for part in case.split("/")[1:])
    batch = axes.pop("batch", "1")
    threads = axes.pop("intra_threads", "auto")
    axes.pop("runtime", None)
    artifact = [f"{axis}={axes.pop(axis)}" for axis in ARTIFACT if axis in axes]
    load = [batch, *(f"{axis}={axes.pop(axis)}" for axis in LOAD if axis in axes)]
    session = [f"{axis}={value}" for axis, value in axes.items()]
    return (_join(artifact), _join(session), _join([threads]), _join(load))


def _join(parts: list[str]) -> str:
    text = " ".join(parts) or "default"
    return text if text.isdecimal() else f"'{quote(text)}'"


def benchmarks(records: Iterable[Record], known: Mapping[str, Any] | None = None) -> tuple[Benchmark, ...]:
    """Turn the records of one run under one runtime into benchmarks, sorted by name.

    A failed case is a null under every metric that its model has in `records`
    or in `known` (documents as from `document`), and under p50 at least.
    """
    by_model: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_model.setdefault((record.suite, str(record.axes["model"])), []).append(record)
    found = []
    for (suite, model), group in by_model.items():
        metrics = _metrics(suite, model, group, known or {})
        found += [_benchmark(suite, model, name, turn, group) for name, turn in metrics.items()]
    return tuple(sorted(found, key=lambda item: item.name))


def _metrics(
    suite: str, model: str, records: Sequence[Record], known: Mapping[str, Any]
) -> dict[str, LowerIsBetter]:
    """Choose the metrics of a model: those that have a value somewhere, and those of a failure."""
    kinds = {
        name: (metric.unit, metric.direction)
        for record in records
        if record.status == Status.OK
        for name, metric in record.metrics.items()
        if metric.value is not None
    }
    if any(_failed(record) for record in records):
        before = [item["harness"] for item in known.values() if "harness" in item]
        names = [
            HEADLINE,
            *(item["metric"] for item in before if (item["suite"], item["model"]) == (suite, model)),
        ]
        rows = {name: spec_of(name) for name in names}
        kinds |= {name: (row.unit, row.better) for name, row in rows.items() if name not in kinds}
    return {name: TURNS[kind] for name, kind in kinds.items() if kind in TURNS and spec_of(name).dashboard}


def _failed(record: Record) -> bool:
    return record.status not in (Status.OK, Status.SKIPPED, Status.UNSUPPORTED)


def _benchmark(
    suite: str, model: str, name: str, turn: LowerIsBetter, records: Sequence[Record]
) -> Benchmark:
    cells = {place(record.case): _cell(record, name, turn) for record in records}
    return Benchmark(suite, model, name, turn.unit, turn.suffix, cells)


def _cell(record: Record, name: str, turn: LowerIsBetter) -> Cell:
    if _failed(record):
        return Cell(None)
    metric = record.metrics.get(name)
    if record.status != Status.OK or metric is None or metric.value is None:
        return Cell(math.nan)
    if name != HEADLINE:
        return Cell(turn.value(metric.value))
    return Cell(turn.value(metric.value), metric.low, metric.high, _processes(record, metric))


def _processes(record: Record, metric: Metric) -> tuple[float, ...]:
    """Give the median of each process, in seconds: a process is the unit of replication, a call is not."""
    calls = [process for process in record.samples.get("latency_ns") or () if process]
    if not calls:
        return () if metric.value is None else (metric.value,)
    return tuple(statistics.median(process) * 1e-9 for process in calls)


def lines(records: Iterable[Record], *, found: bool) -> dict[tuple[str, str], list[Record]]:
    """Part records by the line they belong to: (machine, runtime), as paths can carry them.

    The runtime is the one asked for: "current" stays the same line from one
    version to the next, which is what a timeline of nights is drawn for. Where
    the x-axis is somebody's commits, `found` keeps two versions apart.
    """
    asked: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        asked.setdefault((record.machine, str(record.axes["runtime"])), []).append(record)
    parted: dict[tuple[str, str], list[Record]] = {}
    for (machine, runtime), group in asked.items():
        version = next((str(record.runtime) for record in group if record.runtime), "") if found else ""
        parted.setdefault((spell(machine), spell(version.replace(" ", "==") or runtime)), []).extend(group)
    return parted


def spell(name: str) -> str:
    """Spell the name of a machine or a runtime so that it can be a path."""
    return re.sub(r"[^\w.+=-]|^\.", "_", name) or "unknown"
