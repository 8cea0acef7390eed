"""Throughput: samples over the wall time of the whole timed stretch."""

from __future__ import annotations

from harness.core.record import Absence, Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.latency import BETWEEN
from harness.judge.mixing import MIXES, UNKNOWN, batch_axis, counts_samples
from harness.stats.intervals import between_processes

NAME, CALLS = "throughput/samples_per_s", "throughput/calls_per_s"


def throughput(facts: Facts) -> dict[str, Metric]:
    """Judge samples a second: what lies between two calls counts too. Calls, where no samples are known."""
    timed = [timing for timing in facts.timings if timing.get("wall_ns")]
    if not timed:
        return {name: missing(name, "no timed calls") for name in (NAME, CALLS)}
    n = sum(len(timing["samples_ns"]) for timing in timed)
    samples = counts_samples(facts)
    rates = [
        len(timing["samples_ns"])
        * (timing.get("batch", facts.case.load.batch) if samples else 1)
        / (timing["wall_ns"] / 1e9)
        for timing in timed
    ]
    value, low, high = between_processes(rates)
    shown, other = (NAME, CALLS) if samples else (CALLS, NAME)
    metrics = {shown: metric(shown, value, interval=(low, high), spans=BETWEEN, n=n)}
    if samples:
        metrics[other] = missing(other, "samples a second say it", n=n, absence=Absence.REPLACED)
    else:
        axis = batch_axis(facts)
        reason = f"{MIXES}: {axis.mixes}" if axis.mixes else f"{UNKNOWN}: {axis.unknown}"
        metrics[other] = missing(other, reason, n=n)
    return metrics
