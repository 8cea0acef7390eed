"""Check whether sealed files are still what was written.

A file is hashed once for each state it is in (inode, size, times): again in
this process, it is known; in later ones too, where hashing took long enough
to be worth a note in ``<results>/.verified.json``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.core.errors import StoreError
from harness.core.hashing import hash_file
from harness.store.files import read_checked, write_checked
from harness.store.header import SEALED, RunInfo, survey

NOTES = ".verified.json"

WORTH_A_NOTE_BYTES = 2**26
"""Hashing so much takes about 50 ms: from there on it is remembered beyond this process."""

State = tuple[int, int, int, int]

log = logging.getLogger("harness.store")

_known: dict[str, tuple[State, str]] = {}
"""Path of a file -> the state it was hashed in, and its hash."""


def damage(item: RunInfo) -> str:
    """Say in one line what is wrong with the sealed file of a run; empty where nothing is, or it has none.

    Runs of before have no hash to compare with: of those, what cannot be read shows when it is read.
    """
    wanted = item.header.files.get(SEALED) if item.sealed else None
    path = item.folder / SEALED
    if not item.sealed:
        return ""
    try:
        if wanted is None or _hash(path) == wanted:
            return ""
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror or error}"
    return (
        f"{path}: the records of run {item.run} are not what was written (another sha256); "
        "restore the file, or move the folder away"
    )


def sound(found: Sequence[RunInfo], note_from_bytes: int = WORTH_A_NOTE_BYTES) -> list[RunInfo]:
    """Leave out the runs whose sealed file is damaged, each with a warning.

    Hashes are noted where at least `note_from_bytes` were read for them.
    """
    kept, hashed = [], 0
    if found:
        _recall(found[0].folder.parent.parent)
    for item in found:
        hashed += item.sealed and not _is_known(item.folder / SEALED) and _size(item.folder / SEALED)
        if wrong := damage(item):
            log.warning("%s", wrong)
        else:
            kept.append(item)
    if hashed >= note_from_bytes:
        _note(found[0].folder.parent.parent, found)
    return kept


def unprotected(results_dir: Path) -> tuple[str, ...]:
    """Name the sealed runs without a hash, in which damage would not be noticed; none without a folder."""
    found = survey(results_dir).runs if results_dir.is_dir() else ()
    return tuple(item.run for item in found if item.sealed and SEALED not in item.header.files)


def forget() -> None:
    """Forget the hashes that this process took: the next look is as that of a new one."""
    _known.clear()


def require_sound(item: RunInfo) -> None:
    """Raise StoreError where the sealed file of a run is damaged."""
    if wrong := damage(item):
        raise StoreError(wrong)


def _hash(path: Path) -> str:
    state = _state(path)
    known = _known.get(str(path))
    if known is None or known[0] != state:
        known = _known[str(path)] = (state, hash_file(path))
    return known[1]


def _state(path: Path) -> State:
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _is_known(path: Path) -> bool:
    known = _known.get(str(path))
    with suppress(OSError):
        return known is not None and known[0] == _state(path)
    return False


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _recall(results_dir: Path) -> None:
    """Take up what an earlier process noted; a damaged note is no note."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        for run, (*state, sha256) in read_checked(results_dir / NOTES)["files"].items():
            path = str(results_dir / "runs" / run / SEALED)
            _known.setdefault(path, ((state[0], state[1], state[2], state[3]), sha256))


def _note(results_dir: Path, found: Sequence[RunInfo]) -> None:
    """Remember the hashes; where the folder cannot be written, they are computed again next time."""
    files = {
        item.folder.name: [*state, sha256]
        for item in found
        if item.sealed
        for state, sha256 in [_known.get(str(item.folder / SEALED), (None, ""))]
        if state is not None
    }
    with suppress(OSError, ValueError, TypeError, KeyError):
        files = {**read_checked(results_dir / NOTES)["files"], **files}
    with suppress(StoreError):
        write_checked(results_dir / NOTES, {"files": files})
