"""Write files so that a reader sees all of one or nothing of it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from harness.core.errors import StoreError, UnwritableError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError while `path` is written into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path}: cannot write: {error.strerror or error}; free or unlock the disk, or choose another "
            "folder with --results. What was written before is kept"
        ) from error


@contextmanager
def beginning(path: Path) -> Iterator[None]:
    """Turn an OSError while `path` is begun, before anything is measured, into an UnwritableError."""
    try:
        yield
    except OSError as error:
        raise UnwritableError(
            f"{path}: cannot write: {error.strerror or error}; name another folder, or make this one writable"
        ) from error


def check_writable(folder: Path) -> None:
    """Make `folder`, and see that it takes files. Raises UnwritableError."""
    with beginning(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, sync it, then put it in place. Raises StoreError."""
    with writing(path):
        _put(path, write)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file that a user named, whole; its folder is there. Raises OSError.

    Links are followed, and what is no file, such as /dev/stdout, is written to as it is.
    """
    content = content.encode() if isinstance(content, str) else content
    target = path.resolve()
    if target.exists() and not target.is_file():
        path.write_bytes(content)
    else:
        _put(target, lambda part: part.write_bytes(content))


def _put(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            part.unlink()


_CHECK = re.compile(rb'\{\n "check": "([0-9a-f]{64})",\n')


def write_checked(path: Path, data: Mapping[str, Any]) -> None:
    """Write `data` as JSON whose first key, ``check``, is the sha256 of what follows. Raises StoreError."""
    text = json.dumps(data, indent=1, ensure_ascii=False, default=str) + "\n"
    body = text.encode("utf-8", "replace").removeprefix(b"{\n")
    head = f'{{\n "check": "{hashlib.sha256(body).hexdigest()}",\n'.encode()
    write_whole(path, lambda part: part.write_bytes(head + body))


def read_checked(path: Path) -> dict[str, Any]:
    """Read what `write_checked` wrote, without the checksum; older files have none.

    Raises OSError, and ValueError where it is no JSON object or has changed since it was written.
    """
    content = path.read_bytes()
    data = json.loads(content)
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    if "check" in data:
        found = _CHECK.match(content)
        if found is None or hashlib.sha256(content[found.end() :]).hexdigest() != found[1].decode():
            raise ValueError("it changed since it was written")
        del data["check"]
    return data


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait for other processes that lock `folder`, then keep them out; it is made if absent.

    Raises StoreError.
    """
    check_writable(folder)
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with writing(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append_whole(file: BinaryIO, size: int, line: bytes) -> None:
    """Write `line` behind the first `size` bytes, which are whole, and on disk before returning."""
    file.truncate(size)
    file.seek(size)
    rest = memoryview(line)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())
