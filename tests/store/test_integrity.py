"""What is damaged, missing or there twice is told in one line, and every other run is read."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import store
from harness.core.errors import StoreError
from harness.core.hashing import hash_file
from harness.core.record import Record
from harness.store import integrity
from harness.store.files import read_checked, write_checked
from harness.store.header import read_header, survey, write_header
from harness.store.journal import read_folder

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., str]
FIRST, SECOND, THIRD = "20261121T010000Z-aaaaaa", "20261122T020000Z-bbbbbb", "20261123T030000Z-cccccc"


@pytest.fixture
def three(stored: MakeRun) -> None:
    for run in (FIRST, SECOND, THIRD):
        stored(run)


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def told(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {item.getMessage() for item in caplog.records}


def test_a_sealed_run_has_the_hash_of_its_file_in_its_header(results: Path, stored: MakeRun) -> None:
    folder = results / "runs" / stored(FIRST)
    assert read_header(folder).files == {"run.parquet": hash_file(folder / "run.parquet")}


@pytest.mark.usefixtures("three")
def test_a_flipped_bit_leaves_its_run_out_of_every_answer_and_names_it(
    results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = results / "runs" / SECOND / "run.parquet"
    size = path.stat().st_size * 8
    for bit in range(0, size, size // 12):
        flip(path, bit)
        caplog.clear()
        assert [item.run for item in store.records(results)] == [FIRST, THIRD]
        assert [row.run for row in store.series(results, "latency/p50")] == [FIRST, THIRD]
        assert store.latest_and_anchor(results)["run"].tolist() == [THIRD]
        (line,) = told(caplog)
        assert line.startswith(f"{path}: the records of run {SECOND} are not what was written")
        with pytest.raises(StoreError, match=f"run {SECOND} are not what was written"):
            store.records(results, SECOND)
        flip(path, bit)
    assert len(store.records(results)) == 3


@pytest.mark.usefixtures("three")
def test_a_flipped_bit_in_a_header_leaves_its_run_out_and_names_it(
    results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = results / "runs" / SECOND / "run.json"
    size = path.stat().st_size * 8
    for bit in range(3, size, size // 30):
        flip(path, bit)
        caplog.clear()
        assert [item.run for item in store.runs(results)] == [FIRST, THIRD]
        (line,) = told(caplog)
        assert line.startswith(f"{path}: ")
        flip(path, bit)
    assert len(store.runs(results)) == 3


def test_a_flipped_bit_in_a_journal_never_changes_a_record(
    results: Path, stored: MakeRun, record: MakeRecord
) -> None:
    folder = results / "runs" / stored(FIRST, record(1), record(2), sealed=False)
    whole, path = read_folder(folder), folder / "journal.jsonl"
    size, refused = path.stat().st_size * 8, 0
    for bit in range(0, size, size // 200):
        flip(path, bit)
        try:
            assert read_folder(folder) == whole[: len(read_folder(folder))]
        except StoreError as error:
            assert str(path) in str(error)
            refused += 1
        flip(path, bit)
    assert refused > 190


def test_a_flipped_bit_in_the_anchors_is_an_error_that_names_the_file(results: Path, stored: MakeRun) -> None:
    stored(FIRST)
    store.set_anchor(results, store.find_run(results, FIRST))
    path = results / "anchors.json"
    for bit in range(0, path.stat().st_size * 8, 7):
        flip(path, bit)
        with pytest.raises(StoreError, match=r"anchors\.json: not a list of anchors|stored with schema"):
            store.anchors(results)
        flip(path, bit)
    assert store.anchor(results, "nightly", "box") == FIRST


@pytest.mark.usefixtures("three")
def test_a_run_without_a_hash_is_read_as_before(results: Path) -> None:
    folder = results / "runs" / FIRST
    header = json.loads((folder / "run.json").read_text())
    del header["check"], header["files"]
    (folder / "run.json").write_text(json.dumps(header))
    assert [item.run for item in store.records(results)] == [FIRST, SECOND, THIRD]


@pytest.mark.usefixtures("three")
def test_a_damaged_file_without_a_hash_is_named(results: Path) -> None:
    folder = results / "runs" / SECOND
    write_header(folder, replace(read_header(folder), files={}))
    path = folder / "run.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match=rf"{SECOND}/run\.parquet: not a sealed run"):
        store.records(results)


@pytest.mark.usefixtures("three")
def test_the_newest_run_is_never_replaced_by_an_older_one_silently(results: Path) -> None:
    (results / "runs" / THIRD / "run.json").write_text("{")
    with pytest.raises(StoreError, match=rf"{THIRD}/run\.json: .* The newest that can be read is {SECOND}"):
        store.find_run(results, "latest")
    with pytest.raises(StoreError, match=rf"{THIRD}/run\.json"):
        store.find_run(results, THIRD[:12])
    assert store.find_run(results, SECOND).run == SECOND


@pytest.mark.usefixtures("three")
def test_the_run_before_is_the_newest_that_is_whole(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(results / "runs" / SECOND / "run.parquet", 999)
    assert store.find_run(results, "previous").run == FIRST
    assert f"the records of run {SECOND} are not" in caplog.text


@pytest.mark.usefixtures("three")
def test_a_run_without_a_header_is_told(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    (results / "runs" / SECOND / "run.json").unlink()
    assert [item.run for item in store.runs(results)] == [FIRST, THIRD]
    (line,) = told(caplog)
    assert f"{SECOND}/run.json: missing, so the run there is left out" in line


@pytest.mark.usefixtures("three")
def test_a_run_without_its_records_is_told_and_not_called_unfinished(
    results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (results / "runs" / SECOND / "run.parquet").unlink()
    assert [item.run for item in store.runs(results)] == [FIRST, THIRD]
    (line,) = told(caplog)
    assert f"{SECOND}/run.parquet: the records of run {SECOND} are missing" in line


def test_a_run_that_is_being_begun_is_not_told(
    results: Path, stored: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    stored(FIRST)
    (results / "runs" / SECOND).mkdir()
    (results / "runs" / THIRD).mkdir()
    (results / "runs" / THIRD / "journal.jsonl").touch()
    assert [item.run for item in store.runs(results)] == [FIRST]
    assert told(caplog) == set()


@pytest.mark.parametrize("name", ["0-copy", "zz-copy"])
@pytest.mark.usefixtures("three")
def test_a_copied_run_counts_once_and_is_told(
    results: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    shutil.copytree(results / "runs" / SECOND, results / "runs" / name)
    assert [row.run for row in store.series(results, "latency/p50")] == [FIRST, SECOND, THIRD]
    assert {item.folder.name for item in store.runs(results)} == {FIRST, SECOND, THIRD}
    assert store.find_run(results, "latest").run == THIRD
    (line,) = told(caplog)
    assert f"{name}: a copy of run {SECOND}, which counts once" in line


@pytest.mark.usefixtures("three")
def test_a_renamed_run_is_read(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    (results / "runs" / SECOND).rename(results / "runs" / "renamed")
    assert [item.run for item in store.records(results)] == [FIRST, SECOND, THIRD]
    assert told(caplog) == set()


def test_a_folder_that_cannot_be_read_is_an_error_and_not_empty(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "runs")
    with pytest.raises(StoreError, match="runs: the runs cannot be read: Too many levels"):
        store.runs(tmp_path)


@pytest.mark.usefixtures("three")
def test_a_run_whose_header_cannot_be_read_is_told(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    header = results / "runs" / SECOND / "run.json"
    header.unlink()
    header.mkdir()
    assert [item.run for item in store.runs(results)] == [FIRST, THIRD]
    assert f"{SECOND}/run.json: not a run's header (Is a directory)" in caplog.text


@pytest.mark.usefixtures("three")
def test_merging_leaves_a_damaged_run_behind_and_says_so(results: Path, tmp_path: Path) -> None:
    flip(results / "runs" / FIRST / "run.parquet", 4321)
    (results / "runs" / SECOND / "run.json").write_text("{")
    done = store.merge([results], tmp_path / "into")
    assert done.copied == (THIRD,)
    assert [FIRST in done.damaged[1], SECOND in done.damaged[0]] == [True, True]
    assert [item.run for item in survey(tmp_path / "into").runs] == [THIRD]


@pytest.mark.usefixtures("three")
def test_hashes_that_took_long_are_kept_and_hold_for_that_state_of_a_file_alone(
    results: Path,
) -> None:
    store.records(results)
    assert not (results / integrity.NOTES).exists()
    integrity.forget()
    integrity.sound(store.runs(results), note_from_bytes=1)
    notes = read_checked(results / integrity.NOTES)["files"]
    assert sorted(notes) == [FIRST, SECOND, THIRD]

    # a note is taken for the hash of its file, which is not read again: so a wrong one shows
    *state, sha256 = notes[FIRST]
    write_checked(results / integrity.NOTES, {"files": {**notes, FIRST: [*state, sha256[::-1]]}})
    integrity.forget()
    assert [item.run for item in store.records(results)] == [SECOND, THIRD]
    write_checked(results / integrity.NOTES, {"files": notes})
    integrity.forget()
    flip(results / "runs" / SECOND / "run.parquet", 77)
    assert [item.run for item in store.records(results)] == [FIRST, THIRD]
    (results / integrity.NOTES).write_text("{")
    integrity.forget()
    assert len(store.records(results)) == 2


def test_a_checked_file_comes_back_as_it_was(tmp_path: Path) -> None:
    data = {"run": "ä", "n": 1.5, "none": None}
    write_checked(tmp_path / "x.json", data)
    assert read_checked(tmp_path / "x.json") == data
