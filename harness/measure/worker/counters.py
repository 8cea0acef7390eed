"""Count instructions: by callgrind, where this process runs under it, else by the processor's own counter.

Callgrind is switched on and off by *client requests*: a few instructions that do nothing on a processor and
that valgrind knows (valgrind.h, "client requests"). It leaves its counts in files, which the parent reads.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from harness.measure.worker import system

REQUEST_CODE = bytes.fromhex(
    "4889f0"  # mov rax, rsi: the request and its arguments
    "4889fa"  # mov rdx, rdi: the answer, where nobody listens
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61 and 51: twice around
    "4887db"  # xchg rbx, rbx: here valgrind answers
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)
"""Of x86-64, called as ``answer = f(default, &request)``."""

ON_VALGRIND = 0x1001
_CALLGRIND = ord("C") << 24 | ord("T") << 16
DUMP_AT, START = _CALLGRIND + 3, _CALLGRIND + 4

BETWEEN = "between"
"""What callgrind calls counts that nobody asked for."""

Request = Callable[..., int]
"""Make a client request with its arguments; returns the answer, 0 where nobody listens."""


class Counter(ABC):
    """Counts the instructions between `start` and `stop`."""

    how = ""

    @abstractmethod
    def start(self) -> None:
        """Begin to count."""

    @abstractmethod
    def stop(self, what: str) -> int | None:
        """End; return the count, or None where it is in a file under the name `what`. Raises OSError."""


def open_counter() -> Counter:
    """Return callgrind's where this process runs under it, else the processor's."""
    request = client_requests() if system.is_x86_64() else None
    return Callgrind(request) if request is not None and request(ON_VALGRIND) else Hardware()


def client_requests() -> Request:
    """Return the function that makes them; its code lies in a page of its own. Raises OSError."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(REQUEST_CODE)
    place = ctypes.addressof(ctypes.c_char.from_buffer(page))
    function = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_void_p)(place)

    def request(number: int, *arguments: int) -> int:
        _ = page  # the code lives as long as this function
        words = (ctypes.c_uint64 * 6)(number, *arguments)
        return int(function(0, ctypes.addressof(words)))

    return request


class Callgrind(Counter):
    """Counts in files of the folder that callgrind was started in, one a stretch.

    Once on, it stays on: each switch has it translate all code anew, which takes longer than what is counted.
    """

    how = "callgrind"

    def __init__(self, request: Request) -> None:
        self._request = request

    def start(self) -> None:
        """Have callgrind look at every instruction, and count from 0."""
        self._request(START)
        self._dump(BETWEEN)  # its request to forget leaves some of what was counted

    def stop(self, what: str) -> None:
        """Have it write down what it counted, under the name `what`."""
        self._dump(what)

    def _dump(self, name: str) -> None:
        text = ctypes.create_string_buffer(name.encode())
        self._request(DUMP_AT, ctypes.addressof(text))


_PERF_EVENT_OPEN = 298  # of x86-64
_ENABLE, _DISABLE = 0x2400, 0x2401
_SIZE = 112
_DISABLED, _INHERIT, _PINNED, _NO_KERNEL, _NO_HYPERVISOR = 1 << 0, 1 << 1, 1 << 2, 1 << 5, 1 << 6
_TIMES = 1 | 2  # read the time enabled and the time running as well
_READ = struct.Struct("<3Q")


class Hardware(Counter):
    """Counts by the processor: everything that the threads of this process execute outside the kernel."""

    how = "perf"

    def __init__(self, kernel: Kernel | None = None, threads: Callable[[], Iterable[int]] = system.threads):
        self._kernel = kernel or Kernel()
        self._threads = threads
        self._open: list[int] = []

    def start(self) -> None:
        """Begin to count every thread that lives, and those that they start. Raises OSError."""
        self._open = [self._kernel.open(thread) for thread in sorted(self._threads(), reverse=True)]
        for descriptor in self._open:  # this thread, the oldest, comes last
            self._kernel.switch(descriptor, _ENABLE)

    def stop(self, what: str) -> int:
        """End; return the sum. Raises OSError where the counter was shared, so that it is an estimate."""
        for descriptor in reversed(self._open):
            self._kernel.switch(descriptor, _DISABLE)
        total = 0
        for descriptor in self._open:
            value, enabled, running = _READ.unpack(self._kernel.read(descriptor, _READ.size))
            self._kernel.close(descriptor)
            if running < enabled:
                raise OSError(f"the counter ran for {running} of {enabled} ns: something else used it")
            total += value
        self._open = []
        if not total:
            raise OSError("the counter stayed at 0")
        return total


class Kernel:
    """The system calls of a hardware counter."""

    def open(self, thread: int) -> int:
        """Open a counter of instructions, still off. Raises OSError where there is none."""
        attributes = ctypes.create_string_buffer(_SIZE)
        struct.pack_into("<IIQ", attributes, 0, 0, _SIZE, 1)  # PERF_TYPE_HARDWARE, its instructions
        flags = _DISABLED | _INHERIT | _PINNED | _NO_KERNEL | _NO_HYPERVISOR
        struct.pack_into("<QQ", attributes, 32, _TIMES, flags)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        descriptor = libc.syscall(
            ctypes.c_long(_PERF_EVENT_OPEN), ctypes.byref(attributes), ctypes.c_int(thread),
            ctypes.c_int(-1), ctypes.c_int(-1), ctypes.c_ulong(0),
        )  # fmt: skip
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return int(descriptor)

    def switch(self, descriptor: int, request: int) -> None:
        """Switch a counter on or off."""
        fcntl.ioctl(descriptor, request, 0)

    def read(self, descriptor: int, size: int) -> bytes:
        """Read a counter. Raises OSError where it had to be given up."""
        data = os.read(descriptor, size)
        if len(data) < size:
            raise OSError("the counter was taken by something else")
        return data

    def close(self, descriptor: int) -> None:
        """Close a counter."""
        os.close(descriptor)


def hardware_refusal(counter: Counter | None = None) -> str:
    """Return why the processor counts no instructions here; empty where it does."""
    if not system.is_x86_64():
        return "the system call is written for x86-64"
    try:
        counter = counter or Hardware(threads=lambda: [0])
        counter.start()
        counter.stop("nothing")
    except OSError as error:
        return error.strerror or str(error)
    return ""
