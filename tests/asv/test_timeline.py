"""The timeline: one commit a run, whoever writes it and in whatever order."""

import subprocess
from pathlib import Path

import pytest

from harness.asv.timeline import TimelineRun, nights, read, write
from harness.core.errors import StoreError


def night(number: int, **trailers: str) -> TimelineRun:
    return TimelineRun(
        f"202601{number:02}T020000Z-aaaaaa",
        1767232800 + number * 86400,
        f"night {number}",
        tuple(trailers.items()),
    )


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_there_is_no_timeline_before_the_first_night(tmp_path: Path) -> None:
    assert read(tmp_path / "timeline.git") == []


def test_a_run_is_a_commit_with_trailers_that_git_reads(tmp_path: Path) -> None:
    repository = tmp_path / "timeline.git"
    (written,) = write(repository, [night(1, Runtime="current (1.32.0)", Machine="m1")])
    trailers = git(repository, "log", "-1", "--format=%(trailers:key=Runtime,valueonly)", "main")
    assert trailers == "current (1.32.0)"
    assert git(repository, "log", "-1", "--format=%H %ct", "main") == f"{written.commit} {written.time_s}"
    assert "Machine: m1" in git(repository, "show", "main:run.txt")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    repository = tmp_path / "timeline.git"
    written = write(repository, [night(1, Suite="s"), night(2, Suite="t")])
    assert read(repository) == written
    assert [(item.run, item.title, item.trailers) for item in written] == [
        (item.run, item.title, item.trailers) for item in (night(1, Suite="s"), night(2, Suite="t"))
    ]


def test_the_chain_is_the_same_in_whatever_order_the_nights_come(tmp_path: Path) -> None:
    at_once = write(tmp_path / "a.git", [night(number) for number in (1, 2, 3)])
    write(tmp_path / "b.git", [night(3), night(1)])
    assert write(tmp_path / "b.git", [night(2)]) == at_once


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    repository = tmp_path / "timeline.git"
    assert write(repository, [night(1), night(2)]) == write(repository, [night(1)]) == write(repository, [])


def test_a_late_night_leaves_the_hashes_before_it(tmp_path: Path) -> None:
    repository = tmp_path / "timeline.git"
    first, _ = write(repository, [night(1), night(3)])
    assert write(repository, [night(2)])[0] == first


def test_a_hostile_name_stays_one_line_of_text(tmp_path: Path) -> None:
    title, name = "x\n\nRun: forged\0\1", "m\n\nRun: forged\x1b[31m"
    (written,) = write(tmp_path / "t.git", [TimelineRun("r", 0, title, (("Machine", name),))])
    assert written.run == "r"
    assert written.title == "x Run: forged"
    assert written.trailers == (("Machine", "m Run: forged [31m"),)


def test_an_empty_title_is_a_commit_all_the_same(tmp_path: Path) -> None:
    (written,) = write(tmp_path / "t.git", [TimelineRun("r", 0, "", (("Runtime", ""),))])
    assert (written.title, written.trailers) == ("-", (("Runtime", "-"),))


def test_a_hook_of_another_repository_does_not_lead_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    assert len(write(tmp_path / "t.git", [night(1)])) == 1


def test_a_folder_that_is_no_repository_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "t.git").mkdir()
    with pytest.raises(StoreError, match=r"t\.git"):
        read(tmp_path / "t.git")


def test_stored_runs_say_what_they_measured(results, stored, record, cell) -> None:
    from harness import store

    pinned = record(cell(runtime="onnxruntime==1.31.0"), {"latency/p50": 1.0}, version="1.31.0")
    stored(results, 0, [record(cell(), {"latency/p50": 1.0}), pinned], suite_text="a: 1\n", harness="0.1.0")
    stored(results, 1, [record(cell(), status="failed", effective={})])
    first, second = nights(store.runs(results))
    assert first.trailers == (
        ("Suite", "nightly"),
        ("Suite-Hash", "37b128c59f1f"),
        ("Runtime", "current (1.32.0), onnxruntime==1.31.0"),
        ("Harness", "0.1.0"),
        ("Machine", "m1"),
    )
    assert first.title == "nightly: current (1.32.0), onnxruntime==1.31.0"
    assert second.title == "nightly: nothing ran"
