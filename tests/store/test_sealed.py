"""A sealed run holds every record in full, and files of other schema versions are met with a plan."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harness import store
from harness.core.errors import SchemaError, StoreError
from harness.core.record import SCHEMA, Metric, Record, Status
from harness.store.convert import STEPS, Conversion
from harness.store.header import write_header
from harness.store.parquet import read_run

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., str]
DATA = Path(__file__).parents[1] / "data"
RUN = "20261123T140732Z-3f2a1c"


def test_sealing_keeps_every_record_in_run_order_and_drops_the_journal(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(RUN, record(8), record(1), record(32))
    (run,) = store.runs(results)
    assert {path.name for path in run.folder.iterdir()} == {"run.json", "run.parquet"}
    assert run.sealed
    assert not run.live
    assert run.header.counts == {"ok": 3}
    assert run.header.finished_at
    back = read_run(run.folder / "run.parquet")
    assert back == [record(batch, run=RUN) for batch in (8, 1, 32)]
    assert store.records(results, RUN) == back


def test_samples_of_any_shape_come_back_as_they_were(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    samples = {
        "latency_ns": [[1, 2], []],
        "huge": [[2**63]],
        "rates": [[1.0, 2.5]],
        "whole": [[1.0]],
        "flat": [1, 2],
        "flags": [[True]],
        "note": {"a": None},
        "none": [],
    }
    stored(RUN, record(samples=samples))
    (back,) = store.records(results)
    assert back.samples == samples
    assert repr(back.samples["whole"]) == "[[1.0]]"
    assert repr(back.samples["flags"]) == "[[True]]"


def test_columns_repeat_what_queries_need(results: Path, record: MakeRecord, stored: MakeRun) -> None:
    skipped = record(2, status=Status.SKIPPED, reason="slow", metrics={}, artifact={}, effective={})
    stored(RUN, record(1), skipped)
    file = results / "runs" / RUN / "run.parquet"
    first, second = pq.read_table(file).to_pylist()
    assert first["axes"] == [("model", "m"), ("opset", None), ("batch", "1")]
    numbers = [first[f"latency/p50{suffix}"] for suffix in ("", ".low", ".high")]
    assert numbers == [0.001, 1 / 1001, 1 / 999]
    assert (first["runtime_version"], first["artifact_sha256"]) == ("1.32.0", "ab" * 32)
    assert (second["status"], second["reason"], second["runtime_version"]) == ("skipped", "slow", None)
    assert pq.read_metadata(file).metadata[b"harness.schema"] == str(SCHEMA).encode()


def test_metrics_that_differ_in_case_alone_do_not_break_the_file(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    number = Metric(value=2**60 + 1, unit="1", direction="none")
    stored(RUN, record(metrics={"acc/f1": number, "acc/F1": number, "Run": number, "run": number}))
    (back,) = store.records(results, RUN)
    assert back.metrics == {"acc/f1": number, "acc/F1": number, "Run": number, "run": number}
    assert [row.value for row in store.series(results, "acc/f1")] == [2.0**60]


def test_a_run_killed_while_it_was_sealed_is_whole_and_is_tidied_up_by_resume(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(RUN, record(1), sealed=False)
    folder = results / "runs" / RUN
    journal = (folder / "journal.jsonl").read_bytes()
    header = store.runs(results)[0].header
    opened = store.open_run(folder)
    assert opened is not None
    opened.seal()
    (folder / "journal.jsonl").write_bytes(journal)
    write_header(folder, header)
    assert len(store.records(results)) == 1
    resumed = store.resume(results, header)
    assert resumed is not None
    assert [item.case for item in resumed.records()] == ["m/batch=1"]
    resumed.seal()
    assert not (folder / "journal.jsonl").exists()
    assert store.runs(results)[0].header.counts == {"ok": 1}


def test_a_run_of_no_known_metric_and_no_record_at_all_can_be_queried(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(RUN, record(metrics={}))
    with store.new_run(results, store.Header(suite="nightly")) as empty:
        empty.seal()
    assert store.series(results, "latency/p50") == []
    assert store.series(results, 'no"such') == []
    assert len(store.records(results)) == 1


def test_a_damaged_sealed_file_is_named(results: Path, stored: MakeRun) -> None:
    stored(RUN)
    file = results / "runs" / RUN / "run.parquet"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(StoreError, match=rf"run\.parquet: the records of run {RUN} are not what was written"):
        store.records(results, RUN)
    with pytest.raises(StoreError, match=r"run\.parquet: not a sealed run"):
        read_run(file)


def test_a_damaged_header_is_named(results: Path, stored: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    stored(RUN)
    for damaged in ("{", "[]", '{"schema": 1, "unheard": 2}'):
        (results / "runs" / RUN / "run.json").write_text(damaged)
        caplog.clear()
        assert store.runs(results) == []
        (line,) = [item.getMessage() for item in caplog.records]
        assert re.search(r"run\.json: not a run's header .*move the folder away", line)


def test_a_newer_schema_is_refused_by_name(
    results: Path, record: MakeRecord, stored: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    stored(RUN, sealed=False)
    header = results / "runs" / RUN / "run.json"
    whole = header.read_text()
    header.write_text(unchecked(whole).replace(f'"schema": {SCHEMA}', '"schema": 99'))
    assert store.runs(results) == []
    assert re.search(r"run\.json: stored with schema 99, newer than the 1 .*; update", caplog.text)
    header.write_text(whole)
    journal = results / "runs" / RUN / "journal.jsonl"
    newer = journal.read_text().replace(f'"schema": {SCHEMA}', '"schema": 99')
    journal.write_text(newer[: newer.rindex(',"check"')] + "}\n")
    with pytest.raises(SchemaError, match=r"journal\.jsonl: stored with schema 99"):
        store.records(results, RUN)


def unchecked(header: str) -> str:
    """Take the checksum off a header: as older versions wrote it."""
    return re.sub(r'^ "check": .*\n', "", header, flags=re.MULTILINE)


def old(data: dict[str, Any]) -> dict[str, Any]:
    """Write a record or header as an invented schema 0 had it: `state` for status, `title` for suite."""
    data = {("state" if key == "status" else key): value for key, value in data.items()}
    data["title"] = data.pop("suite")
    return {**data, "schema": 0}


def new(data: dict[str, Any]) -> dict[str, Any]:
    data = {("status" if key == "state" else key): value for key, value in data.items()}
    data["suite"] = data.pop("title")
    return {**data, "schema": 1}


@pytest.mark.parametrize("sealed", [True, False])
def test_an_older_schema_is_converted_step_by_step(
    results: Path,
    record: MakeRecord,
    stored: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sealed: bool,
) -> None:
    stored(RUN, record(1), sealed=sealed)
    stored("20261124T140732Z-3f2a1c", record(2))
    folder = results / "runs" / RUN
    header = json.loads(unchecked((folder / "run.json").read_text()))
    header.pop("files")
    (folder / "run.json").write_text(json.dumps(old(header)))
    if sealed:
        rows = pq.read_table(folder / "run.parquet")
        texts = [json.dumps(old(json.loads(text))) for text in rows["record"].to_pylist()]
        rows = rows.set_column(rows.schema.get_field_index("record"), "record", [texts])
        pq.write_table(
            rows.drop(["latency/p50", "status"]).replace_schema_metadata({b"harness.schema": b"0"}),
            folder / "run.parquet",
        )
    else:
        lines = (folder / "journal.jsonl").read_text().splitlines()
        lines = [line[: line.rindex(',"check"')] + "}" for line in lines]
        (folder / "journal.jsonl").write_text("".join(json.dumps(old(json.loads(x))) + "\n" for x in lines))
    assert [item.case for item in store.records(results)] == ["m/batch=2"]
    assert "schema 0, which no version can read" in caplog.text

    monkeypatch.setitem(STEPS, 0, Conversion(record=new, header=new))
    assert [run.header.schema for run in store.runs(results)] == [0, 1]
    assert [item.case for item in store.records(results)] == ["m/batch=1", "m/batch=2"]
    assert [row.value for row in store.series(results, "latency/p50")] == [0.001, 0.002]


def test_the_sample_of_schema_1_is_read_in_full() -> None:
    sealed, unfinished = store.runs(DATA / "schema-1")
    assert (sealed.sealed, unfinished.sealed) == (True, False)
    assert sealed.header.command == ("harness", "run", "suites/quickstart.yaml")
    assert sealed.header.counts == {"ok": 2, "skipped": 1, "unsupported": 1}
    first, second, skipped, unsupported = store.records(DATA / "schema-1", sealed.run)
    assert first.case == "digits_cnn"
    assert first.metrics["latency/p50"] == Metric(
        value=0.000123,
        unit="s",
        direction="lower",
        low=0.000121,
        high=0.000125,
        interval="within process",
        n=4,
    )
    assert second.metrics["latency/p99"].value is None
    assert second.metrics["latency/p99"].reason == "4 samples; p99 needs 662"
    assert first.samples["latency_ns"] == [[121000, 122000, 124000, 125000]]
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, "slow on CPU")
    assert (unsupported.status, unsupported.notes) == (Status.UNSUPPORTED, ("random weights",))
    assert [item.case for item in store.records(DATA / "schema-1", unfinished.run)] == ["digits_cnn"]


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
def test_every_schema_ever_released_has_a_sample(version: int) -> None:
    assert store.records(DATA / f"schema-{version}")
