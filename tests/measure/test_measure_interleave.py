"""Two live workers in turn: real processes, the fake engine, so every sample is exact."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.core.case import Session
from harness.core.inputs import Input
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.measure.interleave import MAX_CALLS, BlockOrder, SliceResult, SliceWorker, cut, run_block
from harness.measure.worker import system
from harness.measure.worker.slices import Slice, serve

pytestmark = pytest.mark.xdist_group("processes")  # they stop, count and kill processes

QUICK = Sampling(warmup_calls=3, warmup_s=0, timeout_s=60)
SPAN_S = 0.01  # of the fake clock


@pytest.fixture
def arm(tmp_path, ask):
    """Put together one arm's request, from what its file says."""

    def arm(name, says, sampling=QUICK, **options):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(says))
        asked = ask(path, engine="fake", sampling=sampling, wanted=Measure(inputs=2), **options)
        return replace(asked, passes=("memory", "slices"))

    return arm


def test_a_block_holds_the_samples_of_both_arms_slice_by_slice(arm, work):
    block = run_block(
        (arm("base", {"call_ns": [1_000]}), arm("head", {"call_ns": [1_020]})), BlockOrder(0, 0), SPAN_S, work
    )
    assert block.turns == (0, 1, 1, 0)
    assert block.lost is None
    assert block.slice_ns == 2_000_000  # and 0.5 ms thrown away
    assert [set(samples) for samples in block.samples_ns[0]] == [{1_000}, {1_000}]
    assert [set(samples) for samples in block.samples_ns[1]] == [{1_020}, {1_020}]
    assert {len(samples) for arm in block.samples_ns for samples in arm} == {MAX_CALLS}


@pytest.mark.parametrize("leads, turns", [(0, (0, 1, 1, 0)), (1, (1, 0, 0, 1))])
@pytest.mark.parametrize("starts", [0, 1])
def test_chance_says_who_starts_and_who_leads(arm, work, starts, leads, turns):
    spawned = []

    def worker(request, folder):
        spawned.append(folder.name)
        return SliceWorker(request, folder)

    pair = arm("base", {}), arm("head", {})
    block = run_block(pair, BlockOrder(starts, leads), SPAN_S, work, worker=worker)
    assert block.turns == turns
    assert spawned == [f"arm-{starts}", f"arm-{1 - starts}"]


def test_one_arm_runs_at_a_time_and_the_other_is_stopped(arm, work):
    """Every wake is of the arm whose turn it is, and every arm is stopped before the other one is woken."""
    sent = []

    class Recorded(SliceWorker):
        def _signal(self, number):
            sent.append((self._process.pid, number))
            super()._signal(number)

    block = run_block((arm("base", {}), arm("head", {})), BlockOrder(0, 0), SPAN_S, work, worker=Recorded)
    base, head = dict.fromkeys(pid for pid, _ in sent)
    stop, go = signal.SIGSTOP, signal.SIGCONT
    turn = {0: [(base, go), (base, stop)], 1: [(head, go), (head, stop)]}
    tried = [*turn[0], *turn[1]]  # how long a call takes
    expected = [(base, stop), (head, stop), *tried, *(step for side in block.turns for step in turn[side])]
    # at the end each is woken to finish
    assert sent[: len(expected)] == expected
    assert Counter(sent[len(expected) :]) == Counter([(base, go), (head, go)])


def state(pid):
    """The state letters of all threads of a process: T is stopped."""
    return {
        (folder / "stat").read_text().rpartition(")")[2].split()[0]
        for folder in Path(f"/proc/{pid}/task").iterdir()
    }


def test_a_paused_worker_is_stopped_and_answers_when_it_runs_again(arm, work):
    with SliceWorker(arm("base", {"call_ns": [500]}), work) as contender:
        assert contender.receive() == SliceResult((500, 500, 500), 0)  # its warm-up
        contender.pause()
        pid = contender._process.pid
        end = time.monotonic() + 20
        while state(pid) != {"T"}:
            assert time.monotonic() < end
            time.sleep(0.005)
        assert contender.run(Slice(span_ns=1_500, calls=100)) == SliceResult((500, 500, 500), 0)
        assert contender.run(Slice(span_ns=10**9, calls=2, discard_calls=1)) == SliceResult((500, 500), 0)
        seen = contender.end()
    assert seen.error is None
    assert seen.passes == ("session", "memory", "slices")


def test_preemptions_are_counted_slice_by_slice(ask, relu, work):
    """A neighbour on the same core takes it away within a second of calls."""
    request = replace(ask(relu, sampling=QUICK), passes=("slices",))
    core = request.cores.worker[-1]
    burn = f"import os; os.sched_setaffinity(0, [{core}])\nprint(flush=True)\nwhile True: pass"
    with SliceWorker(request, work) as contender:
        assert contender.receive().preempted == 0
        asked = Slice(span_ns=10**9, calls=10**7)
        with subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE) as neighbour:
            try:
                assert neighbour.stdout is not None
                neighbour.stdout.readline()  # it runs
                assert contender.run(asked).preempted > 5
            finally:
                neighbour.kill()


@pytest.mark.parametrize(
    ("pool", "cores", "spread"),
    [
        ([70], [0, 1], {0: [0], 70: [1]}),
        ([72, 71], [6, 4, 5], {0: [4], 71: [5], 72: [6]}),
        ([70], [0, 1, 2], {}),  # more cores than threads
        ([70, 71], [0, 1], {}),  # fewer
        ([], [0], {}),  # a single thread is pinned as it is
    ],
)
def test_threads_are_spread_where_each_has_a_core(pool, cores, spread):
    pinned = {}
    pin = lambda thread, where: pinned.update({thread: where})  # noqa: E731
    assert system.spread_threads(pool, cores, pin) is bool(spread)
    assert pinned == spread


def test_discarded_calls_are_in_no_sample(arm, work):
    """Of the calls 1 … 10 in rotation, three are thrown away before each slice of four."""
    with SliceWorker(arm("base", {"call_ns": list(range(1, 11)), "warmup_ns": [1]}), work) as contender:
        contender.receive()
        asked = Slice(span_ns=10**9, calls=4, discard_calls=3)
        slices = [contender.run(asked).samples_ns for _ in range(2)]
        assert slices == [(4, 5, 6, 7), (1, 2, 3, 4)]
        asked = Slice(span_ns=10**9, calls=1, discard_ns=12)  # 5 and 6 are 11 ns, 7 ends it
        assert contender.run(asked).samples_ns == (8,)


@pytest.mark.parametrize("timed", [1, 2, 3, 5])
@pytest.mark.parametrize("discarded", [1, 2, 3])
def test_every_input_is_timed_as_often_whatever_is_thrown_away(timed, discarded):
    """Input number n takes n ns, so that samples tell which inputs were timed."""
    now = 0

    def call(ns):
        nonlocal now
        now += ns

    calls = [partial(call, ns) for ns in range(1, 13)]
    engine = SimpleNamespace(clock=lambda: now, usage=lambda: {"involuntary": 0})
    asked = Slice(span_ns=10**9, calls=timed, discard_calls=discarded)
    ours, theirs = socket.socketpair()
    with ours:
        ours.sendall(asked.pack() * 12)
        ours.shutdown(socket.SHUT_WR)
        serve(calls, engine, theirs.detach(), [])
        answers = array("q", ours.recv(1 << 16))
    width = 2 + timed  # of an answer: its head, and the samples
    slices = [answers[at + 2 : at + width] for at in range(2, len(answers), width)]
    assert [len(samples) for samples in slices] == [timed] * 12
    assert Counter(chain.from_iterable(slices)) == dict.fromkeys(range(1, 13), timed)


def test_a_block_keeps_what_each_worker_said_of_itself(arm, work):
    says = {"version": "2.5", "memory": {"peak": 70_000, "after_session": 30_000}}
    block = run_block((arm("base", {}), arm("head", says)), BlockOrder(0, 0), SPAN_S, work)
    assert [seen.passes for seen in block.observations] == [("session", "memory", "slices")] * 2
    assert block.observations[1].runtime["version"] == "2.5"
    assert block.observations[1].memory["peak"] == {"bytes": 70_000}
    assert block.observations[0].memory["peak"] == {"unavailable": "the file has no peak"}
    assert block.observations[0].exit["code"] == 0


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize(
    "fail, status, message",
    [
        ({"how": "signal"}, "crashed", "the worker died of SIGSEGV during slices"),
        ({"how": "raise", "message": "no more"}, "failed", "RuntimeError: no more"),
        ({"how": "exit", "code": 3}, "failed", "the worker ended with exit code 3 during slices"),
        ({"how": "exit", "code": 0}, "failed", "the worker ended before it was asked to"),
    ],
)
def test_a_worker_that_dies_in_the_midst_of_a_slice_is_lost(arm, work, lost, fail, status, message):
    bad = arm("bad", {"fail": {"at": "slices", "after_calls": 30, **fail}})
    good = arm("good", {})
    block = run_block((bad, good) if lost == 0 else (good, bad), BlockOrder(0, 0), SPAN_S, work)
    assert block.lost == lost
    assert block.observations[lost].error["status"] == status
    assert block.observations[lost].error["message"] == message
    assert block.turns == ((0,) if lost == 0 else (0, 1))  # its first slice was the last one
    assert block.samples_ns[lost] == ()
    assert block.observations[1 - lost].error is None


def test_a_worker_that_hangs_is_lost_when_its_time_is_up_and_the_other_is_not_blamed(arm, work):
    limits = replace(QUICK, timeout_s=5)
    bad = arm("bad", {"fail": {"at": "slices", "after_calls": 30, "how": "hang"}}, sampling=limits)
    block = run_block((arm("good", {}), bad), BlockOrder(0, 0), SPAN_S, work)
    assert block.lost == 1
    assert block.observations[1].error["status"] == "timeout"
    assert block.observations[1].error["message"] == "not done after 5 s; stopped during slices"
    assert block.observations[1].exit["timeout"] is True
    assert block.observations[0].error is None


def test_a_worker_that_cannot_start_is_lost_and_the_other_never_started(arm, work):
    bad = arm("bad", {"fail": {"at": "session", "how": "unsupported", "message": "no such operator"}})
    block = run_block((bad, arm("good", {})), BlockOrder(0, 0), SPAN_S, work)
    assert (block.lost, block.turns, block.slice_ns) == (0, (), 0)
    assert block.observations[0].error["status"] == "unsupported"
    assert block.observations[0].error["message"] == "no such operator"
    assert block.observations[1] is None


def test_a_worker_that_dies_while_it_is_stopped_is_lost_at_its_turn(arm, work):
    with SliceWorker(arm("base", {}), work) as contender:
        contender.receive()
        contender.pause()
        os.kill(contender._process.pid, signal.SIGKILL)
        assert contender.run(Slice(span_ns=1_000, calls=10)) is None
        assert contender.end().error["message"] == "the worker died of SIGKILL during slices"


def test_an_interrupt_leaves_no_worker_behind(arm, work):
    pids = []

    class Interrupted(SliceWorker):
        def run(self, asked):
            pids.append(self._process.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_block((arm("base", {}), arm("head", {})), BlockOrder(0, 0), SPAN_S, work, worker=Interrupted)
    assert not Path(f"/proc/{pids[0]}").exists()
    assert not [path for path in Path("/proc").glob("[0-9]*") if owned(path, work)]


def owned(folder, work):
    try:
        return str(work).encode() in (folder / "cmdline").read_bytes()
    except OSError:
        return False


def test_killing_the_parent_kills_both_workers_even_a_stopped_one(arm, work):
    """The parent has one worker stopped and one hanging in a slice when it is killed."""
    hang = arm("hang", {"fail": {"at": "slices", "after_calls": 30, "how": "hang"}})
    for name, request in (("base", arm("base", {})), ("head", hang)):
        (work / name).mkdir(parents=True)
        (work / name / "asked.json").write_text(json.dumps(request.to_json()))
    script = """
import json, sys
from pathlib import Path
from harness.measure.interleave import BlockOrder, run_block
from harness.measure.worker.request import Request
work = Path(sys.argv[1])
files = [work / name / "asked.json" for name in ("base", "head")]
pair = tuple(Request.from_json(json.loads(file.read_text())) for file in files)
run_block(pair, BlockOrder(0, 0), 0.02, work)
"""
    parent = subprocess.Popen([sys.executable, "-c", script, str(work)])
    try:
        end = time.monotonic() + 60
        workers = []
        while len(workers) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
            workers = [
                folder
                for folder in Path("/proc").glob("[0-9]*")
                if owned(folder, work) and int(folder.name) != parent.pid
            ]
        time.sleep(0.3)
    finally:
        parent.kill()
        parent.wait()
    while any(owned(folder, work) for folder in workers):
        assert time.monotonic() < end, "a worker outlived its parent"
        time.sleep(0.02)


def test_noise_that_a_runtime_prints_is_no_answer(arm, work):
    noisy = arm(
        "noisy", {"fail": {"at": "slices", "after_calls": 5, "how": "stdout", "message": "\x00" * 64}}
    )
    block = run_block((noisy, noisy), BlockOrder(0, 0), SPAN_S, work)
    assert block.lost is None
    assert "\x00" * 64 in block.observations[0].exit["stdout"]


def test_time_is_cut_into_rounds_of_short_slices():
    asked, turns = cut(0.1, 100_000, 0)
    # 20 calls; with 0.5 ms thrown away, 2.5 ms: 40 slices in 100 ms
    assert asked == Slice(span_ns=2_000_000, calls=MAX_CALLS, discard_ns=500_000, discard_calls=1)
    assert turns == (0, 1, 1, 0) * 10


def test_a_block_ends_with_the_round_in_which_its_time_is_up(arm, work):
    """Planned are ten rounds, by a clock that stands still but for the calls; this machine takes longer."""

    class Slow(SliceWorker):
        def run(self, asked):
            time.sleep(0.02)
            return super().run(asked)

    pair = arm("base", {"call_ns": [500_000]}), arm("head", {"call_ns": [500_000]})
    block = run_block(pair, BlockOrder(0, 1), 0.1, work, worker=Slow)
    assert len(cut(0.1, 500_000, 1)[1]) == 4 * 10
    assert block.turns in ((1, 0, 0, 1) * 1, (1, 0, 0, 1) * 2)  # 80 ms of sleep each
    assert [len(samples) for samples in block.samples_ns] == [len(block.turns) // 2] * 2


def test_a_block_that_starts_too_late_is_given_up_before_any_call(arm, work):
    block = run_block((arm("base", {}), arm("head", {})), BlockOrder(0, 0), SPAN_S, work, limit_s=0.005)
    assert block.late
    assert (block.lost, block.turns, block.samples_ns) == (0, (), ((), ()))
    assert block.wall_s < 1
    assert not [path for path in Path("/proc").glob("[0-9]*") if owned(path, work)]


def test_a_worker_that_cannot_start_is_not_late(arm, work):
    bad = arm("bad", {"fail": {"at": "session", "how": "unsupported", "message": "no such operator"}})
    block = run_block((bad, arm("good", {})), BlockOrder(0, 0), SPAN_S, work, limit_s=50)
    assert (block.lost, block.late) == (0, False)


def test_slow_calls_get_longer_slices_of_two_calls():
    asked, turns = cut(0.48, 20_000_000, 1)
    assert asked.span_ns == 40_000_000
    assert turns == (1, 0, 0, 1) * 2


def test_calls_too_slow_for_that_share_one_round():
    asked, turns = cut(0.5, 60_000_000, 0)
    assert asked.span_ns == 65_000_000  # a quarter of the time, less the call that is thrown away
    assert turns == (0, 1, 1, 0)
    assert cut(0.1, 400_000_000, 0)[0].span_ns == 400_000_000  # one call, however long it is


def test_real_sessions_take_turns(ask, relu, work):
    request = replace(ask(relu, sampling=QUICK), passes=("memory", "slices"))
    block = run_block((request, request), BlockOrder(1, 1), SPAN_S, work)
    assert block.lost is None, [seen and seen.error for seen in block.observations]
    assert block.turns == (1, 0, 0, 1)
    assert all(samples and min(samples) > 0 for arm in block.samples_ns for samples in arm)
    assert all(seen.runtime["distribution"] == "onnxruntime" for seen in block.observations)
    assert all(seen.memory["peak"]["bytes"] > 10**6 for seen in block.observations)


def test_two_spinning_thread_pools_take_turns(ask, conv, work):
    image = Input("x", "float32", ("N", 3, 16, 16))
    asked = ask(conv, inputs=(image,), session=Session(intra_threads=2), sampling=QUICK)
    request = replace(asked, passes=("slices",))
    block = run_block((request, request), BlockOrder(0, 0), SPAN_S, work)
    assert block.lost is None, [seen and seen.error for seen in block.observations]
    assert all(samples for arm in block.samples_ns for samples in arm)
    if len(request.cores.worker) == 2:
        said = [seen.system["notes"] for seen in block.observations]
        assert said == [["every thread has a core of its own"]] * 2
