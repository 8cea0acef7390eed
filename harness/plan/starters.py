"""Find the suites and configs that the package carries by their names.

``starter/suites`` and ``starter/configs`` are the folders of the repository
(links there, copies in an installed package). A file always wins over a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.core.registry import closest

FOLDER = Path(__file__).parent / "starter"
Kind = Literal["suites", "configs"]


def names(kind: Kind) -> tuple[str, ...]:
    """Name every starter of a kind."""
    return tuple(sorted(path.stem for path in (FOLDER / kind).glob("*.yaml")))


def is_starter(path: Path, kind: Kind = "suites") -> bool:
    """Return whether `path` is the name of a starter; a file of that name is a path."""
    return _is_name(path) and str(path) in names(kind) and not _may_be_file(path)


def find(path: Path, kind: Kind = "suites", folder: Path | None = None) -> Path:
    """Return the file that `path`, written in `folder`, stands for: itself, or the starter of that name."""
    file = path if folder is None else folder / path
    if not _is_name(path) or str(path) not in names(kind) or _may_be_file(file):
        return file
    return FOLDER / kind / f"{path}.yaml"


def known(path: Path, kind: Kind = "suites") -> str:
    """Return which names there are, where `path` looks like one; empty where it is a path."""
    if not _is_name(path):
        return ""
    return f"; nor a starter {'suite' if kind == 'suites' else 'config'} of that name: " + closest(
        str(path), names(kind)
    )


def _may_be_file(path: Path) -> bool:
    """Return whether a file is there, or nobody can tell: who opens it says why."""
    try:
        return path.is_file()
    except OSError:
        return True


def _is_name(path: Path) -> bool:
    return len(path.parts) == 1 and not path.suffix and str(path) not in (".", "..")
