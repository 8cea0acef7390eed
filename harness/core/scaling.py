"""How a model scales: its time over the threads, and over the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ThreadPoint:
    """One case of a thread curve; `speedup` is over the fewest threads, `efficiency` that over its bound."""

    threads: int
    seconds: float  # p50 of a call
    speedup: float
    efficiency: float
    cpu_s: float | None = None  # processor time of a call, all threads


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadCurve:
    """p50 over the threads within an operator, all other axes alike.

    Amdahl's law, T(n) = T(1) (s + (1 - s) / n), is fitted by least squares; `serial_low` and `serial_high`
    are the 95% interval of its serial share s by the spread about the fit, cut to 0..1.
    """

    model: str
    where: Mapping[str, Any] = field(default_factory=dict)  # the other axes that vary in the run
    cases: tuple[str, ...]  # as the points
    points: tuple[ThreadPoint, ...]
    serial_share: float
    serial_low: float
    serial_high: float
    best_threads: int
    loses_after: int | None = None  # with more threads than these a call is slower; None: none was seen


@dataclass(frozen=True, slots=True)
class BatchPoint:
    """One case of a batch curve; `growth` is d log T / d log B since the point before (1: in proportion)."""

    batch: int
    seconds: float
    samples_per_s: float
    growth: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCurve:
    """p50 over the batch, all other axes alike."""

    model: str
    where: Mapping[str, Any] = field(default_factory=dict)
    cases: tuple[str, ...]  # as the points
    points: tuple[BatchPoint, ...]
    best_batch: int  # the most samples a second
    enough_batch: int  # the smallest batch within 5% of that
    turns_at: (
        int | None
    )  # from bandwidth- to compute-bound: time grows from here on; None: nowhere, or erratic
    erratic: bool = False  # time grows with the batch, and then does not: nothing follows of what binds it


@dataclass(frozen=True, slots=True)
class Scaling:
    """All curves of a run."""

    threads: tuple[ThreadCurve, ...] = ()
    batches: tuple[BatchCurve, ...] = ()

    def of(self, case: str) -> dict[str, Any]:
        """Return the curves that a case is a point of, as plain data; nothing where there are none."""
        found = {
            "threads": [asdict(curve) for curve in self.threads if case in curve.cases],
            "batch": [asdict(curve) for curve in self.batches if case in curve.cases],
        }
        return {axis: curves[0] for axis, curves in found.items() if curves}
