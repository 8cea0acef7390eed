"""Throughput: samples over the wall time of the whole timed stretch."""

from __future__ import annotations

from harness.core.record import Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.latency import BETWEEN
from harness.stats.intervals import between_processes

NAME = "throughput/samples_per_s"


def throughput(facts: Facts) -> dict[str, Metric]:
    """Judge samples a second: what lies between two calls counts too."""
    timed = [timing for timing in facts.timings if timing.get("wall_ns")]
    if not timed:
        return {NAME: missing(NAME, "no timed calls")}
    rates = [
        len(timing["samples_ns"]) * timing.get("batch", facts.case.load.batch) / (timing["wall_ns"] / 1e9)
        for timing in timed
    ]
    value, low, high = between_processes(rates)
    n = sum(len(timing["samples_ns"]) for timing in timed)
    return {NAME: metric(NAME, value, interval=(low, high), spans=BETWEEN, n=n)}
