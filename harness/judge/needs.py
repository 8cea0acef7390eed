"""What a gated metric needs of the sampling, and which setting gives it its data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.core.case import Case
from harness.core.conditions import matches
from harness.core.metrics import Evidence, spec_of
from harness.core.record import Absence, Record
from harness.core.report import Setting
from harness.core.suite import Gate, Sampling
from harness.judge.records import value_of
from harness.stats.intervals import sample_floor

MARGIN = 1.2
"""By how much more than the calls take, as they took on average, a time limit is advised."""


def calls_needed(gates: Sequence[Gate], axes: Any) -> int:
    """Return the calls of a process that the gates of a case with these axes take; 0 where none does."""
    shares = [spec_of(gate.metric).quantile or 0.0 for gate in gates if matches(axes, gate.case)]
    return max((sample_floor(share) for share in shares if share > 0.5), default=0)


def gated_sampling(sampling: Sampling, gates: Sequence[Gate], case: Case) -> Sampling:
    """Time at least the calls that the gates of `case` take; `max_calls` and `max_seconds` still cap them."""
    needed = calls_needed(gates, case.axes)
    if needed <= sampling.min_calls:
        return sampling
    calls = None if sampling.calls is None else min(max(sampling.calls, needed), sampling.max_calls)
    return replace(sampling, min_calls=min(needed, sampling.max_calls), calls=calls)


def what_helps(record: Record, metric: str) -> Setting | None:
    """Return the setting that would give `record` the metric; None where it has it, or nothing is known."""
    found = record.metrics.get(metric)
    if found is not None and (found.value is not None or found.absence is Absence.IDENTICAL):
        return None
    if found is not None and found.absence is Absence.TOO_FEW_CALLS:
        return _more_calls(record, found.needed)
    measured, family = record.asked.get("measure") or {}, metric.partition("/")[0]
    if family in ("memory", "accuracy") and measured.get(family) is False:
        return Setting(f"measure.{family}", "true")
    data = record.effective.get("data") or {}
    labelled = spec_of(metric).evidence is Evidence.ANSWERS or spec_of(metric).delta
    if labelled and record.effective and not data.get("labelled"):
        return Setting(f"models.{record.axes.get('model')}.data", "data with labels")
    return None


def _more_calls(record: Record, needed: int) -> Setting:
    """Name the limit that ended the calls too early, and the value that would not."""
    sampling = record.asked.get("sampling") or {}
    if sampling.get("max_calls", needed) < needed:
        return Setting("sampling.max_calls", str(needed))
    stopped_by = (record.effective.get("timing") or {}).get("stopped_by")
    mean_s = value_of(record, "latency/mean")
    if stopped_by == "max_seconds" and mean_s is not None:
        seconds = math.ceil(MARGIN * needed * mean_s)
        return Setting(
            "sampling.max_seconds", str(max(seconds, math.ceil(sampling.get("max_seconds", 0)) + 1))
        )
    return Setting("sampling.min_calls", str(needed))
