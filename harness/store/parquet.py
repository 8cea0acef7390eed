"""The sealed form of a run: one Parquet file, one row a record.

Columns that queries need are beside the record itself: ``record`` is the
record as JSON without the samples that fit into ``samples``. These two hold
everything, in every schema version; the other columns repeat parts of it.

Every metric that the run has is a column of its own name; where one has an
interval, ``<metric>.low`` and ``<metric>.high`` follow. Only what is there
becomes a column: most of the time of a query over many runs goes into
reading what columns each file has.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import StoreError
from harness.core.record import SCHEMA, Record
from harness.store.convert import check, convert_record
from harness.store.files import write_whole
from harness.store.header import SEALED

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_KEY = "harness.schema"
BULK = ("record", "samples.key_value.value.list.element.list.element")

Samples = dict[str, list[list[int]]]


def table(records: Sequence[Record]) -> pa.Table:
    """Lay records out as rows of a sealed file."""
    import pyarrow as pa

    fields = _own_fields()
    rows = [_row(position, record) for position, record in enumerate(records)]
    # SQL is blind to case: of names that differ in nothing else, the first becomes a column.
    columns = {name: name for name, _ in fields}
    for row in rows:
        for name in row:
            columns.setdefault(name.casefold(), name)
    fields += [(name, pa.float64()) for name in sorted(list(columns.values())[len(fields) :])]
    return _typed(rows, pa.schema(fields))


def _typed(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Give rows their types by way of JSON: from Python's objects, pyarrow would import pandas (0.5 s)."""
    import pyarrow as pa
    import pyarrow.json as pj

    if not rows:
        return schema.empty_table()
    text = "\n".join(json.dumps(row, allow_nan=False) for row in rows).encode()
    plain = pj.read_json(
        io.BytesIO(text),
        pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        pj.ParseOptions(explicit_schema=pa.schema([_without_maps(field) for field in schema])),
    ).combine_chunks()
    columns = [_as_map(plain[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _without_maps(field: pa.Field) -> pa.Field:
    """Write a map as the list of pairs that JSON has for it."""
    import pyarrow as pa

    if not pa.types.is_map(field.type):
        return field
    pair = pa.struct([("key", field.type.key_type), ("value", field.type.item_type)])
    return pa.field(field.name, pa.list_(pair))


def _as_map(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    (whole,) = column.chunks
    if not pa.types.is_map(kind):
        return whole
    pairs = whole.values
    return pa.MapArray.from_arrays(whole.offsets, pairs.field("key"), pairs.field("value"))


def _own_fields() -> list[tuple[str, pa.DataType]]:
    """Give the columns that every sealed file has, whatever was measured."""
    import pyarrow as pa

    return [
        ("run", pa.string()),
        ("position", pa.int32()),  # order within the run
        ("suite", pa.string()),
        ("machine", pa.string()),
        ("case", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("started_at", pa.string()),
        ("duration_s", pa.float64()),
        ("artifact_sha256", pa.string()),
        ("runtime_version", pa.string()),
        ("axes", pa.map_(pa.string(), pa.string())),
        ("samples", pa.map_(pa.string(), pa.list_(pa.list_(pa.int64())))),
        ("record", pa.string()),
    ]


def metric_columns(names: Iterable[str]) -> list[str]:
    """Choose of a file's columns those that hold the value of a metric."""
    own = {name for name, _ in _own_fields()}
    rest = [name for name in names if name.casefold() not in own]
    bounds = {f"{name}{suffix}" for name in rest for suffix in (".low", ".high")}
    return [name for name in rest if name not in bounds]


def write_table(rows: pa.Table, path: Path) -> str:
    """Write `rows` as a sealed file, whole or not at all; give the hash of its columns. Raises StoreError."""
    import pyarrow.parquet as pq

    # Sorted, so that one case's history touches few pages of each file; no
    # statistics but those that queries skip by, to keep the footers small;
    # what every query reads is packed for speed, the bulk for size.
    ordered = rows.sort_by([("case", "ascending"), ("position", "ascending")])
    options = {
        "compression": {**dict.fromkeys(rows.column_names, "snappy"), **dict.fromkeys(BULK, "zstd")},
        "write_statistics": ["run", "case", "suite", "status"],
        "store_schema": False,
    }

    def write(part: Path) -> None:
        # A file, not its path: pyarrow takes no path that is no UTF-8.
        with part.open("wb") as opened, pq.ParquetWriter(opened, rows.schema, **options) as file:
            file.write_table(ordered)
            file.add_key_value_metadata({SCHEMA_KEY: str(SCHEMA)})

    write_whole(path, write)
    return hashlib.sha256("\n".join(rows.column_names).encode()).hexdigest()[:8]


def write_run(path: Path, records: Sequence[Record]) -> str:
    """Write the sealed file of a run; give the hash of its columns. Raises StoreError."""
    return write_table(table(records), path)


def read_run(path: Path) -> list[Record]:
    """Read a sealed file of any known schema, in run order. Raises StoreError, SchemaError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as opened:  # a path that is no UTF-8 too
            file = pq.ParquetFile(opened)
            stored = (file.metadata.metadata or {}).get(SCHEMA_KEY.encode(), b"")
            check(int(stored) if stored.isdigit() else None, path)
            rows = file.read(columns=["run", "position", "samples", "record"]).sort_by("position")
            file.close()
        pairs = zip(rows["record"].to_pylist(), rows["samples"].to_pylist(), strict=True)
        return [restore(text, samples, path) for text, samples in pairs]
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(f"{path}: not a sealed run ({reason}); restore it, or move the run away") from error


def records_of(rows: pa.Table, runs_dir: Path) -> list[Record]:
    """Turn rows with `run`, `record` and `samples` back into records. Raises StoreError naming the run."""
    columns = (rows[name].to_pylist() for name in ("run", "record", "samples"))
    return [
        restore(text, samples, runs_dir / str(run) / SEALED)
        for run, text, samples in zip(*columns, strict=True)
    ]


def restore(text: str, samples: Iterable[tuple[str, Any]], path: Path) -> Record:
    """Join a record's JSON and its samples, pairs of name and lists. Raises StoreError naming `path`."""
    try:
        data = json.loads(text)
        data["samples"] = {**data["samples"], **dict(samples)}
        return Record.from_json(convert_record(data, path))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(f"{path}: a record in it is damaged ({error}); restore the file") from error


def _row(position: int, record: Record) -> dict[str, Any]:
    samples, rest = _split(record.samples)
    data = replace(record, samples=rest).to_json()
    row = {
        "run": record.run,
        "position": position,
        "suite": record.suite,
        "machine": record.machine,
        "case": record.case,
        "status": str(record.status),
        "reason": record.reason,
        "started_at": record.started_at,
        "duration_s": record.duration_s,
        "artifact_sha256": record.model_sha256,
        "runtime_version": record.runtime.version or None,
        "axes": [
            {"key": name, "value": None if value is None else str(value)}
            for name, value in record.axes.items()
        ],
        "samples": [{"key": name, "value": value} for name, value in samples.items()],
        "record": json.dumps(data, allow_nan=False, ensure_ascii=False),
    }
    numbers = {
        name + suffix: float(value)
        for name, metric in record.metrics.items()
        for suffix, value in (("", metric.value), (".low", metric.low), (".high", metric.high))
        if value is not None
    }
    return {**numbers, **row}


def _split(samples: Mapping[str, Any]) -> tuple[Samples, dict[str, Any]]:
    """Set the lists of integers, one a process, apart from what has another shape."""
    fitting = {name: value for name, value in samples.items() if _fits(value)}
    return fitting, {name: value for name, value in samples.items() if name not in fitting}


def _fits(value: Any) -> bool:
    """Return whether `value` is lists of 64-bit integers, so that it comes back as it was."""
    return isinstance(value, list) and all(
        isinstance(part, list)
        and all(type(item) is int for item in part)
        and (not part or (min(part) >= -(2**63) and max(part) < 2**63))
        for part in value
    )
