"""One model's measured cases: what tells them apart, in words, and which are on the front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.conditions import spell
from harness.core.metrics import HEADLINE, spec_of
from harness.core.record import Absence, Metric, Record
from harness.core.report import Row
from harness.judge.rows import seconds_per_sample, varying_axes
from harness.report.model import Reading
from harness.stats.front import Range, front

HUES = ("precision", "graph_opt", "provider", "runtime", "opset", "exporter", "execution_mode", "config")
"""Axes that may give a chart its colors and marks, the first that varies."""

MAX_HUES = 8

WORDS = {"intra_threads": "threads", "inter_threads": "inter threads", "batch": "batch", "opset": "opset"}


@dataclass(frozen=True, slots=True)
class Cases:
    """The measured cases of one model, best first, with a label each."""

    model: str
    rows: tuple[Row, ...]
    axes: tuple[str, ...]  # that vary among them
    hue: str  # the axis of colors and marks; empty: none varies

    @staticmethod
    def of(model: str, rows: Sequence[Row]) -> Cases:
        """Take the rows of one model."""
        records = [row.record for row in rows]
        axes = varying_axes(records)
        hue = next((axis for axis in HUES if axis in axes and _values(records, axis) <= MAX_HUES), "")
        return Cases(model, tuple(rows), axes, hue)

    def label(self, record: Record, without: Sequence[str] = ()) -> str:
        """Name a case by what tells it from the others of its model."""
        words = [_word(axis, record.axes.get(axis)) for axis in self.axes if axis not in without]
        return " · ".join(words) or self.model

    def group(self, record: Record) -> str:
        """Name what gives a case its color and mark; empty where all have the same."""
        return spell(record.axes.get(self.hue)) if self.hue else ""

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group, in the order of their colors."""
        return tuple(sorted({self.group(row.record) for row in self.rows}))


def brief(case: str) -> str:
    """Write the key of a case in words: ``net/precision=fp32/batch=8`` becomes ``net · fp32 · batch 8``."""
    words = []
    for level in case.split("/"):
        axis, equals, text = level.partition("=")
        words.append(_word(axis, int(text) if text.isdecimal() else text) if equals else axis)
    return " · ".join(words)


def reading(record: Record, name: str, divide: float = 1.0) -> Reading | None:
    """Return a metric as a reading, divided by `divide`; None where it has no value."""
    metric = record.metrics.get(name)
    if metric is None or metric.value is None:
        return None
    ends = [None if end is None else end / divide for end in (metric.low, metric.high)]
    return Reading(metric.value / divide, *ends)


def standing(record: Record, name: str) -> Reading | None:
    """Return a metric as what a front is made of: the SQNR of identical outputs is above any number."""
    metric = record.metrics.get(name)
    if metric is not None and metric.absence is Absence.IDENTICAL:
        return Reading(math.inf)
    return reading(record, name)


def per_sample(record: Record) -> Reading | None:
    """Return the time of a sample: p50 of a call over its batch."""
    seconds = seconds_per_sample(record)
    call = reading(record, HEADLINE)
    if seconds is None or call is None:
        return None
    return reading(record, HEADLINE, call.value / seconds)


def pareto(found: Mapping[str, Sequence[Reading | None]], better: Sequence[str]) -> frozenset[str]:
    """Return the keys that no other is shown to beat: surely better in something, surely worse in nothing.

    A reading without an interval is taken as exact. A key that lacks a reading is on no front.
    """
    whole = {
        key: [_range(reading, way) for reading, way in zip(known, better, strict=True)]
        for key, readings in found.items()
        if len(known := [reading for reading in readings if reading is not None]) == len(readings)
    }
    return frozenset(front(whole))


def _range(reading: Reading, better: str) -> Range:
    """Return the interval of a reading, turned so that less is better."""
    low = reading.value if reading.low is None else reading.low
    high = reading.value if reading.high is None else reading.high
    return Range(low, high) if better == "lower" else Range(-high, -low)


def accuracy_of(records: Sequence[Record]) -> str | None:
    """Choose the metric of accuracy that most records have: labels before drift; None where none has one."""
    for name in ("accuracy/top1", "accuracy/mae", "accuracy/agreement", "accuracy/sqnr_db"):
        found = [value(record, name) for record in records]
        if sum(item is not None for item in found) >= 2:
            return name
    return None


def value(record: Record, name: str) -> float | None:
    """Return a metric's value."""
    metric: Metric | None = record.metrics.get(name)
    return None if metric is None else metric.value


def better(name: str) -> str:
    """Return which way a metric is better."""
    return spec_of(name).better


def _values(records: Sequence[Record], axis: str) -> int:
    return len({spell(record.axes.get(axis)) for record in records})


def _word(axis: str, value: str | int | None) -> str:
    if axis == "intra_threads" and value == 0:
        return "all cores"
    if axis in WORDS or isinstance(value, int):
        return f"{WORDS.get(axis, axis)} {spell(value)}"
    return f"no {axis}" if value is None else spell(value)
