"""Mark a cache as in use for as long as a job lives, so that `harness cache prune` leaves its files alone.

What a job uses is stamped when it is taken from the cache; whatever was stamped
since the oldest living job began may be in use.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path


def take(job: object, cache_dir: Path) -> None:
    """Hold a lease of `cache_dir` until `job` or the process is gone; a read-only cache has none."""
    folder = cache_dir / "locks"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor, name = tempfile.mkstemp(prefix="job-", suffix=".lease", dir=folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:  # else it was taken for one of a dead process
                break
            os.close(descriptor)
        weakref.finalize(job, _end, descriptor, name)


def _end(descriptor: int, name: str) -> None:
    with suppress(OSError):
        Path(name).unlink()
    os.close(descriptor)


def oldest(cache_dir: Path) -> float | None:
    """Return when the oldest living job began, in seconds since the epoch; None where there is none."""
    return min(
        (start for path in (cache_dir / "locks").glob("job-*.lease") if (start := _began(path)) is not None),
        default=None,
    )


def _began(path: Path) -> float | None:
    """Return when the job of a lease began; remove the lease of a process that is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.fstat(descriptor).st_mtime
    else:
        path.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)
