"""Fit how a model scales from the records of a run: three values of an axis make a curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from harness.core.conditions import spell
from harness.core.metrics import HEADLINE
from harness.core.record import Record, Status
from harness.core.scaling import BatchCurve, BatchPoint, Scaling, ThreadCurve, ThreadPoint
from harness.judge.records import value_of
from harness.stats.intervals import t_quantile

FEWEST = 3
"""Values of an axis that make a curve."""

ENOUGH = 0.95
"""Share of the highest throughput with which a batch is large enough."""

HALF = 0.5
"""Growth of the time, d log T / d log B, from which on the batch and not the call sets it."""


def scaling(records: Sequence[Record], axes: Iterable[str]) -> Scaling:
    """Return the curves of a run whose `axes` vary."""
    varying = tuple(axes)
    return Scaling(
        tuple(_threads(group, varying) for group in _groups(records, "intra_threads")),
        tuple(_batches(group, varying) for group in _groups(records, "batch") if not _mixes(group)),
    )


def _groups(records: Sequence[Record], axis: str) -> list[list[Record]]:
    """Return the timed records that differ in `axis` alone, in its order, of three values at least."""
    found: dict[tuple[str, ...], dict[int, Record]] = {}
    for record in records:
        value = record.axes.get(axis)
        if (
            record.status is Status.OK
            and value_of(record, HEADLINE)
            and isinstance(value, int)
            and value >= 1
        ):
            others = sorted((name, item) for name, item in record.axes.items() if name != axis)
            rest = (record.machine, *(f"{name}={spell(item)}" for name, item in others))
            found.setdefault(rest, {}).setdefault(value, record)
    return [[group[value] for value in sorted(group)] for group in found.values() if len(group) >= FEWEST]


def _size(record: Record, axis: str) -> int:
    value = record.axes[axis]
    assert isinstance(value, int)  # as the groups are made
    return value


def _mixes(group: Sequence[Record]) -> bool:
    """Return whether a batch holds no samples: then none is a throughput."""
    return any(value_of(record, "throughput/calls_per_s") is not None for record in group)


def _where(record: Record, axis: str, varying: Iterable[str]) -> dict[str, str]:
    return {name: spell(record.axes.get(name)) for name in varying if name != axis}


def _threads(group: Sequence[Record], varying: Iterable[str]) -> ThreadCurve:
    counts = [_size(record, "intra_threads") for record in group]
    seconds = [value_of(record, HEADLINE) or math.nan for record in group]
    share, low, high = amdahl(counts, seconds)
    best = min(range(len(group)), key=lambda at: seconds[at])
    return ThreadCurve(
        model=spell(group[0].axes.get("model")),
        where=_where(group[0], "intra_threads", varying),
        cases=tuple(record.case for record in group),
        points=tuple(
            ThreadPoint(
                count, took, seconds[0] / took, seconds[0] / took / (count / counts[0]), _cpu_s(record)
            )
            for record, count, took in zip(group, counts, seconds, strict=True)
        ),
        serial_share=share,
        serial_low=low,
        serial_high=high,
        best_threads=counts[best],
        loses_after=counts[best] if any(_slower(later, group[best]) for later in group[best + 1 :]) else None,
    )


def _cpu_s(record: Record) -> float | None:
    """Return the processor time of a call of the first process; None where its calls are not kept."""
    used = (record.effective.get("timing") or {}).get("cpu_ns")
    processes = record.samples.get("latency_ns") or ()
    return used * 1e-9 / len(processes[0]) if used is not None and processes and len(processes[0]) else None


def _slower(record: Record, than: Record) -> bool:
    """Return whether a record is slower, beyond both intervals where there are any."""
    later, best = record.metrics[HEADLINE], than.metrics[HEADLINE]
    low = later.low if later.low is not None else later.value
    high = best.high if best.high is not None else best.value
    return low is not None and high is not None and low > high


def amdahl(threads: Sequence[int], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return the serial share by least squares on T = a + b / n, and its 95% interval, cut to 0..1.

    The share is a / (a + b); its interval is that of the ratio to the first order, with Student's t for the
    points beyond two. G. Amdahl, "Validity of the single processor approach" (1967).
    """
    design = np.column_stack([np.ones(len(threads)), 1.0 / np.asarray(threads, np.float64)])
    times = np.asarray(seconds, np.float64)
    (a, b), *_ = np.linalg.lstsq(design, times, rcond=None)
    total = a + b
    share = float(a / total)
    freedom = len(threads) - 2
    left = times - design @ np.asarray([a, b])
    covariance = np.linalg.inv(design.T @ design) * float(left @ left) / freedom
    slope = np.asarray([b, -a]) / total**2
    half = t_quantile(freedom) * math.sqrt(max(0.0, float(slope @ covariance @ slope)))
    return tuple(min(1.0, max(0.0, each)) for each in (share, share - half, share + half))  # type: ignore[return-value]


def _batches(group: Sequence[Record], varying: Iterable[str]) -> BatchCurve:
    sizes = [_size(record, "batch") for record in group]
    seconds = [value_of(record, HEADLINE) or math.nan for record in group]
    rates = [size / took for size, took in zip(sizes, seconds, strict=True)]
    grown = growth(sizes, seconds)
    most = max(rates)
    return BatchCurve(
        model=spell(group[0].axes.get("model")),
        where=_where(group[0], "batch", varying),
        cases=tuple(record.case for record in group),
        points=tuple(map(BatchPoint, sizes, seconds, rates, [None, *grown])),
        best_batch=sizes[rates.index(most)],
        enough_batch=next(size for size, rate in zip(sizes, rates, strict=True) if rate >= ENOUGH * most),
        turns_at=None if (erratic := _erratic(grown)) else turn(sizes, grown),
        erratic=erratic,
    )


def growth(sizes: Sequence[int], seconds: Sequence[float]) -> list[float]:
    """Return d log T / d log B between each batch and the one before it."""
    return [
        math.log(seconds[at] / seconds[at - 1]) / math.log(sizes[at] / sizes[at - 1])
        for at in range(1, len(sizes))
    ]


def turn(sizes: Sequence[int], grown: Sequence[float]) -> int | None:
    """Return the batch from which on time keeps growing with the batch; None where it does nowhere.

    Below it a call takes what it takes whatever it holds: its weights have to be read, its nodes started.
    """
    at = len(grown)
    while at and grown[at - 1] >= HALF:
        at -= 1
    return sizes[at] if at < len(grown) else None


def _erratic(grown: Sequence[float]) -> bool:
    """Return whether time grows with the batch at one place, and at a later one no longer."""
    flat = [each < HALF for each in grown]
    return flat != sorted(flat, reverse=True)
