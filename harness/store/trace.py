"""Keep a job's raw facts as they come: one line of JSON a fact, on disk before the next one is taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.store.files import append_whole, beginning, sync_folder, writing
from harness.store.header import new_id
from harness.store.lines import encode_line


class Trace:
    """The one writer of ``<folder>/<id>.jsonl``; what was appended outlives a kill."""

    def __init__(self, folder: Path) -> None:
        """Begin a file under a new identifier. Raises UnwritableError."""
        self.id = new_id(datetime.now(UTC))
        self.path = folder / f"{self.id}.jsonl"
        with beginning(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb", buffering=0)
            sync_folder(folder)
        self._size = 0

    def __enter__(self) -> Trace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, fact: Mapping[str, Any]) -> None:
        """Put `fact` on disk before returning. Raises StoreError; earlier lines stay whole."""
        line = encode_line(fact)
        with writing(self.path):
            append_whole(self._file, self._size, line)
        self._size += len(line)
