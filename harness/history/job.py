"""Look at the stored runs as series: a metric of a case over the nights, and where its level changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from harness import store
from harness.core.conditions import fits
from harness.core.decision import Point, Trend
from harness.core.errors import NotFoundError
from harness.core.metrics import HEADLINE, METRICS, MetricSpec, all_specs, spec_of
from harness.core.registry import closest
from harness.history.changes import LASTING, MIN_RUNS, shifts, with_causes
from harness.judge.causes import facts_of
from harness.store.query import SeriesRow


def history(
    results_dir: Path,
    metrics: Sequence[str] = (HEADLINE,),
    *,
    case: str | None = None,
    suite: str | None = None,
    machine: str | None = None,
    last: int | None = None,
) -> list[Trend]:
    """Give the series of the stored runs, a trend for each suite, machine, case and metric.

    `metrics` are names, or globs over the known ones; `case` is a key or a
    glob; of each series the `last` values count. Raises NotFoundError where
    there are none, or none of a metric that the harness does not know, StoreError.
    """
    trends: list[Trend] = []
    for metric in _names(metrics):
        rows = store.series(results_dir, metric, case=case, suite=suite, machine=machine)
        spec = _spec(results_dir, metric, rows)
        found = [_judged(trend, spec) for trend in _trends(rows, spec, last)]
        if not found and metric not in METRICS:
            raise NotFoundError(_why(results_dir, [metric], case, suite, machine))
        trends += found
    if not trends:
        raise NotFoundError(_why(results_dir, metrics, case, suite, machine))
    return _explained(results_dir, trends)


def _names(metrics: Sequence[str]) -> list[str]:
    """Spell out globs; a name that the harness does not know may be another package's."""
    names: dict[str, None] = {}
    for pattern in metrics:
        found = [name for name in all_specs() if fits(name, [pattern])]
        names |= dict.fromkeys(found or [pattern])
    return list(names)


def _spec(results_dir: Path, name: str, rows: Sequence[SeriesRow]) -> MetricSpec:
    """Return the row of a metric; of one that has none, what its newest record says."""
    if name in METRICS or not rows:
        return spec_of(name)
    newest = max(rows, key=lambda row: row.run)
    place = (newest.run, newest.case)
    return spec_of(name, store.outlines(results_dir, [place])[place].metrics.get(name))


def _trends(rows: Sequence[SeriesRow], spec: MetricSpec, last: int | None) -> Iterable[Trend]:
    """Cut the rows of `store.series` into one trend each."""
    for (suite, machine, case), own in groupby(rows, key=lambda row: row[:3]):
        points = tuple(
            Point(
                row.run,
                row.started_at,
                row.value,
                row.low,
                row.high,
                row.runtime_version,
                row.artifact_sha256,
            )
            for row in own
        )
        yield Trend(suite, machine, case, spec.name, spec.unit, points[-last:] if last else points)


def _judged(trend: Trend, spec: MetricSpec) -> Trend:
    """Find the shifts of a trend, and name the causes that the series itself shows."""
    values = [point.value for point in trend.points]
    if len(values) < MIN_RUNS:
        return replace(
            trend, reason=f"{len(values)} runs; {MIN_RUNS} are needed to separate a change from noise"
        )
    return replace(trend, shifts=shifts(values, spec))


def _explained(results_dir: Path, trends: Sequence[Trend]) -> list[Trend]:
    """Name beside each shift what else changed there: runtime, model and the rest of the records."""
    places = {(trend.points[index].run, trend.case) for trend in trends for index in _around(trend)}
    outlines = store.outlines(results_dir, places) if places else {}

    def facts(trend: Trend) -> list[dict[str, Any]]:
        near = _around(trend)
        return [
            facts_of(outlines[point.run, trend.case]) if index in near else {}
            for index, point in enumerate(trend.points)
        ]

    return [
        replace(
            trend,
            shifts=with_causes(trend.shifts, [point.value for point in trend.points], facts(trend)),
        )
        if trend.shifts
        else trend
        for trend in trends
    ]


def _around(trend: Trend) -> set[int]:
    """Give the indexes of the points whose records may explain a shift."""
    return {
        index
        for shift in trend.shifts
        for index in range(shift.index - LASTING - 1, shift.index + LASTING + 1)
        if 0 <= index < len(trend.points)
    }


def _why(
    results_dir: Path, metrics: Sequence[str], case: str | None, suite: str | None, machine: str | None
) -> str:
    """Return why there is no series at all: the name that is not there, and the closest known one."""
    found = store.runs(results_dir)
    if not found:
        return f"{results_dir}: no runs yet; measure one with 'harness run SUITE'"
    asked = (
        ("suite", suite, {i.header.suite for i in found}),
        ("machine", machine, {i.header.machine for i in found}),
    )
    for kind, name, known in asked:
        if name is not None and name not in known:
            return f"no run of {kind} {name!r}: {closest(name, known)}"
    for name in metrics:
        if name not in METRICS and not any(fits(other, [name]) for other in all_specs()):
            return f"no run has the metric {name!r}: {closest(name, all_specs())}"
    which = f" of a case that matches {case!r}" if case else ""
    return f"{results_dir}: no run has a value of {', '.join(metrics)}{which}"
