"""docs/schema.md describes every field, and its query runs."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harness import store
from harness.core.record import SCHEMA, Metric, Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., str]
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "schema.md").read_text()


def section(title: str) -> set[str]:
    """Every word in backticks in the first column of the tables of a section."""
    text = PAGE.split(f"\n## {title}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize(
    ("title", "noun"), [("Header", store.Header), ("Record", Record), ("Metric", Metric)]
)
def test_every_field_is_described_and_no_other(title: str, noun: type) -> None:
    assert section(title) == {field.name for field in fields(noun)}


def test_every_key_of_the_objects_in_a_record_is_described_and_no_other(
    suite: Callable[..., Path], records: Callable[..., list[dict[str, Any]]]
) -> None:
    (found,) = records("run", suite())
    for title in ("asked", "effective", "environment"):
        assert section(title.title()) == set(found[title])
        text = PAGE.split(f"\n## {title.title()}")[1].split("\n## ")[0]
        for key, value in found[title].items():
            if isinstance(value, dict) and key != "packages":
                assert [name for name in value if f"`{name}`" not in text] == [], key
    assert section("Samples") == {*found["samples"], "correct", "abs_error"}


def test_every_column_is_described_and_no_other(results: Path, stored: MakeRun) -> None:
    run = stored("20261123T140732Z-3f2a1c")
    assert section("Columns") == set(pq.read_schema(results / "runs" / run / "run.parquet").names)


def test_the_page_is_of_the_current_schema() -> None:
    assert f"This is schema **{SCHEMA}**" in PAGE


def test_the_query_on_the_page_runs(
    results: Path, stored: MakeRun, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    accuracy = Metric(value=0.99, unit="ratio", direction="higher")
    stored("20261123T140732Z-3f2a1c", record(8, metrics={**record(8).metrics, "accuracy/top1": accuracy}))
    stored("20261124T140732Z-3f2a1c", record(1))
    monkeypatch.chdir(results)
    sql = PAGE.split("```sql\n")[1].split("```")[0].replace("results/runs", "runs")
    answer = duckdb.sql(sql).fetchall()
    assert answer == [("m/batch=8", "8", 8.0, 0.99), ("m/batch=1", "1", 1.0, None)]
