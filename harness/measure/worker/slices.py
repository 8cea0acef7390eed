"""Serve slices: time some calls whenever the parent asks, over a channel of its own.

Numbers are 64-bit, little-endian. A request is four of them (`Slice`); an
answer is how often something else took a core away meanwhile, a count, then as
many samples in ns. The first answer, unasked, is the warm-up: it says that
this worker is ready. The channel's end ends the serving. Standard output is no channel: runtimes print there.
"""

from __future__ import annotations

import socket
import struct
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from time import sleep

from harness.measure.worker.engine import Call, Engine
from harness.measure.worker.timing import FOREVER, Clock, room, time_calls

SETTLE_S = 100e-6
"""A sleep before a slice: who was stopped wakes with all threads, and an idle one that finds no core
free takes this one later, among the samples, to go back to sleep."""

HEAD = struct.Struct("<2q")
SAMPLE_BYTES = 8
_SLICE = struct.Struct("<4q")


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice as asked for: calls that are thrown away, then the timed ones.

    The first ends when both `discard_calls` and `discard_ns` are reached, the
    second with the call that reaches `span_ns`, or after `calls`.
    """

    span_ns: int
    calls: int
    discard_ns: int = 0
    discard_calls: int = 0

    def pack(self) -> bytes:
        """Write it as it travels."""
        return _SLICE.pack(*astuple(self))

    @staticmethod
    def unpack(data: bytes) -> Slice:
        """Inverse of `pack`."""
        return Slice(*_SLICE.unpack(data))


def serve(calls: Sequence[Call], engine: Engine, channel: int, warmup_ns: Sequence[int]) -> None:
    """Answer slices on the socket `channel` until its other end is closed."""
    clock = engine.clock
    with socket.socket(fileno=channel) as parent, suppress(ConnectionError):  # nobody wants to know any more
        parent.sendall(_answer(array("q", warmup_ns), 0))
        while asked := _receive(parent, _SLICE.size):
            wanted = Slice.unpack(asked)
            sleep(SETTLE_S)
            _discard(calls, clock, wanted)
            samples = room(wanted.calls)
            before = engine.usage()["involuntary"]
            done = time_calls(calls, clock, samples, 0, wanted.calls, clock() + wanted.span_ns)
            preempted = engine.usage()["involuntary"] - before
            del samples[done:]
            parent.sendall(_answer(samples, preempted))
            calls = _turn(calls, done)


def _discard(calls: Sequence[Call], clock: Clock, wanted: Slice) -> None:
    """Call until what ran in between is out of the caches.

    Backwards from where the rotation stopped, which stays there: were these calls a part of it, a slice of
    two calls behind one that is thrown away would never time every third input.
    """
    begun, done, scratch = clock(), 0, room(1)
    while done < wanted.discard_calls or clock() - begun < wanted.discard_ns:
        time_calls([calls[-1 - done % len(calls)]], clock, scratch, 0, 1, FOREVER)
        done += 1


def _turn(calls: Sequence[Call], done: int) -> Sequence[Call]:
    """Let the rotation go on where it stopped: no input is timed more often than another."""
    start = done % len(calls)
    return [*calls[start:], *calls[:start]]


def _answer(samples: array[int], preempted: int) -> bytes:
    return HEAD.pack(preempted, len(samples)) + samples.tobytes()


def _receive(parent: socket.socket, size: int) -> bytes:
    """Return the next `size` bytes, or nothing where the channel has ended."""
    data = b""
    while len(data) < size:
        part = parent.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data
