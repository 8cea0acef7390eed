"""Suites as tests, in real pytest sessions of their own; numbers by a clock that is not a clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.core.record import Status

EVERYTHING: dict[str, Any] = {
    "cases": [
        {"when": {"batch": 2}, "fail": {"at": "timing", "how": "signal"}},
        {"when": {"batch": 3}, "fail": {"at": "session", "how": "unsupported", "message": "no kernel"}},
        {"when": {"batch": 4}, "call_ns": [3_000]},
    ]
}
"""A model that crashes at batch 2, has no kernel at 3 and is slow at 4."""

Session = Callable[..., pytest.RunResult]
Suite = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, suite: Suite) -> Suite:
    """Write a suite of the fake engine into the current folder; return its path relative to it."""

    def write(*arguments: Any, measure: dict[str, Any] | None = None, **keys: Any) -> Path:
        quick = {"accuracy": False, "proof": False, **(measure or {})}
        return suite(*arguments, measure=quick, **keys).relative_to(tmp_path)

    return write


def items(result: pytest.RunResult) -> list[str]:
    """Name the items that --collect-only -q listed."""
    return [line for line in result.outlines if "::" in line]


RESULTS = Path("results")


def test_a_case_passes_fails_or_is_skipped_and_its_numbers_are_shown(write: Suite, session: Session) -> None:
    suite = write(
        EVERYTHING,
        axes={"batch": [1, 2, 3, 4, 5]},
        skip=[{"when": {"batch": 5}, "because": "five is a crowd"}],
        gates=[{"metric": "latency/p50", "max": "2 us"}],
    )
    result = session(suite, "-rs")
    result.assert_outcomes(passed=1, failed=2, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "crashed: the worker died of SIGSEGV*in the timing pass*",
            "latency/p50 max 2 µs: 3 µs > 2 µs",
            "model  batch     p50   speedup     p95  samples/s  peak memory *",
            "m      4        3 µs     1.47×    3 µs    1333000        50 MB *",
            "       1      1.1 µs  baseline  1.2 µs     909100        50 MB *",
            "results: results/runs/*",
            "SKIPPED [[]1] fake.yaml:1: unsupported: *no kernel*",
            "SKIPPED [[]1] fake.yaml:1: skipped: five is a crowd",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*unfinished*")
    (run,) = store.runs(RESULTS)
    records = store.records(RESULTS, run.run)
    assert run.sealed
    assert run.header.counts == {"crashed": 1, "ok": 2, "skipped": 1, "unsupported": 1}
    assert {record.axes["batch"]: record.status for record in records} == {
        1: Status.OK,
        2: Status.CRASHED,
        3: Status.UNSUPPORTED,
        4: Status.OK,
        5: Status.SKIPPED,
    }
    assert records[0].run == run.run
    assert records[0].metrics["latency/p50"].value == 1.1e-6


def test_items_are_selected_by_key_by_word_and_by_axis(write: Suite, session: Session) -> None:
    suite = write(axes={"batch": [1, 8, 16], "graph_opt": ["disable", "all"]})
    assert items(session(suite, "--collect-only", "-q")) == [
        "fake.yaml::m/graph_opt=disable",
        "fake.yaml::m/graph_opt=disable/batch=8",
        "fake.yaml::m/graph_opt=disable/batch=16",
        "fake.yaml::m",
        "fake.yaml::m/batch=8",
        "fake.yaml::m/batch=16",
    ]
    assert items(session(f"{suite}::m/batch=8", "--collect-only", "-q")) == ["fake.yaml::m/batch=8"]
    assert len(items(session(suite, "-k", "not disable", "--collect-only", "-q"))) == 3
    exactly = session(suite, "-m", "harness(batch=1, graph_opt='all')", "--collect-only", "-q")
    assert items(exactly) == ["fake.yaml::m"]


def test_a_suite_that_was_run_in_part_is_completed_by_the_command_line(
    write: Suite, session: Session
) -> None:
    suite = write(axes={"batch": [1, 2, 3]}, skip=[{"when": {"batch": 3}, "because": "no"}])
    result = session(suite, "-m", "harness(batch=2)", "--harness-results", "kept")
    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "unfinished: 2 of 3 cells were not run; "
            "measure them with: harness run fake.yaml --resume --results kept"
        ]
    )
    (run,) = store.runs(Path("kept"))
    assert not run.sealed
    (kept,) = store.records(Path("kept"))
    command = ["run", "fake.yaml", "--resume", "--results", "kept"]
    subprocess.run([sys.executable, "-m", "harness", *command], check=True, capture_output=True)
    (run,) = store.runs(Path("kept"))
    assert run.sealed
    records = store.records(Path("kept"))
    assert [record.axes["batch"] for record in records] == [2, 3, 1]
    assert records[0] == kept


def test_a_folder_of_yaml_is_left_alone_and_a_suite_by_option_runs_beside_tests(
    write: Suite, session: Session
) -> None:
    suite = write()
    Path("test_it.py").write_text("def test_one(): pass")
    assert items(session("--collect-only", "-q")) == ["test_it.py::test_one"]
    assert items(session(suite, "--harness-suite", suite, "--collect-only", "-q")) == ["fake.yaml::m"]
    session(".", "--harness-suite", suite).assert_outcomes(passed=2)


def test_a_wrong_suite_is_a_line_for_each_mistake(session: Session) -> None:
    Path("wrong.yaml").write_text("modles: {}\naxes: {batch: [0]}\n")
    result = session("wrong.yaml")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["wrong.yaml:1: modles: unknown key 'modles': did you mean 'models'?*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*harness/*.py*")


def test_data_that_is_wrong_is_said_in_every_case(write: Suite, session: Session) -> None:
    Path("data.npz").write_bytes(b"no data")
    source = {"fake": {"outputs": {"y": [[0.1, 0.9]]}}}
    result = session(write(models={"m": {"source": source, "data": "data.npz"}}, axes={"batch": [1, 2]}))
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*data.npz: *", "*data.npz: *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*harness/*.py*")


def test_yaml_of_other_plugins_is_left_to_them(session: Session) -> None:
    Path("test_web.tavern.yaml").write_text("test_name: a\nstages: [{name: b, models: c}]\n")
    result = session("test_web.tavern.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: not found: *test_web.tavern.yaml"])


def test_a_gate_holds_against_the_run_before(write: Suite, session: Session) -> None:
    gates = [{"metric": "memory/peak", "max_increase": "10%"}]
    first = session(write(gates=gates))
    first.assert_outcomes(passed=1)
    first.stdout.fnmatch_lines(["Gates without data: 1", "*no previous record of this case"])
    worse = {"memory": {"before_runtime": 1, "after_import": 2, "peak": 60_000_000}}
    second = session(write(worse, gates=gates))
    second.assert_outcomes(failed=1)
    second.stdout.fnmatch_lines(
        ["memory/peak max_increase 10% against previous: 60 MB > 55 MB (previous: 50 MB)"]
    )


SPY = """
import json, os, time
from harness import measure
from harness.measure.launch import observe

def spied(request, workdir):
    begun = time.monotonic()
    answer = observe(request, workdir)
    ended = time.monotonic()
    with open("spied.jsonl", "a") as file:
        print(json.dumps([begun, ended, os.getpid(), request.cores.worker]), file=file)
    return answer

measure.observe = spied
"""
"""A conftest.py that writes down when who measured where."""


def test_two_workers_of_xdist_never_measure_at_a_time_on_the_same_cores_and_write_one_run(
    write: Suite, session: Session
) -> None:
    Path("conftest.py").write_text(SPY)
    batches = [1, 2, 3, 4]
    core = max(os.sched_getaffinity(0))
    suite = write(axes={"batch": batches}, measure={"cores": [core]})
    result = session(suite, "-n", "2", "--harness-benchmark-json", "b.json")
    result.assert_outcomes(passed=4)
    intervals = sorted(json.loads(line) for line in Path("spied.jsonl").read_text().splitlines())
    assert len({pid for _, _, pid, _ in intervals}) == 2
    assert {tuple(cores) for *_, cores in intervals} == {(core,)}
    assert len(intervals) == len(batches)
    for (_, ended, *_), (begun, *_) in pairwise(intervals):
        assert ended <= begun
    (run,) = store.runs(RESULTS)
    assert run.sealed
    records = store.records(RESULTS)
    assert sorted(record.axes["batch"] for record in records) == batches
    assert {record.metrics["latency/p50"].value for record in records} == {1.1e-6}
    assert len(json.loads(Path("b.json").read_text())["benchmarks"]) == 4


def test_pytest_benchmark_reads_what_is_written(write: Suite, session: Session) -> None:
    folder = Path(".benchmarks/Linux-CPython-3.11-64bit")
    folder.mkdir(parents=True)
    written = folder / "0001_harness.json"
    broken = [{"when": {"batch": 2}, "fail": {"at": "timing", "how": "raise"}}]
    result = session(
        write({"cases": broken}, axes={"batch": [1, 2, 4]}), f"--harness-benchmark-json={written}"
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"pytest-benchmark: {written}"])
    listed = subprocess.run(["pytest-benchmark", "list"], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == [str(written.absolute())]
    columns = "--columns=min,max,median,rounds"
    compared = subprocess.run(
        ["pytest-benchmark", "compare", "0001", columns], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in compared.stdout.splitlines() if line.startswith("m")]
    assert [[line[0], *line[1::2]] for line in lines] == [
        ["m", "1.0000", "1.2000", "1.1000", "300"],
        ["m/batch=4", "1.0000", "1.2000", "1.1000", "300"],
    ]


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(
    write: Suite, session: Session
) -> None:
    result = session(write(), "--harness-benchmark-json=nowhere/b.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --harness-benchmark-json=nowhere/b.json: name a file in an *"])
    assert store.runs(RESULTS) == []


def test_results_that_cannot_be_kept_end_the_session_in_one_line(write: Suite, session: Session) -> None:
    Path("results").write_text("in the way")
    result = session(write(axes={"batch": [1, 2]}))
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["*Exit: *results/runs/*: cannot write: Not a directory*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert result.parseoutcomes().get("passed", 0) <= 1


def test_an_interrupted_session_keeps_what_it_measured(write: Suite, session: Session) -> None:
    hangs = {"cases": [{"when": {"batch": 3}, "fail": {"at": "timing", "how": "hang"}}]}
    suite = write(hangs, axes={"batch": [1, 2, 3]})
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-W", "error", str(suite)], stdout=subprocess.PIPE, text=True
    )
    for _ in range(600):
        journals = list(Path().glob("results/runs/*/journal.jsonl"))
        if journals and journals[0].read_text().count("\n") == 2:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert "unfinished: 1 of 3 cells were not run" in said
    assert [record.axes["batch"] for record in store.records(RESULTS)] == [1, 2]


def test_an_interrupt_while_a_record_is_written_counts_the_record(write: Suite, session: Session) -> None:
    Path("conftest.py").write_text(
        """
from harness.store.journal import Journal

append = Journal.append

def interrupted(self, record):
    append(self, record)
    if record.axes["batch"] == 2:
        raise KeyboardInterrupt

Journal.append = interrupted
"""
    )
    result = session(write(axes={"batch": [1, 2, 3]}))
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["unfinished: 1 of 3 cells were not run*"])


def test_a_session_that_measures_nothing_pays_nothing(session: Session) -> None:
    Path("test_it.py").write_text(
        """
import sys

def test_nothing_is_imported(request):
    assert request.config.pluginmanager.has_plugin("harness")
    heavy = {"numpy", "pydantic", "yaml", "onnxruntime", "duckdb", "harness.core.record", "harness.plan"}
    assert not heavy & set(sys.modules)
"""
    )
    session("-p", "no:benchmark", "-p", "no:hypothesispytest").assert_outcomes(passed=1)
    assert not Path("results").exists()


def test_the_plugin_can_be_left_out(session: Session) -> None:
    Path("test_it.py").write_text(
        "def test_one(request): assert not request.config.pluginmanager.hasplugin('harness-runs')"
    )
    session("-p", "no:harness").assert_outcomes(passed=1)


LATEST = """
from harness.core.errors import Unsupported
from harness import install
from harness.core.requirement import Requirement

def refuse(requirement, cache_dir):
    raise Unsupported(f"{requirement}: not for this Python")

install.newest = lambda name: Requirement("onnxruntime", "9.9.9")
install.ensure = refuse
"""


def test_latest_means_the_version_that_it_is_now(write: Suite, session: Session) -> None:
    Path("conftest.py").write_text(LATEST)
    result = session(write(axes={"runtime": ["current", "latest"]}), "-rs", "-v")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["fake.yaml::m/runtime=latest SKIPPED*", "*unsupported: onnxruntime==9.9.9: not for this Python*"]
    )
    (run,) = store.runs(RESULTS)
    asked = {record.case: record.asked["session"]["runtime"] for record in store.records(RESULTS, run.run)}
    assert asked == {"m": "current", "m/runtime=latest": "onnxruntime==9.9.9"}
