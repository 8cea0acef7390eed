"""Keep what goes wrong with standard output apart from what a command found out.

A reader that stops reading, a full disk and a closed descriptor end no
command: it goes on to its own exit code, and `main` says what was not printed.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

ESCAPED = "harness.escaped"
"""The error handler of both streams: what an encoding lacks becomes an escape that JSON knows too."""


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high << 8 | low:04x}" for high, low in pairs), error.end


codecs.register_error(ESCAPED, _escape)


class Output(io.FileIO):
    """A descriptor whose first error is kept, and all that is written after it dropped."""

    error: OSError | None = None

    def write(self, data: object) -> int:
        """Write `data`, or drop it where nothing can be written any more."""
        if self.error is None:
            try:
                return super().write(data)  # type: ignore[arg-type]
            except OSError as error:
                self.error = error
        return len(memoryview(data))  # type: ignore[arg-type]

    @property
    def reason(self) -> str:
        """Why something was not printed; empty where all was, or where the reader wanted no more."""
        if self.error is None or self.error.errno == errno.EPIPE:
            return ""
        return self.error.strerror or str(self.error)


@contextmanager
def guarded() -> Iterator[Output | None]:
    """Put streams in place that no write makes fail; None where standard output is not the process's own."""
    if sys.stdout is not sys.__stdout__:  # a test or another program catches it
        yield None
        return
    closed = [descriptor for descriptor in (0, 1, 2) if not _is_open(descriptor)]
    for _ in closed:  # else the next file that is opened would be standard output, to libraries and workers
        os.open(os.devnull, os.O_RDWR)
    before, output = (sys.stdout, sys.stderr), Output(1, "w", closefd=False)
    if 1 in closed:
        output.error = OSError(errno.EBADF, "it is closed")
    sys.stdout = _text(output, before[0])
    sys.stderr = _text(Output(2, "w", closefd=False), before[1])
    try:
        yield output
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before
        if output.error is not None:
            # Python flushes once more when it ends.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _text(raw: Output, like: TextIO | None) -> TextIO:
    encoding = getattr(like, "encoding", None) or "utf-8"
    by_line = raw.isatty() or raw.fileno() == 2
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=ESCAPED, line_buffering=by_line)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
