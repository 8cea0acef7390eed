"""List the cache and remove from it, under the locks by which it is filled."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.cache.decide import in_use
from harness.cache.model import Kept, Removal
from harness.core.errors import Failed
from harness.run.lease import oldest

MANIFESTS = {
    "artifacts": "entry.json",
    "data": "entry.json",
    "runtimes": "runtime.json",
    "tools": "tool.json",
    "tmp": "",
}
"""Kind of folder -> the file in it that says what it is; its time is that of the last use."""


def contents(cache_dir: Path) -> tuple[Kept, ...]:
    """List every folder of the cache by kind, used last first. Hashes nothing."""
    return tuple(_contents(cache_dir.absolute()))


def _contents(cache_dir: Path) -> Iterator[Kept]:
    for kind, manifest in MANIFESTS.items():
        found = [
            Kept(
                kind,
                folder.name,
                _what(folder / manifest),
                str(folder),
                _size(folder),
                _used_at(kind, folder),
            )
            for folder in (cache_dir / kind).glob("*")
            if folder.is_dir()
        ]
        yield from sorted(found, key=lambda item: (-item.used_at, item.name))


def _what(manifest: Path) -> str:
    """Return what a folder was made from, in a few words; nothing where it does not say so itself."""
    if not manifest.is_file():
        return "unfinished"
    try:
        facts = json.loads(manifest.read_text())
        return str(facts["requirement"]) if "requirement" in facts else _made_from(facts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "damaged"


def _made_from(facts: dict[str, Any]) -> str:
    content = facts["content"]
    source = (content.get("provenance") or {}).get("source") or {}
    words = [str(source[key]) for key in ("kind", "name", "target") if key in source]
    words += [str(content[key]) for key in ("name", "precision") if content.get(key)]
    return " ".join(words + ([f"opset {content['opset']}"] if content.get("opset") else []))


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _used_at(kind: str, folder: Path) -> float:
    manifest = folder / MANIFESTS[kind]
    return (manifest if manifest.is_file() else folder).stat().st_mtime


def prune(cache_dir: Path, chosen: Iterable[Kept]) -> Iterator[Removal]:
    """Remove each folder, but none that a running process fills or uses.

    Raises Failed where the cache cannot be changed.
    """
    cache_dir = cache_dir.absolute()
    try:
        for item in chosen:
            yield Removal(item, _remove(cache_dir, item))
    except OSError as error:
        raise Failed(f"cannot change {cache_dir}: {error.strerror or error}") from error


def _remove(cache_dir: Path, item: Kept) -> str:
    """Remove one folder; say why it stays, if it does."""
    from filelock import FileLock, Timeout

    folder = Path(item.folder)
    try:
        with FileLock(_lock(cache_dir, item), timeout=0):
            if not folder.is_dir():
                return "gone already"
            if in_use(_used_at(item.kind, folder), oldest(cache_dir)):
                return "in use by a running job"
            if item.kind != "tmp":
                # out of the way at once, for whoever looks meanwhile
                drafts = cache_dir / "tmp"
                drafts.mkdir(exist_ok=True)
                folder = folder.rename(Path(tempfile.mkdtemp(prefix=f"{item.name}-", dir=drafts)) / "pruned")
                folder = folder.parent
            shutil.rmtree(folder)
    except Timeout:
        return "being made or used at this moment"
    return ""


def _lock(cache_dir: Path, item: Kept) -> Path:
    """Return the lock under which a folder is filled; a runtime's draft has a suffix of its own."""
    locks = cache_dir / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    whole = locks / f"{item.name}.lock"
    if item.kind != "tmp" or whole.exists():
        return whole
    return locks / f"{item.name.rpartition('-')[0] or item.name}.lock"
