"""Let two fresh workers run in turn on the same cores: one block of an A/B.

Both are alive at once and one of them runs: the other is stopped, threads and
all, so that a thread pool that spins disturbs nobody. They are driven in very
short slices, ABBA and again, so that noise which lasts longer than a slice
falls on both; the first calls of a slice, which pay for the switch, are thrown
away.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import statistics
import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.record import Observation
from harness.measure.cores import pinned_to
from harness.measure.launch import conclude, spawn
from harness.measure.worker.request import Request
from harness.measure.worker.slices import HEAD, SAMPLE_BYTES, Slice

SLICE_NS = 2_000_000
SLICE_CALLS = 2
"""A slice lasts this long, and about so many calls at least, where the block's time allows.

With a noisy neighbour on the core, p50 between blocks had an SD of 0.2% with slices of 2 to 4 ms,
0.3% with 8 ms, 0.6% and more with 25 ms: what is shorter than the neighbour's bursts hits both arms alike.
And shorter slices are more: p50 strayed by more than 0.9% in none of 114 blocks with 28 ABBAs or more.
"""

DISCARD_NS = 500_000
DISCARD_CALLS = 1
"""What is thrown away at the begin of a slice, whichever is longer: the other arm was in the caches."""

MAX_CALLS = 500  # a slice of more would fill the store, not sharpen a quantile
TRIAL = Slice(span_ns=SLICE_NS, calls=5, discard_calls=1)
"""A slice that shows how long a call takes: the arms warm up at the same time, on the same cores."""

ABBA = (0, 1, 1, 0)


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """What is left to chance in a block: which arm starts first, and which runs first."""

    starts: int
    leads: int


@dataclass(frozen=True, slots=True)
class Block:
    """What one block saw. Everything is by arm: 0 is BASE, 1 is HEAD."""

    samples_ns: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]  # a tuple a slice
    preempted: tuple[tuple[int, ...], tuple[int, ...]]  # a slice: how often something else took a core away
    observations: tuple[Observation | None, Observation | None]  # None: the other was lost at the start
    draw: BlockOrder
    turns: tuple[int, ...]  # the arm of each slice
    slice_ns: int  # as asked for
    start_s: float  # until both were warm
    wall_s: float
    lost: int | None = None  # the arm that crashed, hung or could not start; its observation says how
    late: bool = False  # given up before any calls: `lost` was not warm within the limit of the block
    span_s: float = 0.0  # from the first slice to the last


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One slice as it came back."""

    samples_ns: tuple[int, ...]
    preempted: int


def run_block(
    pair: tuple[Request, Request],
    draw: BlockOrder,
    span_s: float,
    folder: Path,
    limit_s: float = math.inf,
    worker: StartWorker | None = None,
) -> Block:
    """Run one block of about `span_s` of calls after both workers are warm.

    It ends with the ABBA in which the time is up, as planned by what a call takes, or by the
    clock where the machine is slower; after `limit_s` in all, with the first of them. It is given
    up where the workers are not warm by then. A worker that is lost ends the block; nothing of
    either lives on, whatever interrupts it. Raises OSError where no process or file can be made.
    """
    begun = time.monotonic()
    taken: tuple[list[SliceResult], list[SliceResult]] = ([], [])
    turns: list[int] = []
    asked = Slice(0, 0)
    with pinned_to(_aside(pair)), ExitStack() as stack:
        live, lost = _start(pair, draw.starts, folder, stack, begun + limit_s, worker or SliceWorker)
        late = lost is not None and time.monotonic() >= begun + limit_s
        call_ns, lost = _time_calls(live) if lost is None else (0.0, lost)
        start_s = time.monotonic() - begun
        if lost is None:
            asked, planned = cut(span_s, call_ns, draw.leads)
            until = begun + min(start_s + span_s, limit_s)
            for turn, arm in enumerate(planned):
                if turn and turn % len(ABBA) == 0 and time.monotonic() >= until:
                    break
                answer = live[arm].run(asked)
                turns.append(arm)
                if answer is None:
                    lost = arm
                    break
                taken[arm].append(answer)
        calls_s = time.monotonic() - begun - start_s
        observations = {arm: contender.end() for arm, contender in live.items()}
    return Block(
        samples_ns=(_samples(taken[0]), _samples(taken[1])),
        preempted=(_preempted(taken[0]), _preempted(taken[1])),
        observations=(observations.get(0), observations.get(1)),
        draw=draw,
        turns=tuple(turns),
        slice_ns=asked.span_ns,
        start_s=start_s,
        wall_s=time.monotonic() - begun,
        lost=lost,
        late=late,
        span_s=calls_s,
    )


def _samples(taken: list[SliceResult]) -> tuple[tuple[int, ...], ...]:
    return tuple(part.samples_ns for part in taken)


def _preempted(taken: list[SliceResult]) -> tuple[int, ...]:
    return tuple(part.preempted for part in taken)


def _start(
    pair: tuple[Request, Request],
    first: int,
    folder: Path,
    stack: ExitStack,
    until: float,
    worker: StartWorker,
) -> tuple[dict[int, SliceWorker], int | None]:
    """Start both at once; return those that answered, and which was lost, or not warm `until` then.

    Until their runtimes are imported they may use the parent's cores as well.
    """
    cores = {*pair[0].cores.worker, *pair[1].cores.worker, *_aside(pair)}
    started = {
        arm: stack.enter_context(
            worker(replace(pair[arm], start_cores=tuple(sorted(cores))), folder / f"arm-{arm}")
        )
        for arm in (first, 1 - first)
    }
    warm: dict[int, SliceWorker] = {}
    for arm, contender in started.items():
        warm[arm] = contender
        if contender.receive(until) is None:  # its warm-up
            return warm, arm
        contender.pause()
    return warm, None


def _time_calls(live: dict[int, SliceWorker]) -> tuple[float, int | None]:
    """Return how long a call of the slower arm takes, in ns, and which arm was lost on the way."""
    call_ns = 1.0
    for arm, contender in live.items():
        tried = contender.run(TRIAL)
        if tried is None:
            return call_ns, arm
        call_ns = max(call_ns, statistics.median(tried.samples_ns))
    return call_ns, None


def cut(span_s: float, call_ns: float, leads: int) -> tuple[Slice, tuple[int, ...]]:
    """Cut a block's time into slices: whole rounds of ABBA, or BAAB where arm 1 leads."""
    span_ns = span_s * 1e9
    wanted_ns = max(SLICE_NS, SLICE_CALLS * call_ns)
    discard_ns = max(DISCARD_NS, DISCARD_CALLS * call_ns)
    rounds = max(1, round(span_ns / (len(ABBA) * (wanted_ns + discard_ns))))
    slice_ns = max(call_ns, min(wanted_ns, span_ns / len(ABBA) - discard_ns))
    asked = Slice(
        span_ns=round(slice_ns), calls=MAX_CALLS, discard_ns=DISCARD_NS, discard_calls=DISCARD_CALLS
    )
    return asked, tuple(arm ^ leads for arm in ABBA) * rounds


def _aside(pair: tuple[Request, Request]) -> tuple[int, ...]:
    """Return cores that neither arm runs on, or those of the first arm's choice where there are none."""
    free = set(pair[0].cores.parent) & set(pair[1].cores.parent)
    return tuple(sorted(free)) or pair[0].cores.parent


StartWorker = Callable[[Request, Path], "SliceWorker"]
"""Start a worker of a request in a folder of its own."""


class SliceWorker:
    """A worker that serves slices, on a socket of its own. As a context: killed at its end."""

    def __init__(self, request: Request, folder: Path) -> None:
        self._folder = folder
        self._begun = time.monotonic()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._request = replace(request, channel=theirs.fileno())
            self._process = spawn(self._request, folder)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(self._pidfd, select.POLLIN)
        self._wait_s = request.sampling.timeout_s
        self._lost = self._ended = False

    def __enter__(self) -> SliceWorker:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._socket.close()
        os.close(self._pidfd)

    def run(self, asked: Slice) -> SliceResult | None:
        """Wake it for one slice; return what was taken, or None where it was lost."""
        with suppress(ConnectionError):  # it died while it was stopped: there will be no answer
            self._socket.sendall(asked.pack())
        self._signal(signal.SIGCONT)
        answer = self.receive()
        self.pause()
        return answer

    def pause(self) -> None:
        """Stop it with all its threads; it uses no core until it runs again.

        Sleeps until every thread has stopped: each needs its core once more for
        that, and would take it from the other arm.
        """
        self._signal(signal.SIGSTOP)
        with suppress(ChildProcessError):  # it has ended, and was waited for
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def receive(self, until: float = math.inf) -> SliceResult | None:
        """Sleep until an answer is there; None where there will be none in time, nor `until` then."""
        deadline = min(time.monotonic() + self._wait_s, until)
        head = self._read(HEAD.size, deadline)
        preempted, count = (0, 0) if head is None else HEAD.unpack(head)
        body = None if head is None else self._read(SAMPLE_BYTES * count, deadline)
        self._lost = body is None
        return None if body is None else SliceResult(tuple(array("q", body)), preempted)

    def _read(self, size: int, deadline: float) -> bytes | None:
        data = bytearray()
        while len(data) < size:
            ready = dict(self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
            if self._socket.fileno() in ready:  # first: it may have answered and died
                try:
                    part = self._socket.recv(size - len(data))
                except ConnectionResetError:  # it died with a request unread
                    return None
                if not part:
                    return None
                data += part
            elif ready:
                return None
            else:
                self._wait_s = 0.0  # it had its time
                return None
        return bytes(data)

    def end(self) -> Observation:
        """Let it finish, or kill it where its time is up; return what it saw."""
        with suppress(OSError):  # the worker may have closed it first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._signal(signal.SIGCONT)
        seen = conclude(self._process, self._request, self._folder, self._begun, self._wait_s)
        self._ended = True
        if self._lost and seen.error is None:
            message = "the worker ended before it was asked to"
            error = {"status": "failed", "pass": "slices", "type": "exit", "message": message}
            return replace(seen, error=error)
        return seen

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended; until it is reaped its number is no other's
            os.killpg(self._process.pid, number)
