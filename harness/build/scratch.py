"""Give a job a folder for as long as it lasts, and remove those of jobs that were killed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"harness-(\d+)-\w+")


@contextmanager
def scratch() -> Iterator[Path]:
    """Make an empty folder, held by a lock until the block ends; sweep what dead processes left beside it."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"harness-{os.getpid()}-"))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove this user's folders of processes that are gone.

    A folder says which process made it; one of another container, where the
    same number means another process or none, is held by its lock.
    """
    with suppress(OSError):
        for entry in os.scandir(parent):
            found = _NAME.fullmatch(entry.name)
            if found and entry.is_dir(follow_symlinks=False) and not _is_alive(int(found[1])):
                with suppress(OSError):
                    _remove(Path(entry.path))


def _remove(folder: Path) -> None:
    if folder.stat().st_uid != os.getuid():
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: in use
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True
