"""Keep a job that can be taken up again: its question, then a line for each step."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import StoreError
from harness.store.files import writing
from harness.store.lines import decode_line, whole_lines
from harness.store.trace import Trace


class Ledger(Trace):
    """The one writer of ``<folder>/<id>.jsonl``: begun anew, or `again` where it ended.

    Raises StoreError where it cannot be written, or another process writes it.
    """

    def __init__(self, folder: Path, again: Path | None = None) -> None:
        if again is None:
            super().__init__(folder)
        else:
            self.id, self.path = again.stem, again
            with writing(again):
                self._file = again.open("r+b", buffering=0)
            self._size = len(whole_lines(again.read_bytes()))
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise StoreError(f"{self.path}: another process is at it; wait until it has ended") from error

    def __enter__(self) -> Ledger:
        return self

    def lines(self) -> list[dict[str, Any]]:
        """Read back what is on disk. Raises StoreError."""
        return read_lines(self.path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read every whole line of a ledger. Raises StoreError."""
    try:
        return [decode_line(line) for line in whole_lines(path.read_bytes()).split(b"\n")[:-1]]
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); move it away and begin anew") from error


def unfinished(folder: Path, header: Mapping[str, Any], last: str) -> Path | None:
    """Find the newest ledger in `folder` that begins with `header` and has no line with the key `last`."""
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        lines = read_lines(path)
        if lines and _begins(lines[0], header) and not any(last in line for line in lines):
            return path
    return None


def _begins(line: Mapping[str, Any], header: Mapping[str, Any]) -> bool:
    return all(line.get(name) == value for name, value in header.items())
