"""Capture what a library reports in its log alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from harness.build.check import first_line


class _Listener(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception that a record carries, else the last line of its text: a traceback's reason."""
        error = record.exc_info[1] if record.exc_info else None
        lines = [line for line in record.getMessage().splitlines() if line.strip()]
        self.lines.append(first_line(error or (lines[-1] if lines else "")))


@contextmanager
def capture_log(logger: str, level: int = logging.ERROR) -> Iterator[list[str]]:
    """Yield a list that fills with what `logger` and those below it log at `level` or above, a line each."""
    listener = _Listener(level)
    logging.getLogger(logger).addHandler(listener)
    try:
        yield listener.lines
    finally:
        logging.getLogger(logger).removeHandler(listener)
