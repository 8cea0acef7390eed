"""Records as pandas frames: a row a record, a row a metric, or a row a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from harness.core.case import AXES, PARTS
from harness.core.conditions import spell
from harness.core.metrics import METRICS
from harness.core.record import Record

if TYPE_CHECKING:
    import pandas as pd

BEFORE = ("run", "suite", "case")

INTEGERS = {item.name for part in PARTS for item in fields(part) if "int" in str(item.type)}
"""Axes of whole numbers."""


def wide(records: Sequence[Record]) -> pd.DataFrame:
    """Give a row a record: axes, how it ended, then a column a metric and two for its interval.

    ``frame.attrs["units"]`` has the unit of every metric.
    """
    import pandas as pd

    columns = {**_before(records), **_ended(records)}
    units: dict[str, str] = {}
    for name in _metrics(records):
        found = [record.metrics.get(name) for record in records]
        units[name] = next(metric.unit for metric in found if metric)
        columns[name] = _floats([metric and metric.value for metric in found])
        if any(metric and metric.low is not None for metric in found):
            columns[f"{name}.low"] = _floats([metric and metric.low for metric in found])
            columns[f"{name}.high"] = _floats([metric and metric.high for metric in found])
    frame = pd.DataFrame(columns)
    frame.attrs["units"] = units
    return frame


def long(records: Sequence[Record]) -> pd.DataFrame:
    """Give a row a metric of a record; a record without any has one row without a metric, and its reason."""
    import pandas as pd

    rows = [
        (record, name, metric)
        for record in records
        for name, metric in (record.metrics.items() or [(None, None)])
    ]
    owners = [record for record, _, _ in rows]
    columns = {**_before(owners), **_ended(owners, reasons=False)}
    columns["metric"] = _texts([name for _, name, _ in rows])
    for field in ("value", "low", "high"):
        columns[field] = _floats([metric and getattr(metric, field) for _, _, metric in rows])
    columns["interval"] = _texts([(metric and metric.interval) or None for _, _, metric in rows])
    columns["unit"] = _texts([metric and metric.unit for _, _, metric in rows])
    columns["better"] = _texts([metric and metric.direction for _, _, metric in rows])
    columns["n"] = _integers([metric and metric.n for _, _, metric in rows])
    columns["kind"] = _texts([(metric and metric.kind) or None for _, _, metric in rows])
    columns["reason"] = _texts([metric.reason if metric else record.reason for record, _, metric in rows])
    return pd.DataFrame(columns)


def samples(records: Sequence[Record]) -> pd.DataFrame:
    """Give a row a timed call: its process and its place in it, both from 0, and its seconds."""
    import numpy as np
    import pandas as pd

    parts = [
        (record, process, np.asarray(calls, np.float64) / 1e9)
        for record in records
        for process, calls in enumerate(record.samples.get("latency_ns") or ())
    ]
    sizes = [len(calls) for _, _, calls in parts]

    def each(values: Sequence[Any], dtype: str) -> pd.Series[Any]:
        return pd.Series(np.repeat(np.array(values, object), sizes), dtype=dtype)

    return pd.DataFrame(
        {
            "run": each([record.run for record, _, _ in parts], "string"),
            "case": each([record.case for record, _, _ in parts], "string"),
            "process": each([process for _, process, _ in parts], "int64"),
            "call": np.concatenate([np.arange(size) for size in sizes] or [np.zeros(0, np.int64)]),
            "seconds": np.concatenate([calls for _, _, calls in parts] or [np.zeros(0)]),
        }
    )


def axes_of(records: Iterable[Record]) -> tuple[str, ...]:
    """Name the axes that records have, the model first, those of other packages last."""
    known = ("model", *AXES)
    found = dict.fromkeys(name for record in records for name in record.axes)
    return (*known, *sorted(name for name in found if name not in known))


def _before(records: Sequence[Record]) -> dict[str, pd.Series[Any]]:
    names = {name: _texts([getattr(record, name) for record in records]) for name in BEFORE}
    axes = {name: _axis(name, [record.axes.get(name) for record in records]) for name in axes_of(records)}
    return {**names, **axes}


def _ended(records: Sequence[Record], *, reasons: bool = True) -> dict[str, pd.Series[Any]]:
    import pandas as pd

    columns = {"status": _texts([str(record.status) for record in records])}
    if reasons:
        columns["reason"] = _texts([record.reason for record in records])
        columns["notes"] = _texts(["; ".join(record.notes) for record in records])
    # the axis "runtime" is what was asked for
    columns["ran_by"] = _texts([str(record.runtime) or None for record in records])
    columns["machine"] = _texts([record.machine for record in records])
    times = pd.Series([record.started_at or None for record in records], dtype="object")
    columns["started_at"] = pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce")
    if reasons:
        columns["duration_s"] = _floats([record.duration_s for record in records])
    return columns


def _metrics(records: Sequence[Record]) -> tuple[str, ...]:
    found = dict.fromkeys(name for record in records for name in record.metrics)
    return (*(name for name in METRICS if name in found), *sorted(set(found).difference(METRICS)))


def _axis(name: str, values: Sequence[Any]) -> pd.Series[Any]:
    """Type an axis: whole numbers or text, whatever the values are; <NA> where nothing was asked for."""
    if name in INTEGERS:
        return _integers(values)
    return _texts([None if value is None else spell(value) for value in values])


def _texts(values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(list(values), dtype="string")


def _integers(values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(list(values), dtype="Int64")


def _floats(values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series([None if value is None else float(value) for value in values], dtype="float64")
