"""The views for programs: JSON in the stored schema, CSV with stable columns."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import show, store
from harness.core.case import AXES
from harness.core.metrics import METRICS
from harness.core.record import Metric, Record
from harness.core.report import Report

SAMPLE = Path(__file__).parents[1] / "data" / "schema-1"


def bare(*records: Record) -> Report:
    return Report("t", records, (), ())


def test_json_is_the_stored_records_and_nothing_else(report: Report) -> None:
    data = json.loads(show.render_run(report, "json"), parse_constant=pytest.fail)
    assert tuple(Record.from_json(item) for item in data) == report.records
    assert list(data[0]) == list(report.records[0].to_json())
    assert show.render_run(bare(), "json") == "[]"


def test_json_of_stored_records_is_what_the_journal_holds() -> None:
    run = store.runs(SAMPLE)[-1]
    stored = [json.loads(line) for line in (run.folder / "journal.jsonl").read_text().splitlines()]
    # fields that came after the sample was written
    added = {"stdout": "", "note_kinds": []}
    for record in stored:
        record["metrics"] = {
            name: {**metric, "absence": "", "needed": 0} for name, metric in record["metrics"].items()
        }
    assert json.loads(show.render_run(bare(*store.records(SAMPLE, run.run)), "json")) == [
        {**record, **added, "note_shorts": [""] * len(record["notes"])} for record in stored
    ]


def test_json_refuses_what_is_not_json(make_record: Callable[..., Record]) -> None:
    bad = make_record("m", metrics={"x": Metric(value=float("nan"), unit="1", direction="none")})
    with pytest.raises(ValueError, match="Out of range float values"):
        show.render_run(bare(bad), "json")


def test_csv_has_a_line_a_record_and_columns_that_never_change(report: Report) -> None:
    text = show.render_run(report, "csv")
    assert text.count("\r\n") == len(report.records)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == (
        "run", "suite", "case", "model", *AXES,
        "status", "reason", "notes", "machine", "started_at", "duration_s", *METRICS,
    )  # fmt: skip
    assert show.render_run(bare(), "csv") == ""
    first, second = rows[:2]
    assert (first["latency/p50"], first["latency/p95"], first["accuracy/top1_delta"]) == ("0.0012", "", "0.0")
    assert (first["opset"], first["batch"], first["notes"]) == ("", "1", "")
    assert second["accuracy/top1_delta"] == "-0.002"
    assert second["notes"] == (
        "openvino 97%: cpu ran Softmax 3; asked for 2 threads, the session started 0 beside the calling one"
    )
    assert (rows[3]["status"], rows[3]["reason"]) == ("crashed", "the worker died of SIGSEGV (signal 11)")


def test_csv_puts_foreign_axes_and_metrics_behind_the_known_ones(
    make_record: Callable[..., Record],
) -> None:
    number = Metric(value=2, unit="1", direction="none")
    foreign = make_record("m", metrics={"mine/b": number, "mine/a": number})
    foreign = replace(foreign, axes={**foreign.axes, "cooling": "fan"})
    (row,) = csv.DictReader(io.StringIO(show.render_run(bare(foreign), "csv"), newline=""))
    assert list(row)[-2:] == ["mine/a", "mine/b"]
    assert list(row)[list(row).index("io") + 1] == "cooling"
    assert (row["mine/a"], row["cooling"]) == ("2", "fan")


def test_csv_runs_no_text_as_a_formula(make_record: Callable[..., Record]) -> None:
    (row,) = csv.DictReader(
        io.StringIO(
            show.render_run(bare(make_record("=cmd|' /C calc'!A0", notes=("@x",))), "csv"), newline=""
        )
    )
    assert row["model"] == "'=cmd|' /C calc'!A0"
    assert row["case"] == "'=cmd|' /C calc'!A0"
    assert row["notes"] == "'@x"


def test_csv_keeps_hostile_text_in_its_cell(hostile: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(show.render_run(hostile, "csv"), newline="")))
    assert len(rows) == 2
    assert rows[0]["model"] == r"""<script>alert("x")</script>|\n\x1b[31m=cmd&`_a_`\u202e"""
