"""Counting instructions: what callgrind writes, which counter is used, and what the worker is asked."""

import errno
import json
import shutil
import struct
from dataclasses import replace

import pytest
from conftest import FAKE

from harness.core.case import Session
from harness.core.record import Observation
from harness.measure.callgrind_file import self_cost
from harness.measure.counting import Tools, callgrind_command, count, read_counts, visible
from harness.measure.launch import observe_each, read_ended
from harness.measure.worker import counters
from harness.measure.worker.counters import Hardware, hardware_refusal

WRITTEN = """\
# callgrind format
version: 1
desc: Trigger: Client Request: call

positions: line
events: Ir
summary: 0

ob=(1) /venv/onnxruntime/capi/state.so
fl=(1) ???
fn=(1) run
0 5
+3 7
cob=(2) /usr/lib/libc.so.6
cfn=(2) memcpy
calls=4 0
0 1000
-2 100
* 1

ob=(2)
fn=(2)
0 400
fn=(3) nothing
0
ob=(1)
fn=(4) more
0 30
totals: 543
"""


def test_the_self_cost_of_each_object_leaves_out_what_was_called() -> None:
    assert self_cost(WRITTEN.splitlines(keepends=True)) == (
        "call",
        {"/venv/onnxruntime/capi/state.so": 143, "/usr/lib/libc.so.6": 400},
    )


def test_names_may_be_written_in_full_and_costs_stand_behind_all_positions() -> None:
    text = "positions: instr line\nevents: Ir\nob=/a.so\nfn=f\n0x10 3 8\n+2 * 4\n"
    assert self_cost(text.splitlines()) == ("", {"/a.so": 12})


def test_a_name_that_was_never_given_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"the name \(7\) is used before it is given"):
        self_cost(["events: Ir\n", "ob=(7)\n"])
    with pytest.raises(ValueError, match="expected instructions first"):
        self_cost(["events: Dr Ir\n"])


def test_counts_are_those_of_the_runtimes_folder_in_the_order_of_the_stretches(tmp_path) -> None:
    for number, cost in ((10, 9), (2, 5)):
        text = WRITTEN.replace("0 30", f"0 {cost}")
        (tmp_path / f"callgrind.out.77.{number}").write_text(text)
    between = WRITTEN.replace("Request: call", "Request: between")
    (tmp_path / "callgrind.out.77.3").write_text(between)
    (tmp_path / "callgrind.out.ended").write_text("events: Ir\n")
    written = list(tmp_path.glob("callgrind.out.*"))
    assert read_counts(written, "/venv/onnxruntime") == {
        "counts": {"call": [118, 122]},
        "elsewhere": {"call": [400, 400]},
    }
    with pytest.raises(ValueError, match="no instruction of /venv/onnx is in it"):
        read_counts(written, "/venv/onnx")


def seen(part, **more):
    runtime = {"path": "/venv/onnxruntime"}
    return Observation(
        passes=("session", "instructions"), runtime=runtime, parts={"instructions": part}, **more
    )


def only(groups):
    ((one,),) = groups
    return one


def tools(**more):
    given = {
        "refusal": lambda: "No such device",
        "which": lambda name: None,
        "x86_64": lambda: True,
        "observe": lambda request, folder, command: pytest.fail("no worker is to be started"),
    }
    return Tools(**{**given, **more})


def test_without_valgrind_and_without_a_counter_the_reason_says_how_to_get_it(fake, work) -> None:
    why = only(count([[fake({})]], work, tools()))["unavailable"]
    assert why == (
        "no valgrind: install it from the system's packages, such as 'apt-get install valgrind'; "
        "and no counter of the processor (No such device)"
    )


def test_another_processor_is_told(fake, work) -> None:
    found = only(count([[fake({})]], work, tools(x86_64=lambda: False, which=shutil.which)))
    assert found == {"unavailable": "counting is written for x86-64, and this processor is none"}


def test_the_processors_own_counter_goes_first_and_needs_no_valgrind(fake, work) -> None:
    asked = []

    def observe(groups, folder, command):
        asked.append((only(groups).passes, command))
        return [[seen({"how": "perf", "calls": 4, "counts": {"call": [40], "session": [9]}})]]

    found = only(count([[fake({})]], work, tools(refusal=str, observe=observe)))
    assert (found["how"], found["counts"], found["tool"]) == (
        "perf",
        {"call": [40], "session": [9]},
        "perf_event_open",
    )
    assert asked == [(("instructions",), None)]


def test_threads_that_wait_do_not_spin_where_there_are_several(fake, work) -> None:
    asked = []

    def observe(groups, folder, command):
        asked.append(only(groups).session["config"])
        return [[seen({"how": "perf", "counts": {"call": [1]}})]]

    spinning = {"session.intra_op.allow_spinning": "1"}
    for threads in (1, 2):
        request = fake({}, session=Session(intra_threads=threads))
        request = replace(request, session={**request.session, "config": spinning})
        request = replace(request, cores=replace(request.cores, threads=threads))
        count([[request]], work, tools(refusal=str, observe=observe))
    assert asked == [
        spinning,
        {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"},
    ]


def test_a_worker_that_fails_under_valgrind_leaves_the_reason(fake, work) -> None:
    error = {"status": "crashed", "pass": "session", "type": "SIGILL", "message": "the worker died of SIGILL"}
    lost = Observation(passes=(), error=error)
    with_valgrind = tools(which=lambda name: "/usr/bin/valgrind", observe=lambda *_: [[lost]])
    found = only(count([[fake({})]], work, with_valgrind))
    assert found == {"unavailable": "the worker that counts: the worker died of SIGILL"}


def test_the_worker_starts_under_callgrind_which_counts_nothing_yet(tmp_path) -> None:
    command = callgrind_command("/usr/bin/valgrind")(tmp_path)
    assert command[:3] == ["env", "PYTHONHASHSEED=0", "/usr/bin/valgrind"]
    assert "--instr-atstart=no" in command
    assert command[-3:-1] == ["harness.measure.worker.each", str(tmp_path)]


def test_what_valgrind_has_not_is_no_instruction_set_of_the_worker() -> None:
    has = ["amx_int8", "avx", "avx2", "avx512f", "avx_vnni", "fma"]
    assert visible(has, under_valgrind=True) == ["avx", "avx2", "fma"]
    assert visible(has, under_valgrind=False) == has


class Counting:
    """The kernel's counters, made up: each thread executes 100 instructions."""

    def __init__(self, value=100, running=5) -> None:
        self.value, self.running = value, running
        self.did = []

    def open(self, thread):
        self.did.append(("open", thread))
        return thread

    def switch(self, descriptor, request):
        self.did.append(("on" if request == 0x2400 else "off", descriptor))

    def read(self, descriptor, size):
        return struct.pack("<3Q", self.value, 5, self.running)

    def close(self, descriptor):
        self.did.append(("close", descriptor))


def test_the_processor_counts_every_thread_the_own_one_last() -> None:
    kernel = Counting()
    counter = Hardware(kernel, threads=lambda: {10, 11})
    counter.start()
    assert counter.stop("call") == 200
    assert kernel.did == [
        ("open", 11), ("open", 10), ("on", 11), ("on", 10),
        ("off", 10), ("off", 11), ("close", 11), ("close", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kernel", "why"),
    [
        (Counting(running=3), "the counter ran for 3 of 5 ns: something else used it"),
        (Counting(value=0), "the counter stayed at 0"),
    ],
)
def test_a_counter_that_was_shared_or_is_none_is_refused(kernel, why) -> None:
    assert hardware_refusal(Hardware(kernel, threads=lambda: [0])) == why


def test_a_processor_without_counter_says_why() -> None:
    class Refused(Counting):
        def open(self, thread):
            raise OSError(errno.EACCES, "Permission denied")

    assert hardware_refusal(Hardware(Refused(), threads=lambda: [0])) == "Permission denied"


@pytest.mark.skipif(not counters.system.is_x86_64(), reason="client requests are written for x86-64")
def test_a_client_request_does_nothing_where_nobody_listens() -> None:
    request = counters.client_requests()
    assert [request(counters.ON_VALGRIND), request(counters.START)] == [0, 0]


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_real_calls_are_counted_in_the_runtimes_object_and_repeat_to_the_digit(ask, relu, work) -> None:
    request = ask(relu)
    gone = replace(request, path=str(work / "gone.onnx"))
    ((found, again, lost),) = count([[request, request, gone]], work, Tools(refusal=lambda: "not asked"))
    assert (found["how"], found["threads"], found["config"]) == ("callgrind", 1, {})
    assert found["tool"].startswith("valgrind-")
    calls = found["counts"]["call"]
    assert len(calls) == 3
    assert sorted(calls)[0] == sorted(calls)[1] == min(again["counts"]["call"]) > 1000
    assert 0 < found["counts"]["session"][0] < 100_000_000
    assert lost["unavailable"].startswith("the worker that counts: ")


def test_requests_of_a_group_are_answered_by_processes_of_one_worker(fake, work, tmp_path) -> None:
    good = fake(FAKE)
    says = {**FAKE, "fail": {"at": "outputs", "how": "signal", "signal": "SIGSEGV"}}
    crash = replace(good, path=str(tmp_path / "crash.json"))
    (tmp_path / "crash.json").write_text(json.dumps(says))
    groups = [[good, crash], [replace(good, passes=("memory",))]]
    (timed, crashed), (other,) = observe_each(groups, work)
    assert ("timing" in timed.passes, timed.exit["code"], timed.error) == (True, 0, None)
    assert crashed.error["message"] == "the worker died of SIGSEGV during outputs"
    assert "memory" in other.passes
    assert len({read_ended(work / place)["pid"] for place in ("0/0", "0/1", "1/0")}) == 3


def test_the_second_group_has_the_cores_that_the_first_leaves(fake, work) -> None:
    asked = []

    def observe(groups, folder, command):
        asked.extend(request.cores.worker for (request,) in groups)
        return [[seen({"how": "perf", "counts": {"call": [1]}})] for _ in groups]

    request = fake({})
    for parent in ((0,), (0, 1)):
        cores = replace(request.cores, worker=(2, 3), parent=parent)
        pair = [[replace(request, cores=cores)]] * 2
        count(pair, work, tools(refusal=str, observe=observe))
    assert asked == [(2, 3), (2, 3), (2, 3), (0, 1)]
