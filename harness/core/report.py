"""What a reader is shown: records, the rows that rank them, gates and advice.

`harness.judge` fills these in, `harness.show` renders them; neither knows the
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.record import Record


@dataclass(frozen=True, slots=True)
class Row:
    """One record among its peers: ranked, and held against the baseline case of its model."""

    record: Record
    rank: int  # 1 is best within the model, by p50 a sample; 0 where it has no p50
    baseline: bool  # this row is what the others are held against
    speedup: float | None  # p50 a sample of the baseline over this one's; > 1 is faster
    deltas: Mapping[str, float] = field(default_factory=dict)  # metric -> value - baseline's


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What one gate said of one case. `no data` is never `passed`."""

    gate: str  # the gate as text: "latency/p50 max_increase 3% against anchor"
    case: str
    metric: str
    outcome: str  # "passed" | "failed" | "no data"
    value: float | None
    limit: float | None
    reason: str  # the numbers in words, or why there is no data


@dataclass(frozen=True, slots=True)
class Advice:
    """The best settings found for one model, for one aim."""

    model: str
    aim: str  # "latency" | "throughput"
    case: str
    metric: str
    value: float
    unit: str
    speedup: float | None  # against the baseline
    accuracy_delta: float | None  # what it costs, where that was measured


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a view may show of one run."""

    title: str
    records: tuple[Record, ...]
    rows: tuple[Row, ...]  # grouped by model, best first
    axes: tuple[str, ...]  # the axes that vary between the records
    gates: tuple[GateOutcome, ...] = ()
    advice: tuple[Advice, ...] = ()
    description: str = ""  # of the suite, for people
