"""Read what older versions stored, and refuse what newer ones did.

`STEPS` maps a schema version to how its records and headers become those of
the next version. A new version of `harness.core.record.SCHEMA` is one more step
here and one more folder in tests/data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import SchemaError
from harness.core.record import SCHEMA

Data = dict[str, Any]

LONGEST_SHORT = 24


@dataclass(frozen=True, slots=True)
class Conversion:
    """How data of one schema version becomes data of the next; each sets the new `schema`."""

    record: Callable[[Data], Data]
    header: Callable[[Data], Data]


STEPS: dict[int, Conversion] = {}


def check(version: object, path: Path) -> int:
    """Give `version` back if this harness can read it. Raises SchemaError naming `path`."""
    if not isinstance(version, int):
        raise SchemaError(f"{path}: no schema version in it; it was not written by this harness")
    if version > SCHEMA:
        raise SchemaError(
            f"{path}: stored with schema {version}, newer than the {SCHEMA} that this version reads; "
            "update the harness, or move that run out of the results folder"
        )
    if version < SCHEMA and version not in STEPS:
        raise SchemaError(f"{path}: stored with schema {version}, which no version can read any more")
    return version


def convert_record(data: Data, path: Path) -> Data:
    """Bring a record to the current schema. Raises SchemaError."""
    while (version := check(data.get("schema"), path)) < SCHEMA:
        data = STEPS[version].record(data)
    return _completed(data)


def _completed(data: Data) -> Data:
    """Add what records of schema 1 had in words alone: an SQNR without any noise, short notes."""
    metrics = {
        name: {**metric, "absence": "identical"}
        if "absence" not in metric and metric["value"] is None and metric["reason"] == "identical outputs"
        else metric
        for name, metric in data["metrics"].items()
    }
    shorts = [_short(text) for text in data["notes"]]
    return {"note_shorts": shorts, **data, "metrics": metrics}


def _short(note: str) -> str:
    """Return what a note begins with, where that is short enough for a cell of a table."""
    short, colon, _ = note.partition(": ")
    return short if colon and len(short) <= LONGEST_SHORT else ""


def convert_header(data: Data, path: Path) -> Data:
    """Bring a run's header to the current schema. Raises SchemaError."""
    while (version := check(data.get("schema"), path)) < SCHEMA:
        data = STEPS[version].header(data)
    return data
