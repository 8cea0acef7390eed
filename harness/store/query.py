"""Answer questions over all stored runs, sealed and unfinished alike.

Sealed files of the current schema are read by DuckDB where they lie;
unfinished runs and files of older schemas are read record by record, and
join the same view.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.core.conditions import matches
from harness.core.errors import StoreError
from harness.core.record import SCHEMA, Record
from harness.store.find import anchors, find_run
from harness.store.header import SEALED, RunInfo, runs
from harness.store.integrity import require_sound, sound
from harness.store.journal import read_folder
from harness.store.parquet import metric_columns, read_run, records_of, restore, table

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

log = logging.getLogger("harness.store")


class SeriesRow(NamedTuple):
    """One value of a metric's history; a list of them makes a pandas DataFrame."""

    suite: str
    machine: str
    case: str
    run: str
    started_at: str  # UTC
    value: float
    low: float | None
    high: float | None
    artifact_sha256: str
    runtime_version: str


def records(
    results_dir: Path,
    run: str | None = None,
    *,
    suite: str | None = None,
    case: str | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> list[Record]:
    """Read stored records, runs oldest first, each in the order in which it was measured.

    `run` is any name that `find_run` knows; `case` is a key or a glob;
    `where` is a condition as in `harness.core.conditions`, in which ``status`` counts
    as an axis. Raises StoreError, NotFoundError.
    """
    found = runs(results_dir, suite) if run is None else [find_run(results_dir, run, suite=suite)]
    clause, values = _of_case(case)
    sql = f"SELECT run, record, samples FROM records WHERE {clause} ORDER BY run, position"
    with opened(found, strict=run is not None) as connection:
        rows = connection.sql(sql, params=values).to_arrow_table()
    read = records_of(rows, results_dir / "runs")
    return [item for item in read if matches({**item.axes, "status": item.status}, where or {})]


def outlines(results_dir: Path, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], Record]:
    """Read the records at `places`, pairs of run and case, without raw samples: most of a record is those.

    A place where there is no record is not in the answer. Raises StoreError.
    """
    if not places:
        return {}
    wanted = {run for run, _ in places}
    found = [item for item in runs(results_dir) if item.run in wanted]
    sql = """
        WITH places AS (SELECT unnest($1) AS run, unnest($2) AS "case")
        SELECT run, record FROM records SEMI JOIN places USING (run, "case")
    """
    with opened(found) as connection:
        texts = connection.execute(sql, [list(names) for names in zip(*places, strict=True)]).fetchall()
    read = (restore(text, (), results_dir / "runs" / run / SEALED) for run, text in texts)
    return {(record.run, record.case): record for record in read}


def series(
    results_dir: Path,
    metric: str,
    *,
    case: str | None = None,
    suite: str | None = None,
    machine: str | None = None,
) -> list[SeriesRow]:
    """Give a metric's history, a row a record that is ok and has it, by case and then time.

    `case` is a key or a glob. Raises StoreError.
    """
    clause, values = _of_case(case)
    with opened(runs(results_dir, suite, machine)) as connection:
        sql = f"""
            SELECT suite, machine, "case", run, started_at, {_numbers(connection, metric)},
                   artifact_sha256, runtime_version
            FROM records WHERE {clause} AND status = 'ok' AND value IS NOT NULL
            ORDER BY suite, machine, "case", run
        """
        return [SeriesRow(*row) for row in connection.execute(sql, values).fetchall()]


def latest_and_anchor(
    results_dir: Path,
    metrics: Sequence[str] = ("latency/p50",),
    *,
    suite: str | None = None,
    machine: str | None = None,
) -> pd.DataFrame:
    """Give the newest record of every case beside that of its anchor, a row a case and metric.

    Columns: suite, machine, case, metric, run, status, value, low, high, and
    the last five again with the prefix ``anchor_``, null where the suite has
    no anchor on that machine or the case is not in it. Raises StoreError.
    """
    import pyarrow as pa

    found = runs(results_dir, suite, machine)
    text = pa.schema([(name, pa.string()) for name in ("suite", "machine", "run")])
    pins = pa.Table.from_pylist([asdict(pin) for pin in anchors(results_dir)], schema=text)
    with opened(found) as connection:
        newest = connection.sql(
            'SELECT suite, machine, "case", max(run) AS run FROM records GROUP BY ALL'
        ).to_arrow_table()
    needed = {*newest["run"].to_pylist(), *pins["run"].to_pylist()}
    with opened([item for item in found if item.run in needed]) as connection:
        connection.register("newest", newest)
        connection.register("pins", pins)
        cells = " UNION ALL ".join(
            'SELECT suite, machine, "case", ? AS metric, run, status, '
            f"{_numbers(connection, metric)} FROM records"
            for metric in metrics
        )
        sql = f"""
            WITH cells AS ({cells}),
            anchored AS (SELECT cells.* FROM cells SEMI JOIN pins USING (suite, machine, run))
            SELECT l.*, a.run AS anchor_run, a.status AS anchor_status, a.value AS anchor_value,
                   a.low AS anchor_low, a.high AS anchor_high
            FROM (SELECT cells.* FROM cells SEMI JOIN newest USING (suite, machine, "case", run)) AS l
            LEFT JOIN anchored AS a USING (suite, machine, "case", metric)
            ORDER BY l.suite, l.machine, l."case", l.metric
        """
        return connection.execute(sql, list(metrics)).df()


def durations(results_dir: Path, suite: str) -> dict[str, float]:
    """Give each case's newest duration in seconds, of those that were really tried."""
    sql = """
        SELECT "case", arg_max(duration_s, run) FROM records
        WHERE duration_s > 0 AND status <> 'skipped' GROUP BY "case"
    """
    with opened(runs(results_dir, suite)) as connection:
        return dict(connection.execute(sql).fetchall())


@contextmanager
def opened(found: Sequence[RunInfo], *, strict: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection whose view `records` holds every record of the runs `found`.

    The columns are those of `harness.store.parquet.table`. A run whose file is
    damaged is left out, with a warning; `strict`: it raises. Raises StoreError.
    """
    import duckdb

    alike: dict[str, list[str]] = {}
    others = []
    if strict:
        for item in found:
            require_sound(item)
    found = sound(found)
    for item in found:
        if item.sealed and item.header.schema == SCHEMA and _spellable(item.folder):
            alike.setdefault(item.header.columns, []).append(_literal(item.folder / SEALED))
        else:
            others.append(item)
    # Files of the same columns in one read, others by name: three times as fast as union_by_name.
    sources = [
        f"SELECT * FROM read_parquet([{', '.join(files)}], hive_partitioning = false)"
        for files in alike.values()
    ]
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    try:
        with suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets has none to take away
            connection.execute("SET enable_progress_bar = false")  # it would go to standard output
        if others or not sources:
            connection.register("others", _rows(others, strict))
            sources.append("SELECT * FROM others")
        connection.execute(f"CREATE TEMP VIEW records AS {' UNION ALL BY NAME '.join(sources)}")
        yield connection
    except duckdb.Error as error:
        raise StoreError(_culprit(found) or f"the stored runs cannot be queried: {_first(error)}") from error
    finally:
        connection.close()


def _rows(found: Sequence[RunInfo], strict: bool) -> pa.Table:
    """Read runs that DuckDB cannot read where they lie."""
    records: list[Record] = []
    for item in found:
        try:
            records += read_run(item.folder / SEALED) if item.sealed else read_folder(item.folder)
        except StoreError as error:
            if strict:
                raise
            log.warning("%s", error)
    return table(records)


def _culprit(found: Sequence[RunInfo]) -> str:
    """Name the first sealed file that cannot be read: DuckDB's message does not always."""
    for item in found:
        try:
            if item.sealed:
                read_run(item.folder / SEALED)
        except StoreError as error:
            return str(error)
    return ""


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _of_case(case: str | None) -> tuple[str, list[str]]:
    """Write the condition on a case's key, and its parameters."""
    if case is None:
        return "true", []
    if not set(case) & set("*?["):
        return '"case" = ?', [case]
    return '("case" = ? OR "case" GLOB ?)', [case, case]


def _numbers(connection: duckdb.DuckDBPyConnection, metric: str) -> str:
    """Write the columns of a metric as value, low and high; null where no run has them."""
    names = connection.sql("SELECT * FROM records LIMIT 0").columns
    known = {name.casefold() for name in names}
    wanted = metric if metric.casefold() in {name.casefold() for name in metric_columns(names)} else None
    columns = []
    for alias, suffix in (("value", ""), ("low", ".low"), ("high", ".high")):
        name = f"{wanted}{suffix}"
        there = wanted is not None and name.casefold() in known
        column = '"' + name.replace('"', '""') + '"' if there else "NULL::DOUBLE"
        columns.append(f"{column} AS {alias}")
    return ", ".join(columns)


def _spellable(path: Path) -> bool:
    """Return whether a path is text: DuckDB opens no other."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _literal(path: Path) -> str:
    """Write a path as an SQL string that is not taken for a glob."""
    escaped = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
    return "'" + escaped.replace("'", "''") + "'"
