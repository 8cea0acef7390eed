"""Keep what was built under a key of everything that changes its bytes.

An entry is a folder that appears by one rename, under a lock of its own, and
is believed only while its files hash to what was written down, and so do the
files elsewhere that its making read (``reads`` of the content, path -> sha256)::

    <cache>/<kind>/<key>/entry.json   recipe, content, file -> sha256, and a seal over all three
    <cache>/<kind>/<key>/...          the files
    <cache>/<kind>/<key>/facts/...    what is known of them, counted neither in their hash nor in their size
    <cache>/tmp/<key>/                being written
    <cache>/locks/<key>.lock
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import InputError
from harness.core.hashing import hash_file

MANIFEST = "entry.json"
FACTS = "facts"


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One folder of the cache: what it was made by, what it holds, its files' hashes."""

    folder: Path
    recipe: Mapping[str, Any]
    content: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """The hash of the sole file, as ``sha256sum`` prints it; of several: over names and hashes."""
        return combine(self._own)

    @property
    def size_bytes(self) -> int:
        """Size of all files, the manifest and the facts apart."""
        return sum((self.folder / name).stat().st_size for name in self._own)

    @property
    def _own(self) -> dict[str, str]:
        """The files without the facts."""
        return {name: sha256 for name, sha256 in self.files.items() if not name.startswith(f"{FACTS}/")}


def default_cache_dir() -> Path:
    """Return ``$HARNESS_CACHE``, else ``harness`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("HARNESS_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "harness"


def combine(files: Mapping[str, str]) -> str:
    """Return one hash of several files: the sole one's own, else that of the sorted names and hashes."""
    if len(files) == 1:
        return next(iter(files.values()))
    text = "".join(f"{name}\0{sha256}\n" for name, sha256 in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def digest(recipe: Mapping[str, Any]) -> str:
    """Return the key of a recipe: 32 hex digits, the same whatever the order of its parts."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _require_utf8(folder: Path) -> None:
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"the cache {folder}: its path is not UTF-8, and ONNX Runtime opens no other; "
            "set HARNESS_CACHE to another folder"
        ) from None


def fetch(
    cache_dir: Path, kind: str, recipe: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]
) -> CacheEntry:
    """Return the entry of `recipe`, made by `make` where it is absent, damaged or outdated.

    `make` fills the folder it is given and returns the entry's content. What it
    raises passes through, and leaves nothing behind. Other processes that want
    the same entry wait. Raises InputError where the cache cannot be written,
    or its path is not UTF-8.
    """
    from filelock import FileLock

    _require_utf8(cache_dir)
    key = digest(recipe)
    folder, draft, locks = cache_dir / kind / key, cache_dir / "tmp" / key, cache_dir / "locks"
    try:
        for parent in (folder.parent, draft.parent, locks):
            parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(locks / f"{key}.lock").acquire()
    except OSError as error:
        raise InputError(
            f"the cache {cache_dir} cannot be written: {error.strerror}; set HARNESS_CACHE to another folder"
        ) from error
    with held:
        damage = (verify(folder) or outdated(read(folder))) if folder.exists() else "absent"
        if damage == "":
            with suppress(OSError):  # of a cache that is read-only
                os.utime(folder / MANIFEST)  # used now: what prunes the cache asks
            return read(folder)
        if damage != "absent":
            logging.getLogger(__name__).warning("cache entry %s: %s; it is built again", folder, damage)
        shutil.rmtree(draft, ignore_errors=True)  # of a process that died
        draft.mkdir()
        try:
            _write(draft, recipe, make(draft))
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return read(folder)


def _write(folder: Path, recipe: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    files = {path.relative_to(folder).as_posix(): hash_file(path) for path in _files(folder)}
    manifest = {"recipe": recipe, "content": content, "files": files}
    (folder / MANIFEST).write_text(json.dumps({**manifest, "seal": digest(manifest)}, indent=1))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST)


def read(folder: Path) -> CacheEntry:
    """Read an entry's manifest. Raises OSError, ValueError, KeyError or TypeError where it is damaged."""
    manifest = json.loads((folder / MANIFEST).read_text())
    if manifest.pop("seal") != digest(manifest):
        raise ValueError("changed since it was written")
    return CacheEntry(folder, manifest["recipe"], manifest["content"], manifest["files"])


def verify(folder: Path) -> str:
    """Return what is wrong with an entry: empty where its files are what was written."""
    try:
        entry = read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its {MANIFEST} is damaged ({type(error).__name__})"
    there = {path.relative_to(folder).as_posix() for path in _files(folder)}
    if differing := there ^ set(entry.files):
        return f"its files are not those that were written: {', '.join(sorted(differing))}"
    changed = [name for name, sha256 in entry.files.items() if hash_file(folder / name) != sha256]
    return f"{changed[0]} does not have the hash it was written with" if changed else ""


def outdated(entry: CacheEntry) -> str:
    """Return which file that an entry was made of is another now, or gone: empty where none is."""
    for name, sha256 in entry.content.get("reads", {}).items():
        try:
            if hash_file(Path(name)) != sha256:
                return f"{name}, which it was made of, has changed"
        except OSError as error:
            return f"{name}, which it was made of, cannot be read: {error.strerror}"
    return ""


def entries(cache_dir: Path, kind: str) -> Iterator[Path]:
    """Yield the folder of every entry of `kind`, newest last."""
    folders = [path for path in (cache_dir / kind).glob("*") if path.is_dir()]
    yield from sorted(folders, key=lambda path: path.stat().st_mtime)
