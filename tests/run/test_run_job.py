"""The whole path, plan to store, with exact numbers by a clock that is not a clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest

from harness import store
from harness.cli.run import program
from harness.core.errors import InputError
from harness.plan import plan, plan_document
from harness.run.job import _plan_hash, environment, run
from harness.store.header import write_header
from harness.store.lines import decode_line

Suite = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]
Records = Callable[..., list[dict[str, Any]]]


def test_every_number_of_a_case_is_what_the_engine_did(suite: Suite, records: Records) -> None:
    (record,) = records("run", suite(axes={"batch": 4}, measure={"accuracy": True}))
    values = {name: metric["value"] for name, metric in record["metrics"].items()}
    assert record["status"] == "ok"
    assert values["latency/p50"] == 1.1e-6
    assert values["latency/p95"] == 1.2e-6
    assert values["startup/session"] == 2e-3
    assert values["startup/first_call"] == 7e-6
    assert values["throughput/samples_per_s"] == pytest.approx(4 / 1.1e-6)
    assert values["memory/session"] == 15_000_000
    assert values["memory/peak"] == 50_000_000
    assert values["memory/arena_peak"] == 5_000_000
    assert values["accuracy/agreement"] == 1.0
    assert len(record["samples"]["latency_ns"][0]) == 300
    assert record["samples"]["warmup_ns"][0] == [9_000, 9_000]


def test_a_percentile_that_the_calls_cannot_carry_is_null_with_a_reason(
    suite: Suite, records: Records
) -> None:
    (record,) = records("run", suite(), "--set", "sampling.calls=100")
    p95 = record["metrics"]["latency/p95"]
    assert p95["value"] is None
    assert "130" in p95["reason"]


def test_several_processes_are_kept_apart(suite: Suite, records: Records) -> None:
    (record,) = records("run", suite(), "--set", "sampling.processes=3")
    assert [len(samples) for samples in record["samples"]["latency_ns"]] == [300, 300, 300]
    assert record["metrics"]["latency/p50"]["interval"] == "between processes"


def test_what_is_asked_for_and_what_is_in_effect_are_both_kept(suite: Suite, records: Records) -> None:
    (record,) = records("run", suite(axes={"intra_threads": 1, "graph_opt": 1}, measure={}))
    assert record["asked"]["session"]["graph_opt"] == "basic"
    assert record["effective"]["session"]["options"]["intra_threads"] == 1
    assert record["effective"]["outputs"]["rows"] == 32
    assert "arrays" not in record["effective"]["outputs"]  # what was computed is judged, not kept


def test_another_setting_in_effect_than_asked_for_is_failed(suite: Suite, records: Records) -> None:
    (record,) = records("run", suite({"options": {"graph_opt": "disable"}}))
    assert record["status"] == "failed"
    assert "graph_opt" in record["reason"]


@pytest.mark.parametrize(
    ("fail", "status", "words"),
    [
        ({"at": "timing", "how": "raise", "message": "out of luck"}, "failed", "out of luck"),
        (
            {"at": "session", "how": "unsupported", "message": "no such kernel"},
            "unsupported",
            "no such kernel",
        ),
        ({"at": "timing", "how": "signal", "signal": "SIGSEGV"}, "crashed", "SIGSEGV"),
        ({"at": "timing", "how": "signal", "signal": "SIGKILL"}, "crashed", "SIGKILL"),
        ({"at": "proof", "how": "exit", "code": 7}, "failed", "7"),
        ({"at": "timing", "how": "hang"}, "timeout", "timing"),
        ({"at": "timing", "how": "garbage"}, "failed", "answer"),
    ],
)
def test_a_case_that_ends_badly_is_a_record_and_the_sweep_goes_on(
    suite: Suite, records: Records, fail: dict[str, Any], status: str, words: str
) -> None:
    bad = {"cases": [{"when": {"batch": 2}, "fail": fail}]}
    timeout_s = 5 if fail["how"] == "hang" else 20  # the other cases must be done by then
    first, second, third = records(
        "run", suite(bad, axes={"batch": [1, 2, 3]}), "--set", f"sampling.timeout={timeout_s}"
    )
    assert (first["status"], second["status"], third["status"]) == ("ok", status, "ok")
    assert words in second["reason"]


def test_what_was_measured_before_a_crash_is_kept(suite: Suite, records: Records) -> None:
    (record,) = records("run", suite({"fail": {"at": "proof", "how": "signal"}}))
    assert record["status"] == "crashed"
    assert record["metrics"]["latency/p50"]["value"] == 1.1e-6


@pytest.mark.parametrize(
    ("fail", "code"),
    [({}, 0), ({"at": "timing", "how": "raise"}, 3), ({"at": "session", "how": "unsupported"}, 3)],
)
def test_the_exit_code_says_whether_cases_failed(
    suite: Suite, harness: Call, fail: dict[str, Any], code: int
) -> None:
    assert harness("run", suite({"fail": fail} if fail else {}))[0] == code


def test_a_gate_that_fails_makes_the_exit_code_1(suite: Suite, harness: Call) -> None:
    path = suite(gates=[{"metric": "memory/peak", "max": 40_000_000}])
    code, out, _ = harness("run", path)
    assert code == 1
    assert "Gates failed: 1" in out


def test_a_gate_holds_a_run_against_the_one_before(suite: Suite, harness: Call) -> None:
    gates = [{"metric": "memory/peak", "max_increase": "10%"}]
    code, out, _ = harness("run", suite(gates=gates))
    assert code == 0
    assert "Gates without data: 1" in out
    worse = {"memory": {"before_runtime": 1, "after_import": 2, "peak": 60_000_000}}
    assert harness("run", suite(worse, gates=gates))[0] == 1


def test_skipped_cells_are_records_with_their_reason(suite: Suite, records: Records) -> None:
    skip = [{"when": {"batch": 2}, "because": "two is company"}]
    found = records("run", suite(axes={"batch": [1, 2]}, skip=skip))
    assert {(record["axes"]["batch"], record["status"]) for record in found} == {(1, "ok"), (2, "skipped")}
    assert {record["reason"] for record in found} == {"", "two is company"}


def test_show_prints_the_records_that_run_printed(suite: Suite, records: Records) -> None:
    assert records("run", suite(axes={"batch": [1, 2]})) == records("show")
    assert [record["axes"]["batch"] for record in records("show", "--only", "batch=2")] == [2]


def start(tmp_path: Path, path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `harness run` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", str(path), *arguments],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),  # under nohup it is ignored
    )


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fail after a while."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen within 60 s"
        time.sleep(0.02)


def journal(tmp_path: Path) -> list[str]:
    """The lines of the journal of the only run."""
    (found,) = (tmp_path / "results" / "runs").glob("*/journal.jsonl")
    return found.read_text().splitlines()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_stopped_is_resumed_and_measures_nothing_twice(
    suite: Suite, records: Records, tmp_path: Path, how: signal.Signals
) -> None:
    hangs = tmp_path / "hangs"
    fail = {"at": "timing", "how": "hang", "once": str(hangs)}
    path = suite({"cases": [{"when": {"batch": 3}, "fail": fail}]}, axes={"batch": [1, 2, 3, 4]})
    running = start(tmp_path, path)
    wait_for(hangs.exists)
    os.kill(running.pid, how)
    _, said = running.communicate(timeout=60)
    if how != signal.SIGKILL:
        assert running.returncode == 130
        assert "--resume" in said
    kept = [decode_line(line.encode()) for line in journal(tmp_path)]
    assert [record["axes"]["batch"] for record in kept] == [1, 2]
    resumed = records("run", path, "--resume")
    assert [(record["axes"]["batch"], record["status"]) for record in resumed] == [
        (1, "ok"),
        (2, "ok"),
        (3, "ok"),
        (4, "ok"),
    ]
    assert [{name: record[name] for name in record if name != "scaling"} for record in resumed[:2]] == kept


def test_resuming_where_there_is_nothing_to_resume_says_so(suite: Suite, harness: Call) -> None:
    code, out, err = harness("run", suite(), "--resume")
    assert (code, out) == (2, "")
    assert err.startswith("error: --resume: ")
    assert err.count("\n") == 1


def test_a_run_that_is_interrupted_in_its_first_case_leaves_nothing_and_says_so(
    suite: Suite, harness: Call, tmp_path: Path
) -> None:
    code, out, err = harness("run", suite(interrupts(tmp_path)))
    assert (code, out, err) == (130, "", "interrupted before anything was measured\n")
    assert list((tmp_path / "results" / "runs").iterdir()) == []


def interrupts(folder: Path) -> dict[str, Any]:
    """What a fake model says that stops its run once, as Ctrl-C does."""
    return {"fail": {"at": "timing", "how": "interrupt", "once": str(folder / "interrupted")}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"git": {"commit": "2" * 40, "dirty": False}}, "another commit"),
        ({"git": {"commit": "1" * 40, "dirty": True}}, "another state of uncommitted changes"),
        ({"packages": {"onnxruntime": "1.0"}}, "another set of packages"),
        ({"machine": "other", "packages": {}}, "another machine and another set of packages"),
    ],
)
def test_a_run_does_not_go_on_as_something_else(
    suite: Suite, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    model = {"cases": [{"when": {"batch": 3}, **interrupts(tmp_path)}]}
    made = plan(suite(model, axes={"batch": [1, 2, 3, 4]}))
    here = {**environment(made), "git": {"commit": "1" * 40, "dirty": False}}
    folders = tmp_path / "results", tmp_path / "cache"
    assert run(made, *folders, machine=here).left == 2
    with pytest.raises(InputError, match=f"was measured with {said}; begin a run without it"):
        run(made, *folders, machine={**here, **change}, resume=True)
    assert run(made, *folders, machine=here, resume=True).left == 0


def test_a_plan_is_another_one_where_models_or_data_are(tmp_path: Path) -> None:
    document = {"models": {"m": {"source": {"onnx": "m.onnx"}, "data": "d.npz"}}}
    hashes = []
    for model, data in ((b"1", b"1"), (b"1", b"1"), (b"2", b"1"), (b"2", b"2")):
        onnx.save(onnx.helper.make_model(onnx.GraphProto(name=model.decode())), tmp_path / "m.onnx")
        (tmp_path / "d.npz").write_bytes(data)
        hashes.append(_plan_hash(plan_document(document, tmp_path, "s")))
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_an_interrupt_while_a_run_is_sealed_is_not_its_end(
    suite: Suite, harness: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = suite()
    with monkeypatch.context() as patch:
        patch.setattr(store.Journal, "seal", interrupted)
        assert harness("run", path)[0] == 130
    (info,) = store.runs(tmp_path / "results")
    assert not info.sealed
    assert harness("run", path, "--resume")[0] == 0
    assert store.runs(tmp_path / "results")[0].sealed


@pytest.mark.parametrize(("fail", "code"), [({}, 0), ({"at": "timing", "how": "raise"}, 3)])
def test_a_run_that_was_killed_while_it_was_sealed_is_shown_by_resume(
    suite: Suite,
    harness: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fail: dict[str, Any],
    code: int,
) -> None:
    path = suite({"fail": fail} if fail else {})
    with monkeypatch.context() as patch:
        patch.setattr("harness.store.journal.write_header", killed_in_the_second(write_header))
        with pytest.raises(SystemExit):
            harness("run", path)
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    assert {item.name for item in folder.iterdir()} == {"run.json", "journal.jsonl", "run.parquet"}
    status = "failed" if fail else "ok"
    resumed, out, err = harness("run", path, "--resume", "--format", "json")
    assert (resumed, [record["status"] for record in json.loads(out)]) == (code, [status])
    assert "resumed: every case had been measured already\n" in err
    assert {item.name for item in folder.iterdir()} == {"run.json", "run.parquet"}
    assert harness("run", path, "--resume")[0] == 2


def killed_in_the_second(call: Callable[..., None]) -> Callable[..., None]:
    """Let `call` through once; end the process, as far as a test can, in place of the second time."""
    calls = iter((call,))

    def once(*arguments: Any) -> None:
        for first in calls:
            return first(*arguments)
        raise SystemExit

    return once


def test_a_hint_calls_the_program_as_it_was_called(
    suite: Suite, harness: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert program("my envs/bin/harness") == "'my envs/bin/harness'"
    assert f"next:    {program()} show --format markdown; " in harness("run", suite())[2]


@pytest.mark.parametrize(
    ("called", "words"),
    [("bin/harness", "harness"), ("other/harness", "other/harness"), ("harness/__main__.py", "harness")],
)
def test_a_program_that_is_on_the_path_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, words: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "harness").touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert program(called) == words


def test_two_runs_at_once_do_not_harm_each_other(suite: Suite, records: Records, tmp_path: Path) -> None:
    path = suite(axes={"batch": [1, 2]})
    both = [start(tmp_path, path, "--format", "json") for _ in range(2)]
    printed = [json.loads(running.communicate(timeout=60)[0]) for running in both]
    assert [running.returncode for running in both] == [0, 0]
    assert printed[0][0]["run"] != printed[1][0]["run"]
    for found in printed:
        assert records("show", found[0]["run"]) == found


def test_a_run_of_which_every_case_is_unsupported_exits_with_3(suite: Suite, harness: Call) -> None:
    path = suite({"fail": {"at": "session", "how": "unsupported"}})
    code, out, _ = harness("run", path)
    assert code == 3
    assert "1 unsupported" in out


def test_a_filter_that_matches_nothing_exits_with_2_and_measures_nothing(
    suite: Suite, harness: Call, tmp_path: Path
) -> None:
    code, out, err = harness("run", suite(), "--only", "batch=7")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert not list((tmp_path / "results").glob("runs/*"))
