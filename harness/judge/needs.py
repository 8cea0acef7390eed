"""Which setting gives a metric its data."""

from __future__ import annotations

import math

from harness.core.metrics import Evidence, spec_of
from harness.core.record import Absence, NoteKind, Record
from harness.core.report import Setting
from harness.judge.records import value_of

MARGIN = 1.2
"""By how much more than the calls take, as they took on average, a time limit is advised."""


SAMPLES = "throughput/samples_per_s"


def what_helps(record: Record, metric: str) -> Setting | None:
    """Return the setting that would give `record` the metric; None where it has it, or nothing is known."""
    found = record.metrics.get(metric)
    if found is not None and (found.value is not None or found.absence is Absence.IDENTICAL):
        return None
    if found is not None and found.absence is Absence.TOO_FEW_CALLS:
        return _more_calls(record, found.needed)
    if metric == SAMPLES and NoteKind.UNCHECKED_BATCH in record.note_kinds:
        return Setting(f"models.{record.axes.get('model')}.batch_dim", "the dimension of samples")
    measured, family = record.asked.get("measure") or {}, metric.partition("/")[0]
    if family in ("memory", "accuracy", "instructions") and measured.get(family) is False:
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
