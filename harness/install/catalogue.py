"""Install runtimes and tools on demand, list them, remove them.

Each is a folder that appears by one rename, under a lock of its own::

    <cache>/runtimes/<name>/runtime.json   what it is, the hash of every file
    <cache>/runtimes/<name>/site/          goes first on a worker's path
    <cache>/tools/<name>/tool.json         likewise
    <cache>/tools/<name>/site/             on the path of the process that converts, and of no other
    <cache>/tmp/<name>-*/                  being installed or removed
    <cache>/locks/<name>.lock
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from harness.core.errors import Failed, NotFoundError
from harness.core.registry import closest
from harness.core.requirement import Installable
from harness.core.tools import TOOLS
from harness.install.folder import (
    MANIFESTS,
    SITE,
    Installed,
    describe,
    folder_name,
    read,
    write_manifest,
)
from harness.install.installer import Installer, pip_install


def ensure(requirement: Installable, cache_dir: Path, install: Installer = pip_install) -> Installed:
    """Return what is installed of `requirement`, installing it where it is absent or damaged.

    Every file is looked at, and hashed where it may have changed. Other
    processes that want the same wait. Raises Unsupported where there
    is no such version for this Python, Failed for anything else; nothing half
    done stays behind.
    """
    with _failing(requirement, cache_dir):
        cache_dir = cache_dir.absolute()  # a worker runs in a folder of its own
        folder = cache_dir / requirement.kind / folder_name(requirement)
        if folder.exists():
            _mark_used(cache_dir, folder)
        if (found := read(folder, whole=False)).damage == "":
            return found
        with _locked(cache_dir, folder.name):
            if (found := read(folder, whole=False)).damage == "":
                return found
            if folder.exists():
                logging.getLogger(__name__).warning("%s: %s; it is installed again", folder, found.damage)
            return _install(requirement, cache_dir, folder, install)


def _mark_used(cache_dir: Path, folder: Path) -> None:
    """Stamp a folder as used now, which what prunes the cache asks for; not in a cache that is read-only."""
    with suppress(OSError), _locked(cache_dir, folder.name):
        os.utime(folder / MANIFESTS[folder.parent.name])


def _install(requirement: Installable, cache_dir: Path, folder: Path, install: Installer) -> Installed:
    with _draft(cache_dir, folder.name) as draft:
        sha256 = install(requirement, draft)
        installed = describe(draft, requirement, sha256)
        write_manifest(draft, installed)
        draft.chmod(0o755)  # a draft is private; a cache may be shared
        folder.parent.mkdir(exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    return replace(installed, path=str(folder / SITE))


def list_installed(cache_dir: Path) -> list[Installed]:
    """Return every runtime, then every tool, those for other Pythons included, oldest version first."""
    return sorted(map(read, _folders(cache_dir)), key=_order)


def _order(item: Installed) -> tuple[str, str, Version, str]:
    return item.kind, item.distribution, Version(item.version or "0"), item.path


def remove(name: str, cache_dir: Path) -> list[Installed]:
    """Remove what `name` stands for: a requirement, or the name of a wheel, a tool or a folder.

    Returns what was removed. Raises NotFoundError where nothing installed has
    this name, Failed where it cannot be removed. A process that runs with it
    at this moment may fail.
    """
    known = [(item, _names(item)) for item in list_installed(cache_dir)]
    chosen = [item for item, names in known if name in names]
    if not chosen:
        near = closest(name, {names[0] for _, names in known}) if known else "none is installed"
        raise NotFoundError(f"no runtime or tool {name!r} in {cache_dir}: {near}")
    for item in chosen:
        folder = item.folder
        with (
            _failing(name, cache_dir),
            _locked(cache_dir, folder.name),
            _draft(cache_dir, folder.name) as draft,
        ):
            folder.rename(draft / folder.name)  # at once, for whoever looks meanwhile
    return chosen


def _names(item: Installed) -> tuple[str, ...]:
    called = (name for name, tool in TOOLS.items() if folder_name(tool) == item.folder.name)
    return item.requirement, Path(item.requirement).name, item.folder.name, *called


def _folders(cache_dir: Path) -> Iterator[Path]:
    return (path for kind in MANIFESTS for path in (cache_dir.absolute() / kind).glob("*") if path.is_dir())


@contextmanager
def _failing(subject: object, cache_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failed(
            f"{subject}: cannot change {cache_dir}: {error.strerror or error}; free or unlock the disk, "
            "or set HARNESS_CACHE to another folder"
        ) from error


@contextmanager
def _locked(cache_dir: Path, name: str) -> Iterator[None]:
    from filelock import FileLock

    locks = cache_dir / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{name}.lock"):
        yield


@contextmanager
def _draft(cache_dir: Path, name: str) -> Iterator[Path]:
    """Give a folder to write in, and leave nothing of it. Call under the lock of `name`."""
    drafts = cache_dir / "tmp"
    drafts.mkdir(parents=True, exist_ok=True)
    for leftover in drafts.glob(f"{name}-*"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=drafts))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
