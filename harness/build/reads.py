"""Note which files a build reads while it runs: its key, made beforehand, cannot hold them.

What Python opens is seen, imports included. What C++ opens by itself is not.
"""

from __future__ import annotations

import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import harness
from harness.core.hashing import hash_file


def _folders(*paths: str | Path) -> tuple[str, ...]:
    return tuple(f"{Path(path).resolve()}/" for path in paths)


COVERED = _folders(
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *site.getsitepackages(),
    site.getusersitepackages(),
    *harness.__path__,
    *("/proc", "/sys", "/dev"),
)
"""What belongs to Python, the installed packages, this harness or the kernel: not the user's."""


@contextmanager
def record_reads(own: Path, target: Path, *covered: Path) -> Iterator[dict[str, str]]:
    """Yield what fills with the files that are opened for reading meanwhile: path -> sha256.

    A path relative to the working folder stays so, unless the build goes elsewhere.
    The hash is taken before the file is read, so that one that is overwritten
    later is found changed. Left out: what is `COVERED`, but for a package that is built
    itself and lies in `own`; what lies in `target` or in what is `covered` beside; what is gone at the end.
    """
    mine, *left_out = _folders(own, target, *covered)
    installed = mine not in COVERED and mine.startswith(COVERED)
    here = Path.cwd()
    found: dict[str, str] = {}
    listening = True

    def skip(path: str) -> bool:
        if installed and path.startswith(mine):
            return False
        return path.startswith((*COVERED, *left_out))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not listening or event != "open" or isinstance(arguments[0], int):
            return
        path, _, flags = arguments
        file = Path(_source(os.fsdecode(path)))
        if flags & os.O_ACCMODE != os.O_RDONLY or not file.is_file() or skip(str(file.resolve())):
            return
        name = str(file if Path.cwd() == here else file.absolute())
        if name in found:
            return
        found[name] = ""  # hashing opens it again
        try:
            found[name] = hash_file(file)
        except OSError:  # the caller is about to meet it too
            del found[name]

    sys.addaudithook(hook)  # for good: Python has no way to take it out
    try:
        yield found
    finally:
        listening = False
        for name in [name for name in found if not (here / name).is_file()]:
            del found[name]


def _source(path: str) -> str:
    """Return the source that a compiled file was made of: an import reads either."""
    with suppress(ValueError):  # not one of Python's own names
        return importlib.util.source_from_cache(path) if path.endswith(".pyc") else path
    return path
