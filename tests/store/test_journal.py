"""A record that was appended is never lost, whatever happens after."""

import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from harness import store
from harness.core.errors import StoreError, UnwritableError
from harness.core.record import Metric, Record
from harness.store.header import new_id

MakeRecord = Callable[..., Record]

HEADER = store.Header(suite="nightly", plan_hash="p")

WRITER = """
import sys
from pathlib import Path
from harness import store
from harness.core.record import Record, Status
journal = store.new_run(Path(sys.argv[1]), store.Header(suite="nightly", plan_hash="p"))
for index in range(int(sys.argv[2])):
    journal.append(Record(run=journal.run, suite="nightly", case=f"m/batch={index}", axes={},
                          status=Status.OK, duration_s=1.0, samples={"latency_ns": [[1] * 1000]}))
    print(index, flush=True)
if sys.argv[3] == "seal":
    journal.seal()
"""


def writer(results: Path, records: int, end: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(results), str(records), end]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_an_appended_record_is_read_back_as_it_was(results: Path, record: MakeRecord) -> None:
    with store.new_run(results, HEADER) as journal:
        journal.append(record(1))
        journal.append(record(2))
        assert [item.case for item in journal.records()] == ["m/batch=1", "m/batch=2"]
        (back,) = store.records(results, case="m/batch=2")
    assert back.samples == {"latency_ns": [[2_000_000, 2_000_001], [7]]}
    assert back == record(2)


def test_run_identifiers_are_sortable_and_unique_within_a_second(results: Path, record: MakeRecord) -> None:
    names = set()
    for _ in range(20):
        with store.new_run(results, HEADER) as journal:
            journal.append(record())
            names.add(journal.run)
    assert len(names) == 20
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", name) for name in names)


def test_kill_9_loses_no_appended_record_and_the_run_can_be_resumed(results: Path) -> None:
    child = writer(results, 1_000_000, "never")
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(20)][-1]
    child.send_signal(signal.SIGKILL)
    child.communicate()
    journal = store.resume(results, HEADER)
    assert journal is not None
    with journal:
        kept = [item.case for item in journal.records()]
        assert kept == [f"m/batch={index}" for index in range(len(kept))]
        assert len(kept) > acknowledged


def test_a_run_that_is_being_written_is_live_and_is_not_resumed(results: Path) -> None:
    child = writer(results, 1_000_000, "never")
    assert child.stdout is not None
    child.stdout.readline()
    try:
        (run,) = store.runs(results)
        assert (run.live, run.sealed) == (True, False)
        assert store.resume(results, HEADER) is None
        assert store.records(results)[0].case == "m/batch=0"
    finally:
        child.kill()
        child.communicate()
    (run,) = store.runs(results)
    assert (run.live, run.sealed) == (False, False)


def test_two_runs_at_once_into_one_folder_keep_apart(results: Path) -> None:
    children = [writer(results, 30, "seal") for _ in range(2)]
    assert [child.communicate() and child.returncode for child in children] == [0, 0]
    runs = store.runs(results)
    assert [run.header.counts for run in runs] == [{"ok": 30}, {"ok": 30}]
    assert {item.run for item in store.records(results)} == {run.run for run in runs}


def test_a_torn_last_line_is_left_out_and_said(
    results: Path, record: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    with store.new_run(results, HEADER) as journal:
        journal.append(record(1))
        journal.append(record(2))
    path = journal.folder / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with caplog.at_level(logging.WARNING):
        assert [item.case for item in store.records(results)] == ["m/batch=1"]
    assert "journal.jsonl: the last line is torn" in caplog.text


def test_resuming_cuts_a_torn_line_off_and_goes_on_behind_the_whole_ones(
    results: Path, record: MakeRecord
) -> None:
    with store.new_run(results, HEADER) as first:
        first.append(record(1))
    path = first.folder / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"run": "x", "sui')
    second = store.resume(results, HEADER)
    assert second is not None
    assert second.run == first.run
    with second:
        second.append(record(2))
    assert [item.case for item in store.records(results)] == ["m/batch=1", "m/batch=2"]


def test_a_broken_line_before_the_last_is_an_error_that_names_it(
    results: Path, record: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    with store.new_run(results, HEADER) as journal:
        journal.append(record(1))
        journal.append(record(2))
    path, run = journal.folder / "journal.jsonl", journal.run
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(StoreError, match=r"journal\.jsonl: no schema version in it"):
        store.records(results, run)
    for line in (b"nonsense\n", b"[]\n", b'{"schema": 1}\n'):
        path.write_bytes(line + path.read_bytes())
        with pytest.raises(
            StoreError, match=r"journal\.jsonl:1: not a record .*; restore it, or remove that"
        ):
            store.records(results, run)
    with store.new_run(results, HEADER) as other:
        other.append(record(3))
    assert [item.case for item in store.records(results)] == ["m/batch=3"]
    assert [f"{path}:1: not a record" in item.getMessage() for item in caplog.records] == [True]


def test_a_line_that_changed_since_it_was_written_is_an_error(results: Path, record: MakeRecord) -> None:
    with store.new_run(results, HEADER) as journal:
        journal.append(record(1))
        journal.append(record(2))
    path = journal.folder / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"1000001", b"1000003", 1))
    with pytest.raises(
        StoreError, match=r"journal\.jsonl:1: not a record \(it changed since it was written\)"
    ):
        store.records(results, journal.run)
    without = b"".join(line[: line.rindex(b',"check"')] + b"}\n" for line in whole.splitlines())
    path.write_bytes(without)
    assert [item.case for item in store.records(results, journal.run)] == ["m/batch=1", "m/batch=2"]


def test_only_the_newest_unfinished_run_of_the_same_plan_is_resumed(
    results: Path, record: MakeRecord
) -> None:
    with store.new_run(results, HEADER) as same:
        same.append(record())
    with store.new_run(results, store.Header(suite="nightly", plan_hash="other")) as journal:
        journal.append(record())
    with store.new_run(results, store.Header(suite="quick", plan_hash="p")) as journal:
        journal.append(record())
    resumed = store.resume(results, HEADER)
    assert resumed is not None
    assert resumed.run == same.run
    resumed.seal()
    assert store.resume(results, HEADER) is None


def test_a_run_without_a_record_leaves_nothing_behind(results: Path) -> None:
    with store.new_run(results, HEADER) as journal:
        assert journal.folder.exists()
    assert list((results / "runs").iterdir()) == []


def test_numbers_that_are_not_finite_become_null_with_a_reason(results: Path, record: MakeRecord) -> None:
    bad = Metric(value=float("nan"), unit="dB", direction="higher", low=float("-inf"))
    with store.new_run(results, HEADER) as journal:
        journal.append(record(metrics={"accuracy/sqnr_db": bad}, environment={"load": [np.float32("inf")]}))
    text = (journal.folder / "journal.jsonl").read_text()
    data = json.loads(text, parse_constant=pytest.fail)
    assert data["environment"] == {"load": [None]}
    metric = data["metrics"]["accuracy/sqnr_db"]
    assert (metric["value"], metric["low"]) == (None, None)
    assert metric["reason"] == "not a finite number (nan)"


def test_text_that_is_not_unicode_is_stored_as_text(results: Path, record: MakeRecord) -> None:
    with store.new_run(results, HEADER) as journal:
        journal.append(record(stderr="caf\udce9\n\x00\u2028<b>"))
        journal.seal()
    assert store.records(results)[0].stderr == "caf?\n\x00\u2028<b>"


FULL = """
import resource, signal, sys
from pathlib import Path
from harness import store
from harness.core.errors import StoreError
from harness.core.record import Record, Status
def record(size):
    return Record(run="", suite="s", case="m", axes={}, status=Status.OK, stderr="x" * size, duration_s=1.0)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = store.new_run(Path(sys.argv[1]), store.Header(suite="s", plan_hash="p"))
journal.append(record(10))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    journal.append(record(5000)) if sys.argv[3] == "append" else journal.seal()
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(record(20))
"""


@pytest.mark.parametrize(
    ("step", "file", "limit"), [("append", "journal.jsonl", 2000), ("seal", "run.parquet", 50)]
)
def test_a_full_disk_is_said_in_one_line_and_harms_nothing_that_was_written(
    results: Path, step: str, file: str, limit: int
) -> None:
    command = [sys.executable, "-c", FULL, str(results), str(limit), step]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(rf".*/{re.escape(file)}: cannot write: .*; free or unlock .*\n", said.stdout), said
    assert [len(item.stderr) for item in store.records(results)] == [10, 20]
    (run,) = store.runs(results)
    assert not run.sealed
    assert {path.name for path in run.folder.iterdir()} == {"run.json", "journal.jsonl"}


def test_a_results_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match=r"file/runs/.*: cannot write: Not a directory"):
        store.new_run(tmp_path / "file", HEADER)


def test_runs_of_one_second_sort_by_time() -> None:
    moments = [
        datetime(2026, 11, 23, 14, 7, 32, microsecond, UTC) for microsecond in (0, 1, 16, 255, 4096, 999_999)
    ]
    names = [new_id(moment) for moment in moments]
    assert names == sorted(names)
    assert all(re.fullmatch(r"20261123T140732Z-[0-9a-f]{6}", name) for name in names)
