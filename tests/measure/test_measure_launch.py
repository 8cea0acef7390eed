"""A worker process from the outside: how it starts, how it ends, what is left of it. Runs the fake engine."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harness import measure
from harness.core.case import Load, Session
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.measure import launch

pytestmark = pytest.mark.xdist_group("processes")  # they stop, count and kill processes

MODEL = {
    "session_ns": 2_000_000,
    "first_call_ns": 9_000,
    "warmup_ns": [7_000, 6_000],
    "call_ns": [1_000, 1_200, 1_400],
    "import_ns": 30_000,
    "memory": {
        "before_runtime": 10,
        "after_import": 20,
        "after_session": 30,
        "session_peak": 35,
        "after_first_call": 40,
        "peak": 50,
    },
    "outputs": {"y": [[0.25, 0.75], [1.0, 0.0]]},
    "operators": {"FusedConv": 2, "Gemm": 1},
}


def pids_of(path):
    """Every process that was started with `path` on its command line."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and str(path).encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def eventually(condition, seconds=20):
    """Wait until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def test_the_whole_path_has_exact_numbers(fake, work):
    request = fake(MODEL, load=Load(batch=2), wanted=Measure(inputs=3, drift_samples=5))
    seen = measure.observe(request, work)
    assert seen.error is None
    assert seen.passes == ("session", "memory", "timing", "outputs", "proof")
    assert (seen.session["create_ns"], seen.session["first_call_ns"]) == (2_000_000, 9_000)
    assert seen.runtime["import_ns"] == 30_000
    assert seen.runtime["distribution"] == "fake"
    assert seen.feeds == {"kind": "random", "distinct": 3, "rows": 6, "seed": 0}
    assert {name: reading.get("bytes") for name, reading in seen.memory.items()} == {
        "before_runtime": 10,
        "after_import": 20,
        "after_session": 30,
        "session_peak": 35,
        "after_first_call": 40,
        "peak": 50,
        "arena_peak": None,
        "device_peak": None,
    }
    assert seen.memory["arena_peak"] == {"unavailable": "the file has no arena_peak"}
    assert seen.timing == {
        "clock": {"name": "fake", "overhead_ns": 0, "resolution_ns": 0},
        "batch": 2,
        "warmup_ns": [7_000, 6_000, 7_000],
        "samples_ns": [1_000, 1_200, 1_400, 1_000, 1_200, 1_400, 1_000, 1_200],
        "wall_ns": 9_400,
        "stopped_by": "calls",
        "cpu_ns": 9_400,
        "context_switches": {"voluntary": 0, "involuntary": 0},
        "page_faults": {"minor": 0, "major": 0},
    }
    assert seen.outputs["rows"] == 5
    with np.load(seen.outputs["file"]) as arrays:
        assert arrays["0"].tolist() == [[0.25, 0.75], [1.0, 0.0]] * 2 + [[0.25, 0.75]]
    assert seen.proof["assignment"] == {
        "CPUExecutionProvider": {"nodes": 3, "operators": {"FusedConv": 2, "Gemm": 1}}
    }
    assert seen.system["stage_ns"] == {
        "session": 2_039_000,
        "memory": 3_600,
        "timing": 29_400,
        "outputs": 0,
        "proof": 0,
    }
    assert {**seen.exit, "wall_s": 0} == {
        "code": 0,
        "signal": None,
        "timeout": False,
        "wall_s": 0,
        "stdout": "",
        "stderr": "",
    }
    assert seen.exit["wall_s"] > 0


def test_a_file_may_answer_differently_by_case(fake, work):
    says = {"call_ns": [1_000], "cases": [{"when": {"batch": 8, "graph_opt": "basic"}, "call_ns": [9_000]}]}
    basic = Session(graph_opt="basic", intra_threads=1)
    asked = [(Session(intra_threads=1), 8), (basic, 1), (basic, 8)]
    spans = [
        measure.observe_here(fake(says, session=session, load=Load(batch=batch)), work).timing["samples_ns"][
            0
        ]
        for session, batch in asked
    ]
    assert spans == [1_000, 1_000, 9_000]


def test_in_this_process_the_answer_is_the_same(fake, work):
    request = fake(MODEL)
    here, there = measure.observe_here(request, work / "here"), measure.observe(request, work / "there")
    for part in ("passes", "timing", "memory", "proof", "feeds"):
        assert getattr(here, part) == getattr(there, part)


def test_passes_that_were_not_asked_for_do_not_run(fake, work):
    seen = measure.observe(fake(MODEL, passes=("timing",)), work)
    assert seen.passes == ("session", "timing")
    assert (seen.memory, seen.outputs, seen.proof) == ({}, {}, {})
    assert len(seen.timing["samples_ns"]) == 8


@pytest.mark.parametrize(
    ("at", "finished"),
    [
        ("import", ()),
        ("session", ()),
        ("first_call", ()),
        ("memory", ("session",)),
        ("warmup", ("session", "memory")),
        ("timing", ("session", "memory")),
        ("outputs", ("session", "memory", "timing")),
        ("proof", ("session", "memory", "timing", "outputs")),
    ],
)
def test_an_error_in_a_stage_keeps_what_came_before(fake, work, at, finished):
    says = {**MODEL, "fail": {"at": at, "how": "raise", "message": "no\nluck"}}
    seen = measure.observe_here(fake(says), work)
    stage = "session" if at in ("import", "first_call") else "timing" if at == "warmup" else at
    assert seen.passes == finished
    assert seen.error == {
        "status": "failed",
        "pass": stage,
        "type": "RuntimeError",
        "message": "RuntimeError: no luck",
    }
    assert bool(seen.memory.get("peak")) == ("memory" in finished)


def test_what_a_runtime_cannot_do_is_unsupported(fake, work):
    says = {"fail": {"at": "session", "how": "unsupported", "message": "no such kernel"}}
    seen = measure.observe(fake(says), work)
    assert seen.error == {
        "status": "unsupported",
        "pass": "session",
        "type": "Unsupported",
        "message": "no such kernel",
    }
    assert seen.exit["code"] == 0


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_worker_that_dies_of_a_signal_is_crashed_and_keeps_its_facts(fake, work, name):
    says = {**MODEL, "fail": {"at": "outputs", "how": "signal", "signal": name}}
    seen = measure.observe(fake(says), work)
    assert seen.error == {
        "status": "crashed",
        "pass": "outputs",
        "type": name,
        "message": f"the worker died of {name} during outputs",
    }
    assert (seen.exit["signal"], seen.exit["code"], seen.exit["timeout"]) == (
        signal.Signals[name],
        None,
        False,
    )
    assert seen.passes == ("session", "memory", "timing")
    assert len(seen.timing["samples_ns"]) == 8


def test_an_exit_code_without_an_answer_is_a_failure(fake, work):
    seen = measure.observe(fake({"fail": {"at": "import", "how": "exit", "code": 7}}), work)
    assert seen.error == {
        "status": "failed",
        "pass": "session",
        "type": "exit",
        "message": "the worker ended with exit code 7 during session",
    }
    assert (seen.exit["code"], seen.exit["signal"]) == (7, None)


def test_an_answer_that_nobody_can_read_is_a_failure(fake, work):
    seen = measure.observe(fake({"fail": {"at": "timing", "how": "garbage"}}), work)
    assert seen.error["status"] == "failed"
    assert seen.error["type"] == "answer"
    assert seen.error["message"].startswith(
        "the worker left an answer that cannot be read (Expecting property"
    )
    assert seen.exit["code"] == 0


def test_an_answer_of_another_form_is_a_failure(fake, work):
    work.mkdir()
    command = [sys.executable, "-c", "open('answer.json', 'w').write('{\"passes\": [], \"mood\": 1}')"]
    seen = measure.observe(fake({}), work, lambda path: command)
    assert "unexpected keyword argument 'mood'" in seen.error["message"]


def silent(path):
    return [sys.executable, "-c", ""]


def test_no_answer_at_all_is_a_failure(fake, work):
    assert measure.observe(fake({}), work, silent).error["message"] == "the worker left no answer"


def test_an_answer_of_an_earlier_case_is_not_taken_for_this_one(fake, work):
    assert measure.observe(fake({}), work).error is None
    assert measure.observe(fake({}), work, silent).error["message"] == "the worker left no answer"


def test_a_worker_that_hangs_is_killed_when_its_time_is_up(fake, work):
    sampling = Sampling(calls=8, seconds=None, warmup_s=0, timeout_s=5)
    seen = measure.observe(fake({"fail": {"at": "proof", "how": "hang"}}, sampling=sampling), work)
    assert seen.error == {
        "status": "timeout",
        "pass": "proof",
        "type": "timeout",
        "message": "not done after 5 s; stopped during proof",
    }
    assert (seen.exit["timeout"], seen.exit["signal"], seen.exit["code"]) == (True, None, None)
    assert seen.passes == ("session", "memory", "timing", "outputs")
    assert pids_of(work) == []


def test_the_parent_sleeps_in_one_wait(fake, work):
    sampling = Sampling(timeout_s=1.5)
    request = fake({"fail": {"at": "import", "how": "hang"}}, sampling=sampling)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    assert measure.observe(request, work).exit["timeout"]
    # starting a process and reading its files block a few times; a poll every 50 ms would be 30 more
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before < 15


def test_what_the_runtime_prints_is_kept_and_spoils_nothing(fake, work):
    says = {"fail": {"at": "session", "how": "stdout", "message": "\x1b[31mloud\x1b[0m" * 2000}}
    seen = measure.observe(fake(says), work)
    assert seen.error is None
    assert len(seen.exit["stdout"]) == launch.TAIL_BYTES
    assert seen.exit["stdout"].endswith("\x1b[31mloud\x1b[0m\n")


def test_a_crash_leaves_its_stack_in_stderr(fake, work):
    seen = measure.observe(fake({"fail": {"at": "session", "how": "signal", "signal": "SIGABRT"}}), work)
    assert "Fatal Python error: Aborted" in seen.exit["stderr"]


def test_children_of_a_worker_do_not_outlive_it(fake, work):
    sleeper = f"[sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(99)', {str(work)!r}]"
    start = f"subprocess.Popen({sleeper}, stdout=subprocess.PIPE).stdout.readline()"
    command = [sys.executable, "-c", f"import subprocess, sys; print('born', {start})"]
    assert (
        measure.observe(fake({}), work, lambda path: command).exit["stdout"] == "born b'1\\n'\n"
    )  # it lived
    eventually(lambda: pids_of(work) == [])


PARENT = """
import json, sys
from pathlib import Path
from harness import measure
request = measure.Request.from_json(json.loads(Path(sys.argv[1]).read_text()))
try:
    measure.observe(request, Path(sys.argv[2]))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.fixture
def parent(fake, tmp_path, work):
    """A process that waits for a worker that hangs."""
    import json

    path = tmp_path / "asked.json"
    path.write_text(json.dumps(fake({"fail": {"at": "timing", "how": "hang"}}).to_json()))
    command = [sys.executable, "-c", PARENT, str(path), str(work)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    eventually(lambda: (work / "answer.json").exists())
    assert len(pids_of(work / "request.json")) == 1
    yield process
    process.kill()
    process.communicate()


def test_ctrl_c_kills_the_worker_and_goes_on_to_the_caller(parent, work):
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal sends it: to the whole foreground group
    assert parent.communicate(timeout=20)[0] == "interrupted\n"
    assert pids_of(work / "request.json") == []


@pytest.mark.parametrize("which", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_does_not_outlive_its_parent(parent, work, which):
    parent.send_signal(which)
    parent.wait(20)
    eventually(lambda: pids_of(work / "request.json") == [])


def test_a_parent_that_is_gone_before_the_worker_starts_is_noticed(fake, work, tmp_path):
    measure.observe(fake({}), work)
    (work / "answer.json").unlink()
    command = launch.worker_command(work / "request.json")
    done = subprocess.run([*command[:-1], "1"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert not (work / "answer.json").exists()


def test_a_stray_module_in_the_working_folder_is_not_imported(fake, work):
    work.mkdir()
    (work / "numpy.py").write_text("raise SystemExit('not this one')")
    assert measure.observe(fake({}), work).error is None


def test_the_environment_is_the_parents_and_what_matters_of_it_is_recorded(fake, work, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("HARNESS_TEST_SECRET", "x")
    environment = measure.observe(fake({}), work).system["environment"]
    assert environment["OMP_NUM_THREADS"] == "3"
    assert "HARNESS_TEST_SECRET" not in environment


def test_the_runtimes_folder_is_first_on_the_path(fake, work, tmp_path):
    request = fake({}, runtime_path=str(tmp_path / "runtime"))
    folders = launch._environment(request)["PYTHONPATH"].split(os.pathsep)
    assert folders[:2] == [str(tmp_path / "runtime"), str(Path(measure.__file__).parents[2])]


def test_a_request_survives_its_file(fake):
    import json

    request = fake(MODEL, runtime_path="/a", runtime_version="1.2")
    assert measure.Request.from_json(json.loads(json.dumps(request.to_json()))) == request


@pytest.mark.parametrize(("name", "timeout_s"), [("stdout", 20), ("hang", 5)])
def test_the_working_folder_may_be_relative(fake, tmp_path, monkeypatch, name, timeout_s):
    monkeypatch.chdir(tmp_path)
    sampling = Sampling(calls=8, seconds=None, warmup_s=0, timeout_s=timeout_s)
    seen = measure.observe(fake({"fail": {"at": "proof", "how": name}}, sampling=sampling), Path("here"))
    assert seen.timing["samples_ns"] == [1_000] * 8
    assert Path(seen.outputs["file"]).is_absolute()
