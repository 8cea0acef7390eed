"""Throughput: samples over the wall time of the whole timed stretch."""

from __future__ import annotations

from harness.core.record import Absence, Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.latency import BETWEEN
from harness.judge.mixing import MIXES, mixes
from harness.stats.intervals import between_processes

NAME, CALLS = "throughput/samples_per_s", "throughput/calls_per_s"


def throughput(facts: Facts) -> dict[str, Metric]:
    """Judge samples a second: what lies between two calls counts too. Calls, where the batch is none."""
    timed = [timing for timing in facts.timings if timing.get("wall_ns")]
    if not timed:
        return {name: missing(name, "no timed calls") for name in (NAME, CALLS)}
    n = sum(len(timing["samples_ns"]) for timing in timed)
    mixed = mixes(facts)
    rates = [
        len(timing["samples_ns"])
        * (1 if mixed else timing.get("batch", facts.case.load.batch))
        / (timing["wall_ns"] / 1e9)
        for timing in timed
    ]
    value, low, high = between_processes(rates)
    shown, other = (CALLS, NAME) if mixed else (NAME, CALLS)
    metrics = {shown: metric(shown, value, interval=(low, high), spans=BETWEEN, n=n)}
    if mixed:
        metrics[other] = missing(other, f"{MIXES}: {mixed}", n=n)
    else:
        metrics[other] = missing(other, "samples a second say it", n=n, absence=Absence.REPLACED)
    return metrics
