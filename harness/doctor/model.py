"""How fit a machine is for measuring: what was read off it, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from harness.core.decision import Decision


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was busy while nothing was measured."""

    pid: int
    name: str
    share: float  # of one core
    core: int  # where it ran last


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemProbe:
    """What the system reported within `span_s` in which this process slept."""

    machine: Mapping[str, Any]  # as `harness.measure.describe_machine` gives it
    cores: tuple[int, ...]  # those that a worker of one thread would run on
    parent: tuple[int, ...]  # where its parent waits
    pinned: tuple[int, ...] | None  # where a thread that was pinned to `cores` ran; None: it was refused
    clock: Mapping[str, Any]  # name, overhead_ns, resolution_ns
    span_s: float
    load: tuple[float, ...]  # average of 1, 5 and 15 minutes
    busy: Mapping[int, float]  # core -> share of the time that it computed
    steal_ratio: float | None  # of the worker's cores: time that the host gave to others
    throttled_periods: int | None  # periods in which the CPU quota ran out
    processes: tuple[Process, ...] = ()  # busiest first
    frequency_mhz: Mapping[str, float] = field(default_factory=dict)


class Level(StrEnum):
    """How much a finding matters."""

    BAD = "bad"  # numbers measured so are not to be trusted
    WARNING = "warning"  # they are noisier, or slower, than they had to be
    FINE = "fine"
    UNKNOWN = "unknown"  # the system does not report it


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the machine, and what to do about it."""

    subject: str
    level: Level
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class DetectableChange:
    """The smallest change that a budget shows, as ratios less one; None where it shows none at all."""

    budget_s: float  # a case
    blocks: int  # that decide
    change: float | None  # with the minimum effect of an A/B unless asked otherwise
    at_best: float | None  # with a minimum effect of next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What an A/B of a slowdown that is known showed here, and an A/A."""

    model: str = "small"
    injected: float  # a ratio less one
    slowdown: Decision
    control: Decision | None  # of the A/A; None where it has no blocks
    fired: bool  # the A/A showed a difference
    spread: float  # SD of the logarithm of the ratio between blocks
    block_s: float
    reach: tuple[DetectableChange, ...]
    seconds: float
    failed: str = ""  # why there was nothing to judge
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that `harness doctor` found."""

    readings: SystemProbe
    findings: tuple[Finding, ...]  # the worst first
    test: SelfTest | None  # of a model that stays in a cache; None: only readings were asked for
    large: SelfTest | None = None  # of one whose weights are read from memory

    @property
    def healthy(self) -> bool:
        """Whether nothing was found that makes numbers untrustworthy."""
        return all(finding.level is not Level.BAD for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return one object."""
        return {"healthy": self.healthy, **asdict(self)}
