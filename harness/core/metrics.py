"""What is known of every metric, a row each: unit, direction, and how each part of the harness treats it.

Whoever needs a table keyed by metric makes it from these rows. A metric of
another package has its rows on the function that gives it (see `describes`);
without one, it is treated by the unit and the direction of its `Metric`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TypeVar

from harness.core.record import Metric, Record
from harness.core.registry import entry_points

METRICS_GROUP = "harness.metrics"
"""Entry points of other packages: a family's name, and the function that gives its metrics."""

HEADLINE = "latency/p50"
"""What a case is known by where one number must do."""

Give = TypeVar("Give", bound=Callable[..., object])


class Evidence(StrEnum):
    """What two stored runs show of a metric, and so how they are compared by it."""

    CALLS = "calls"  # a quantile of the calls of each process
    RATE = "rate"  # the calls of each process over its wall time
    PROCESS = "process"  # one number of each process, among the raw samples
    RUN = "run"  # one number of a run: it takes the noise between runs to decide
    COUNT = "count"  # a count, as of bytes: exact, as a ratio
    ANSWERS = "answers"  # the answers to each labelled sample
    OUTPUTS = "outputs"  # the outputs on the same inputs: exact
    NONE = "none"  # runs are not compared by it


class Loss(StrEnum):
    """How a bisection counts what was lost between two versions."""

    RATIO = "ratio"  # the ratio less one
    DIFFERENCE = "difference"  # in the metric's unit
    SHORTFALL = "shortfall"  # one less the value, which was taken against the good version's outputs
    NOISE = "noise"  # the RMS of the difference to those outputs over their own: of a value in dB
    DISTANCE = "distance"  # the value, which is in those outputs' own unit


BY_OUTPUTS = frozenset({Loss.SHORTFALL, Loss.NOISE, Loss.DISTANCE})
"""Losses that are taken from the outputs of two versions on the same inputs."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric. What a row does not say is as for a speed that is measured once a run."""

    name: str
    unit: str  # "s", "B", "instructions", "ratio", "dB", "samples/s", "1"
    better: str  # "lower" | "higher" | "none"

    # in tables
    title: str = ""  # of its column; empty: the name
    column: bool = True  # whether it has one where it has values
    beside: tuple[str, ...] = ()  # axes that give it one where they vary, if it has none otherwise
    drop: int = 8  # when a narrow terminal loses the column, the highest first; 0: never
    delta_title: str = ""  # of a second column: the difference to the baseline; empty: none
    delta_drop: int = 8

    # in a gate
    range: tuple[float, float] = (0.0, math.inf)  # what a bound may be, in the metric's unit
    delta: bool = False  # a difference to the FP32 reference: written with its sign, bounded by min and max

    # between two runs
    evidence: Evidence = Evidence.RUN
    quantile: float | None = None  # of the calls
    samples: str = ""  # key of `Record.samples` with a number of ns for each process
    floor: float | None = None  # what is better than this is as good as equal
    machine_free: bool = False  # the same on every machine, however long a case is timed
    taken_in: str = ""  # part of `Record.effective` that says how it was counted: compared with its like only
    repeats_within: float = 0.0  # ratio by which a count differs though nothing changed
    asked_by: str = ""  # key of `measure:` that asks for it; empty: it is always there
    follows_calls: bool = False  # it goes as the calls go
    alpha_share: float = 0.0  # of alpha in an A/B, in shares of p50; 0: no block measures it

    # between two versions
    counts_as: Loss | None = None  # None: as a ratio where a change of it is one
    least_loss: float = 0.01  # a loss that counts as none, where nobody says

    # elsewhere
    dashboard: bool = True  # whether asv draws it; only what has a better and a worse can be drawn
    aim: str = ""  # what advice is given for: "latency", "throughput"

    @property
    def heading(self) -> str:
        """The title of its column."""
        return self.title or self.name

    @property
    def relative(self) -> bool:
        """Whether a change is a ratio: of durations, sizes and rates."""
        return self.unit in ("s", "B", "instructions", "samples/s", "calls/s")

    @property
    def loss(self) -> Loss:
        """How a bisection counts a loss."""
        return self.counts_as or (Loss.RATIO if self.relative else Loss.DIFFERENCE)

    @property
    def replicated(self) -> bool:
        """Whether it differs from process to process: a difference needs a test."""
        return self.evidence in (Evidence.CALLS, Evidence.RATE, Evidence.PROCESS, Evidence.RUN)


def _call(name: str, **facts: object) -> MetricSpec:
    """Make the row of a number that the calls give."""
    return MetricSpec(f"latency/{name}", "s", "lower", follows_calls=True, **facts)  # type: ignore[arg-type]


def _memory(name: str, **facts: object) -> MetricSpec:
    """Make the row of a reading of memory; but for three, they are steps on the way to those."""
    kept = {"column": False, "evidence": Evidence.NONE, **facts}
    return MetricSpec(f"memory/{name}", "B", "lower", asked_by="memory", **kept)  # type: ignore[arg-type]


def _count(name: str, better: str, **facts: object) -> MetricSpec:
    """Make the row of a number of nodes in the model file."""
    kept = {"column": False, "evidence": Evidence.COUNT, "machine_free": True, "dashboard": False, **facts}
    return MetricSpec(f"model/{name}", "1", better, **kept)  # type: ignore[arg-type]


def _accuracy(name: str, unit: str, better: str, **facts: object) -> MetricSpec:
    """Make the row of a number that the outputs give."""
    kept = {"evidence": Evidence.NONE, "machine_free": True, "asked_by": "accuracy", **facts}
    return MetricSpec(f"accuracy/{name}", unit, better, **kept)  # type: ignore[arg-type]


_ROWS = (
    _call("p50", title="p50", drop=0, evidence=Evidence.CALLS, quantile=0.50, alpha_share=1.0, aim="latency"),
    # p50, p95 and p99 say all that p90 does
    _call("p90", column=False, evidence=Evidence.CALLS, quantile=0.90, dashboard=False),
    _call("p95", title="p95", drop=5, evidence=Evidence.CALLS, quantile=0.95, alpha_share=5 / 14),
    _call("p99", column=False, evidence=Evidence.CALLS, quantile=0.99),
    _call("mean", column=False, evidence=Evidence.NONE, dashboard=False),
    _call("sd", column=False, evidence=Evidence.NONE, dashboard=False),
    _call("mad", column=False, evidence=Evidence.NONE, dashboard=False),
    MetricSpec("latency/outliers", "1", "none", column=False, evidence=Evidence.NONE, follows_calls=True),
    MetricSpec(
        "throughput/samples_per_s",
        "samples/s",
        "higher",
        title="samples/s",
        drop=4,
        evidence=Evidence.RATE,
        follows_calls=True,
        aim="throughput",
    ),
    # in place of samples, where the batch is none
    MetricSpec(
        "throughput/calls_per_s",
        "calls/s",
        "higher",
        title="calls/s",
        drop=4,
        evidence=Evidence.NONE,
        follows_calls=True,
        dashboard=False,
    ),
    # of the runtime, not of the model
    MetricSpec("startup/import", "s", "lower", column=False, evidence=Evidence.NONE, dashboard=False),
    MetricSpec(
        "startup/session",
        "s",
        "lower",
        title="session",
        column=False,
        beside=("optimizer", "format"),
        drop=6,
        evidence=Evidence.PROCESS,
        samples="session_ns",
    ),
    MetricSpec(
        "startup/first_call", "s", "lower", column=False, evidence=Evidence.PROCESS, samples="first_call_ns"
    ),
    _memory("before_runtime", dashboard=False),
    _memory("after_import", dashboard=False),
    _memory("session_peak"),
    _memory("after_session", dashboard=False),
    _memory("after_first_call", dashboard=False),
    _memory("session", evidence=Evidence.RUN),
    _memory(
        "peak",
        title="peak memory",
        column=True,
        drop=0,
        delta_title="Δ memory",
        delta_drop=3,
        evidence=Evidence.RUN,
        alpha_share=1 / 14,
    ),
    _memory("arena_peak", evidence=Evidence.RUN),
    _memory("device_peak", evidence=Evidence.RUN, dashboard=False),  # null on a CPU
    MetricSpec(
        "model/size",
        "B",
        "lower",
        title="size",
        drop=7,
        evidence=Evidence.COUNT,
        machine_free=True,
    ),
    _count("nodes", "none", title="nodes", drop=6, beside=("exporter", "optimizer")),
    _count("operators", "none"),
    _count("int8_operators", "higher", title="int8 operators", drop=6, beside=("quantizer",)),
    MetricSpec(
        "instructions/call",
        "instructions",
        "lower",
        title="instructions",
        drop=6,
        evidence=Evidence.COUNT,
        machine_free=True,
        asked_by="instructions",
        taken_in="instructions",
        least_loss=0.001,
    ),
    # where the runtime's objects lie decides a few hundred in a million
    MetricSpec(
        "instructions/session",
        "instructions",
        "lower",
        column=False,
        evidence=Evidence.COUNT,
        machine_free=True,
        asked_by="instructions",
        taken_in="instructions",
        repeats_within=0.005,
    ),
    _accuracy(
        "top1",
        "ratio",
        "higher",
        title="top-1",
        drop=0,
        range=(0.0, 1.0),
        evidence=Evidence.ANSWERS,
        least_loss=0.005,
    ),
    # a trend has its own past, so a dashboard needs no difference to the reference
    _accuracy(
        "top1_delta",
        "ratio",
        "higher",
        title="Δ top-1",
        drop=0,
        range=(-1.0, 1.0),
        delta=True,
        dashboard=False,
    ),
    _accuracy("mae", "1", "lower", title="error", drop=0, evidence=Evidence.ANSWERS, counts_as=Loss.RATIO),
    _accuracy(
        "mae_delta",
        "1",
        "lower",
        title="Δ error",
        drop=0,
        range=(-math.inf, math.inf),
        delta=True,
        dashboard=False,
    ),
    _accuracy(
        "agreement",
        "ratio",
        "higher",
        title="agreement",
        drop=2,
        range=(0.0, 1.0),
        evidence=Evidence.OUTPUTS,
        counts_as=Loss.SHORTFALL,
    ),
    _accuracy(
        "sqnr_db",
        "dB",
        "higher",
        title="SQNR",
        drop=6,
        range=(-math.inf, math.inf),
        evidence=Evidence.OUTPUTS,
        floor=20.0,
        counts_as=Loss.NOISE,
    ),
    _accuracy(
        "cosine",
        "1",
        "higher",
        column=False,
        range=(-1.0, 1.0),
        counts_as=Loss.SHORTFALL,
        least_loss=1e-4,
    ),
    _accuracy("max_abs_error", "1", "lower", column=False, counts_as=Loss.DISTANCE),
    # against the original that a model was converted from
    _accuracy(
        "vs_source",
        "ratio",
        "higher",
        title="vs source",
        drop=3,
        range=(0.0, 1.0),
        evidence=Evidence.OUTPUTS,
        dashboard=False,
    ),
    _accuracy("vs_source_error", "1", "lower", column=False, dashboard=False),
    _accuracy(
        "vs_source_sqnr_db", "dB", "higher", column=False, range=(-math.inf, math.inf), dashboard=False
    ),
    _accuracy("source_top1", "ratio", "higher", column=False, range=(0.0, 1.0), dashboard=False),
    _accuracy("source_mae", "1", "lower", column=False, dashboard=False),
    _accuracy("nonfinite", "1", "lower", column=False, evidence=Evidence.OUTPUTS),
    # 1 where one input is answered bit by bit the same each time, 0 where it is not
    _accuracy("repeatable", "1", "higher", column=False, range=(0.0, 1.0), evidence=Evidence.OUTPUTS),
    _accuracy("repeat_error", "1", "lower", column=False, dashboard=False),
)

METRICS = {row.name: row for row in _ROWS}
"""Every metric of the harness, by name, in the order of tables."""


COUNTED = tuple(name for name, row in METRICS.items() if row.taken_in)
"""Metrics of a pass that is off unless it is asked for: one worker counts them, exactly."""


def describes(*rows: MetricSpec) -> Callable[[Give], Give]:
    """Attach rows to another package's family, a function of an entry point `harness.metrics`."""

    def attach(family: Give) -> Give:
        family.rows = rows  # type: ignore[attr-defined]
        return family

    return attach


def spec_of(name: str, metric: Metric | None = None) -> MetricSpec:
    """Return the row of a metric, also of another package's; one made of `metric` where there is none.

    Without that too, it has no unit and neither way is better.
    """
    found = METRICS.get(name) or foreign(name.partition("/")[0]).get(name)
    if found is not None:
        return found
    unit, better = (metric.unit, metric.direction) if metric else ("1", "none")
    evidence = Evidence.NONE if better == "none" else Evidence.RUN
    return MetricSpec(name, unit, better, range=(-math.inf, math.inf), evidence=evidence)


def specs_for(records: Iterable[Record]) -> dict[str, MetricSpec]:
    """Return the rows of all metrics of the harness, then of the others that records have, by name."""
    others: dict[str, Metric] = {}
    for record in records:
        for name, metric in record.metrics.items():
            if name not in METRICS:
                others.setdefault(name, metric)
    return METRICS | {name: spec_of(name, others[name]) for name in sorted(others)}


def all_specs() -> dict[str, MetricSpec]:
    """Return the rows of the harness, then those that come with other packages' families."""
    families = (point.name for point in entry_points(METRICS_GROUP))
    return METRICS | {name: row for family in families for name, row in foreign(family).items()}


def is_foreign(family: str) -> bool:
    """Return whether another package gives a family of this name."""
    return any(point.name == family for point in entry_points(METRICS_GROUP))


@cache
def foreign(family: str) -> dict[str, MetricSpec]:
    """Return the rows that come with another package's family, by name.

    None where its code cannot be imported: to measure with it is an error, to
    read what it gave once is none.
    """
    for point in entry_points(METRICS_GROUP):
        if point.name == family:
            try:
                return {row.name: row for row in getattr(point.load(), "rows", ())}
            except Exception:  # another package's code raises what it likes
                return {}
    return {}
