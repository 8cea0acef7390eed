"""Keep two measurements off the same cores at the same time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.core.errors import InputError


@contextmanager
def measuring(cores: Iterable[int], folder: Path | None = None) -> Iterator[None]:
    """Hold `cores` while something is measured on them; wait until nobody else does. Not to be nested.

    Holds against every process of this user that has the same `folder`, the
    temporary one unless given. The kernel lets go of the cores of a process that dies. Raises
    InputError where the locks cannot be made.
    """
    with ExitStack() as held:
        # One lock a core, from the lowest up: of two that want the same cores, one has none of them.
        for descriptor in [
            held.enter_context(_opened(core, folder or Path(tempfile.gettempdir())))
            for core in sorted(set(cores))
        ]:
            # Sleeps in the kernel: to poll would take time from whoever measures.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(core: int, folder: Path) -> Iterator[int]:
    path = folder / f"harness-{os.getuid()}" / f"core-{core}.lock"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; cores are locked there: set TMPDIR to a folder of your own"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # lets go of the lock as well
