"""`harness anchor` and `harness merge`, on stored runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from make import make_record

from harness import store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder that the commands keep runs in."""
    return tmp_path / "results"


@pytest.fixture
def measured(results: Path) -> Callable[..., str]:
    """Store a run of one case; sealed unless said otherwise."""

    def make(suite: str = "nightly", machine: str = "box", *, sealed: bool = True) -> str:
        record = make_record({"latency/p50": 0.001}, model="m", suite=suite)
        with store.new_run(results, store.Header(suite=suite, machine=machine, cases=1)) as journal:
            journal.append(record)
            if sealed:
                journal.seal()
        return journal.run

    return make


def test_an_anchor_is_set_shown_and_cleared(measured: Callable[..., str], harness: Call) -> None:
    run = measured()
    code, out, err = harness("anchor", "set", run[:-3])
    assert (code, out, err) == (0, f"suite 'nightly' on machine 'box' is compared with run {run}\n", "")
    (row,) = json.loads(harness("anchor", "show", "--format", "json")[1])
    assert (row["suite"], row["machine"], row["run"], row["state"]) == ("nightly", "box", run, "there")
    code, out, err = harness("anchor", "clear")
    assert (code, out) == (0, "suite 'nightly' on machine 'box' has no anchor any more\n")
    code, out, err = harness("anchor", "show")
    assert (code, out, err) == (0, "", "results: no anchor; pin a run with 'harness anchor set RUN'\n")


def test_the_suite_narrows_what_a_name_means(measured: Callable[..., str], harness: Call) -> None:
    run = measured("nightly")
    measured("quick")
    harness("anchor", "set", "latest", "--suite", "nightly")
    assert [row["run"] for row in json.loads(harness("anchor", "show", "--format", "json")[1])] == [run]


def test_an_unfinished_run_is_no_anchor(measured: Callable[..., str], harness: Call) -> None:
    run = measured(sealed=False)
    code, out, err = harness("anchor", "set", "latest")
    assert (code, out) == (2, "")
    assert err == f"error: run {run} is not finished; pin one that is, or finish it with --resume\n"


def test_of_several_anchors_one_is_named_to_be_cleared(measured: Callable[..., str], harness: Call) -> None:
    for machine in ("box", "other"):
        harness("anchor", "set", measured(machine=machine))
    code, _, err = harness("anchor", "clear", "--suite", "nightly")
    assert code == 2
    assert "2 anchors match; say which with --suite and --machine: 'nightly' on 'box', " in err
    assert harness("anchor", "clear", "--machine", "box")[0] == 0
    assert [row["machine"] for row in json.loads(harness("anchor", "show", "--format", "json")[1])] == [
        "other"
    ]
    code, _, err = harness("anchor", "clear", "--machine", "box")
    assert (code, err) == (2, "error: results: no such anchor; 'harness anchor show' lists them\n")


def test_an_anchor_whose_run_is_gone_is_said(
    measured: Callable[..., str], harness: Call, results: Path
) -> None:
    run = measured()
    harness("anchor", "set", run)
    (results / "runs" / run).rename(results / "elsewhere")
    assert "missing" in harness("anchor", "show")[1]


def test_merging_copies_finished_runs_once(
    measured: Callable[..., str], harness: Call, results: Path
) -> None:
    finished, unfinished = measured(), measured(sealed=False)
    code, out, err = harness("merge", results, "--results", "all", "--format", "json")
    assert code == 3
    assert json.loads(out) == [{"run": finished, "outcome": "copied"}]
    assert err == f"run {unfinished} is not finished and stays where it is\n"
    _, out, _ = harness("merge", results, results, "--results", "all", "--format", "json")
    assert json.loads(out) == [{"run": finished, "outcome": "there already"}]
    assert [item.run for item in store.runs(Path("all"))] == [finished]


def test_merging_a_folder_without_runs_is_an_error(harness: Call) -> None:
    code, out, err = harness("merge", "nowhere")
    assert (code, out) == (2, "")
    assert err.startswith("error: nowhere: no runs in it")


def test_anchors_that_are_pinned_at_once_are_all_kept(measured: Callable[..., str], results: Path) -> None:
    import threading
    from dataclasses import replace

    run = store.find_run(results, measured())
    runs = [replace(run, header=replace(run.header, suite=f"s{number}")) for number in range(12)]
    threads = [threading.Thread(target=store.set_anchor, args=(results, item)) for item in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.anchors(results)) == 12
