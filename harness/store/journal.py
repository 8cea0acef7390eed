"""Keep a run in progress: one line a record, on disk before the next case begins."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from harness.core.errors import StoreError
from harness.core.hashing import hash_file
from harness.core.record import SCHEMA, Record
from harness.store.convert import convert_record
from harness.store.files import append_whole, beginning, sync_folder, writing
from harness.store.header import (
    JOURNAL,
    SEALED,
    Header,
    count,
    new_id,
    read_header,
    run_folder,
    runs,
    write_header,
)
from harness.store.lines import decode_line, encode, whole_lines
from harness.store.parquet import read_run, write_run

log = logging.getLogger("harness.store")


class Journal:
    """The one writer of one run; holds the run's lock until it is closed or sealed.

    Closed without being sealed, the run is unfinished and may be resumed. A
    run that holds no record is removed when it is closed.
    """

    def __init__(self, folder: Path, header: Header, file: BinaryIO, size: int) -> None:
        self.folder = folder
        self.header = header
        self._file = file
        self._size = size  # bytes of whole lines; anything behind is a torn write

    @property
    def run(self) -> str:
        """The run's identifier."""
        return self.header.run

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, record: Record) -> None:
        """Put `record` on disk before returning. Raises StoreError; earlier records stay whole."""
        line = encode(record)
        with writing(self.folder / JOURNAL):
            append_whole(self._file, self._size, line)
        self._size += len(line)

    def records(self) -> list[Record]:
        """Read back what is on disk."""
        return read_folder(self.folder)

    def seal(self) -> Path:
        """Turn the journal into one immutable file; give its path. Raises StoreError."""
        records = self.records()
        columns = write_run(self.folder / SEALED, records)
        counts = count([record.status for record in records])
        files = {SEALED: hash_file(self.folder / SEALED)}
        self.header = replace(self.header, finished_at=_now(), counts=counts, columns=columns, files=files)
        write_header(self.folder, self.header)
        with writing(self.folder):
            (self.folder / JOURNAL).unlink()
            sync_folder(self.folder)
        self._file.close()
        return self.folder / SEALED

    def close(self) -> None:
        """Leave the run unfinished, to be resumed."""
        if self._file.closed:
            return
        try:
            if os.fstat(self._file.fileno()).st_size == 0:
                shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            self._file.close()


def new_run(results_dir: Path, header: Header) -> Journal:
    """Begin a run under a new identifier. Raises UnwritableError."""
    header = replace(header, run=new_id(datetime.now(UTC)), started_at=_now())
    folder = run_folder(results_dir, header.run)
    with beginning(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        try:
            file = _open_locked(folder / JOURNAL, "xb")
            # The header makes the run visible to others: it comes last, when the lock is held.
            write_header(folder, header)
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return Journal(folder, header, file, 0)


def open_run(folder: Path) -> Journal | None:
    """Take up an unfinished run; None where another process is writing it or it is sealed.

    A run that was killed while it was being sealed holds all its records, and is sealed anew.
    """
    with writing(folder / JOURNAL):
        try:
            file = _open_locked(folder / JOURNAL, "r+b")
        except (BlockingIOError, FileNotFoundError):
            return None
        header = replace(read_header(folder), schema=SCHEMA)
        size = len(whole_lines((folder / JOURNAL).read_bytes()))
        file.truncate(size)
    return Journal(folder, header, file, size)


def resume(results_dir: Path, wanted: Header) -> Journal | None:
    """Take up the newest unfinished run that may go on as `wanted`, and that no process is writing."""
    for item in reversed(runs(results_dir, wanted.suite)):
        if not item.header.unlike(wanted) and (item.folder / JOURNAL).exists():
            journal = open_run(item.folder)
            if journal is not None:
                return journal
    return None


def read_folder(folder: Path) -> list[Record]:
    """Read a run that may be sealed at any moment. Raises StoreError."""
    try:
        return list(read_journal(folder))
    except FileNotFoundError:
        return read_run(folder / SEALED)


def read_journal(folder: Path) -> Iterator[Record]:
    """Read a journal; a torn last line is left out, with a warning. Raises StoreError, FileNotFoundError."""
    path = folder / JOURNAL
    content = path.read_bytes()
    whole = whole_lines(content)
    if len(whole) < len(content):
        log.warning("%s: the last line is torn (%d bytes left out)", path, len(content) - len(whole))
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            yield Record.from_json(convert_record(decode_line(line), path))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"{path}:{number}: not a record ({error}); restore it, or remove that line"
            ) from error


def _open_locked(path: Path, mode: str) -> BinaryIO:
    """Open `path` and lock it; BlockingIOError where another process holds it, FileNotFoundError if gone."""
    file: BinaryIO = path.open(mode, buffering=0)  # type: ignore[assignment]
    for attempt in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # A reader that asks whether the run is live holds the lock for an instant.
            if attempt == 19:
                file.close()
                raise
            time.sleep(0.01)
    if not path.exists():  # sealed and removed between open and lock
        file.close()
        raise FileNotFoundError(path)
    return file


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
