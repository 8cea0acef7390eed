"""Read records."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.conditions import spell
from harness.core.record import Record


def value_of(record: Record, name: str) -> float | None:
    """Return a metric's value; None where there is no such metric or it has none."""
    metric = record.metrics.get(name)
    return None if metric is None else metric.value


def by_model(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Group records by model, in the order in which models first appear."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(spell(record.axes.get("model")), []).append(record)
    return groups
