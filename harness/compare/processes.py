"""Compare two groups of processes by one number each: latency, throughput, start-up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.core.decision import Change, Decision
from harness.core.metrics import Evidence, MetricSpec, specs_for
from harness.core.record import Record
from harness.core.units import format_percent
from harness.judge.records import value_of
from harness.stats.floor import sample_floor
from harness.stats.sequential import EQUIVALENCE_ALPHA
from harness.stats.signed_rank import POWER

LEAST_NOISE = 0.001
"""SD between processes, as a ratio, below which none is believed: few processes may agree by luck."""

_MANY = 10**6  # degrees of freedom of an SD that is known


def replicated(records: Iterable[Record]) -> dict[str, MetricSpec]:
    """Return the rows of the metrics that differ from process to process: a difference needs a test."""
    return {name: row for name, row in specs_for(records).items() if row.replicated}


def by_process(record: Record, row: MetricSpec) -> list[float]:
    """Return a metric in each process, out of the raw samples; empty where it cannot be had.

    Times in seconds, throughput in calls a second (the batch is part of the
    case, so it cancels). What is known once a run, as memory is, is one number.
    """
    raw = record.samples
    calls: list[Any] = [samples for samples in raw.get("latency_ns") or () if samples]
    match row.evidence:
        case Evidence.CALLS:
            return _quantiles(calls, row.quantile or 0.5)
        case Evidence.RATE:
            walls = [wall for wall in raw.get("wall_ns") or () if wall]
            return [len(samples) / (wall * 1e-9) for samples, wall in zip(calls, walls, strict=False)]
        case Evidence.PROCESS:
            return [value * 1e-9 for value in raw.get(row.samples) or () if value]
        case Evidence.RUN:
            reading = value_of(record, row.name)
            return [reading] if reading is not None and reading > 0 and row.better != "none" else []
    return []


def _quantiles(calls: Sequence[Any], share: float) -> list[float]:
    """Return a quantile of the calls of each process, s; none where one has too few for it."""
    floor = sample_floor(share) if share > 0.5 else 1
    if not calls or min(map(len, calls)) < floor:
        return []
    return [float(np.quantile(samples, share)) * 1e-9 for samples in calls]


def between(
    base: Sequence[float],
    head: Sequence[float],
    row: MetricSpec,
    min_effect: float,
    alpha: float,
    noise: float | None = None,
) -> Decision:
    """Decide between two groups of positive numbers, one a process, on their logarithms.

    Student's one-sided tests with a common SD, against the minimum effect.
    `noise` is the known SD of a run's number from run to run, as a ratio. It
    decides where it is wider than what the processes show: what differs
    between two runs (the night, the machine's state) the processes of one run
    share. With one process on a side and no known noise, nothing is decided.
    """
    ours, theirs = np.log(base), np.log(head)
    change = float(np.mean(theirs) - np.mean(ours))
    fewest = min(len(ours), len(theirs))
    error, degrees, basis = 0.0, 0, f"between {fewest} processes a side"
    if fewest >= 2:
        degrees = len(ours) + len(theirs) - 2
        squares = float(np.sum((ours - ours.mean()) ** 2) + np.sum((theirs - theirs.mean()) ** 2))
        spread = max(math.sqrt(squares / degrees), LEAST_NOISE)
        error = spread * math.sqrt(1 / len(ours) + 1 / len(theirs))
    if noise is not None and (noise := max(noise, LEAST_NOISE)) * math.sqrt(2) > error:
        error, degrees = noise * math.sqrt(2), _MANY
        basis = f"where runs vary by up to {format_percent(noise)}"
    if not error:
        single = "single runs" if row.evidence is Evidence.RUN else "single processes"
        return Decision(
            verdict=Change.INCONCLUSIVE,
            ratio=math.exp(change),
            blocks=fewest,
            min_effect=min_effect,
        ).explain(f"between {single}, and nothing is known of the noise between them", " ")
    decision = _decide(change, error, degrees, row.better, min_effect, alpha)
    p = decision.p or 0.0
    sure = "p < 1e-6" if p < 1e-6 else f"p = {p:.2g}"  # beyond that no noise is known well enough
    return replace(decision, blocks=fewest).explain(f"{basis} ({sure})", " ")


def _decide(
    change: float, error: float, degrees: int, direction: str, min_effect: float, alpha: float
) -> Decision:
    from scipy.special import stdtr, stdtrit

    worse, margin = (-change if direction == "higher" else change), math.log1p(min_effect)
    regression = float(stdtr(degrees, (margin - worse) / error))
    improvement = float(stdtr(degrees, (margin + worse) / error))
    # within both limits: the larger p of the two tests
    equivalence = float(stdtr(degrees, (abs(worse) - margin) / error))
    verdict, p = Change.INCONCLUSIVE, min(regression, improvement)
    if regression <= alpha:
        verdict = Change.REGRESSION
    elif improvement <= alpha:
        verdict = Change.IMPROVEMENT
    elif equivalence <= EQUIVALENCE_ALPHA:
        verdict, p = Change.EQUIVALENT, equivalence
    half = float(stdtrit(degrees, 0.975)) * error
    reach = (float(stdtrit(degrees, 1 - alpha)) + float(stdtrit(degrees, POWER))) * error
    return Decision(
        verdict=verdict,
        ratio=math.exp(change),
        low=math.exp(change - half),
        high=math.exp(change + half),
        p=p,
        min_effect=min_effect,
        mde=math.expm1(margin + reach),
    )
