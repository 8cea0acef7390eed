"""What a reader is shown: records, the rows that rank them, gates and advice.

`harness.judge` fills these in, `harness.show` renders them; neither knows the
other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.core.decision import Change
from harness.core.record import BAD, Record, Status
from harness.core.scaling import Scaling


@dataclass(frozen=True, slots=True)
class Row:
    """One record among its peers: ranked, and compared with the baseline case of its model."""

    record: Record
    rank: int  # 1 is best within the model, by p50 a sample; 0 where it has no p50
    baseline: bool  # this row is what the others are compared with
    speedup: float | None  # p50 a sample of the baseline over this one's; > 1 is faster
    deltas: Mapping[str, float] = field(default_factory=dict)  # metric -> value - baseline's


class Outcome(StrEnum):
    """How a gate ended for one case."""

    PASSED = "passed"
    FAILED = "failed"
    NO_DATA = "no data"  # never the same as passed


class Reference(StrEnum):
    """What the limit of a relative gate is taken from."""

    PREVIOUS = "previous"  # the finished run before of the same suite and machine
    ANCHOR = "anchor"
    BASE = "base"  # the other run of a comparison, the other arm of an A/B


class NoData(StrEnum):
    """Why a gate could not be evaluated."""

    NO_CASE = "no case"  # its condition matches no case
    UNSUPPORTED = "unsupported"  # the case cannot run here
    CASE_FAILED = "case failed"
    NO_VALUE = "no value"  # the case does not have the metric
    TOO_FEW_CALLS = "too few calls"
    FIRST_RUN = "first run"  # there is nothing yet that it could be compared with
    NO_REFERENCE = "no reference"  # there should be something by now, and is not
    UNLIKE = "unlike"  # the reference was measured under other conditions
    NOT_COMPARED = "not compared"  # an A/B does not measure the metric
    UNCONFIRMED = "unconfirmed"  # it asks for an A/B, and none decided it


@dataclass(frozen=True, slots=True)
class Setting:
    """What would give a gate its data: a key of the suite with a value, or a command with its argument."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """How one gate ended for one case."""

    gate: str  # the gate as text: "latency/p50 max_increase 3% against anchor"
    case: str
    metric: str
    outcome: Outcome
    value: float | None
    limit: float | None
    reason: str  # for people: the numbers in words, or why there is no data
    against: Reference | None = None  # None: a fixed limit
    no_data: NoData | None = None  # why there is no data
    setting: Setting | None = None  # what would help, where that is known
    confirm: bool = False  # the gate asks for an A/B
    compared: Change | None = None  # the verdict of the comparison of the same numbers, where there is one
    low: float | None = None  # the value's interval between processes, that of the reference included
    high: float | None = None

    @property
    def failed(self) -> bool:
        """Whether the limit is not kept."""
        return self.outcome is Outcome.FAILED

    @property
    def within_spread(self) -> bool:
        """Whether the limit lies within what the value varies by from process to process."""
        if self.low is None or self.high is None or self.limit is None:
            return False
        return self.low <= self.limit <= self.high


def unevaluated(gates: Sequence[GateOutcome]) -> tuple[GateOutcome, ...]:
    """Return the outcomes that leave a gate open: without data, though there should be some.

    A first run has nothing to be compared with, and an A/B measures some metrics
    only. A case that cannot run here leaves its gate open only where the gate has
    no other case.
    """
    alive = {gate.gate for gate in gates if gate.no_data not in (NoData.UNSUPPORTED, NoData.NO_CASE)}
    return tuple(
        gate
        for gate in gates
        if gate.outcome is Outcome.NO_DATA
        and gate.no_data not in (NoData.FIRST_RUN, NoData.NOT_COMPARED)
        and not (gate.no_data is NoData.UNSUPPORTED and gate.gate in alive)
    )


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
    ties: tuple[str, ...] = ()  # other cases whose intervals overlap with its own
    passed_over: tuple[PassedOver, ...] = ()  # faster cases, the fastest first
    steady: bool = True  # whether each process of it was
    baseline_steady: bool = True


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A faster case that is not the best, and why."""

    case: str
    value: float
    reason: str


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
    scaling: Scaling = field(default_factory=Scaling)

    @property
    def measured(self) -> bool:
        """Whether a case was measured."""
        return any(record.status is Status.OK for record in self.records)

    @property
    def complete(self) -> bool:
        """Whether a case was measured, none failed, and every gate has its data."""
        failed = any(record.status in BAD for record in self.records)
        return self.measured and not failed and not unevaluated(self.gates)
