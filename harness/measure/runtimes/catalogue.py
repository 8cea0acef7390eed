"""Install runtimes on demand, list them, remove them.

A runtime is a folder that appears by one rename, under a lock of its own::

    <cache>/runtimes/<name>/runtime.json   what it is, the hash of every file
    <cache>/runtimes/<name>/site/          goes first on a worker's path
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
from harness.core.requirement import Requirement
from harness.measure.runtimes.folder import (
    MANIFEST,
    SITE,
    Runtime,
    describe,
    folder_name,
    read,
    write_manifest,
)
from harness.measure.runtimes.installer import Installer, pip_install

RUNTIMES = "runtimes"


def ensure(requirement: Requirement, cache_dir: Path, install: Installer = pip_install) -> Runtime:
    """Return the installed runtime of `requirement`, installing it where it is absent or damaged.

    Every file is hashed, so ask once for a sweep, not once for a case. Other
    processes that want the same runtime wait. Raises Unsupported where there
    is no such version for this Python, Failed for anything else; nothing half
    done stays behind.
    """
    with _failing(requirement, cache_dir):
        cache_dir = cache_dir.absolute()  # a worker runs in a folder of its own
        folder = cache_dir / RUNTIMES / folder_name(requirement)
        if folder.exists():
            _mark_used(cache_dir, folder)
        if (runtime := read(folder)).damage == "":
            return runtime
        with _locked(cache_dir, folder.name):
            if (runtime := read(folder)).damage == "":
                return runtime
            if folder.exists():
                logging.getLogger(__name__).warning("%s: %s; it is installed again", folder, runtime.damage)
            return _install(requirement, cache_dir, folder, install)


def _mark_used(cache_dir: Path, folder: Path) -> None:
    """Stamp a runtime as used now, which what prunes the cache asks for; not in a cache that is read-only."""
    with suppress(OSError), _locked(cache_dir, folder.name):
        os.utime(folder / MANIFEST)


def _install(requirement: Requirement, cache_dir: Path, folder: Path, install: Installer) -> Runtime:
    with _draft(cache_dir, folder.name) as draft:
        sha256 = install(requirement, draft)
        runtime = describe(draft, requirement, sha256)
        write_manifest(draft, runtime)
        draft.chmod(0o755)  # a draft is private; a cache may be shared
        folder.parent.mkdir(exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    return replace(runtime, path=str(folder / SITE))


def list_runtimes(cache_dir: Path) -> list[Runtime]:
    """Return every installed runtime, those for other Pythons included, oldest version first."""
    return sorted(map(read, _folders(cache_dir)), key=_order)


def _order(runtime: Runtime) -> tuple[str, Version, str]:
    return runtime.distribution, Version(runtime.version or "0"), runtime.path


def remove(name: str, cache_dir: Path) -> list[Runtime]:
    """Remove the runtimes that `name` stands for: a requirement, a wheel's name, or a folder's name.

    Returns what was removed. Raises NotFoundError where nothing installed has
    this name, Failed where it cannot be removed. A worker that runs under it
    at this moment may fail.
    """
    known = {runtime: _names(runtime) for runtime in list_runtimes(cache_dir)}
    chosen = [runtime for runtime, names in known.items() if name in names]
    if not chosen:
        near = closest(name, {names[0] for names in known.values()}) if known else "none is installed"
        raise NotFoundError(f"no runtime {name!r} in {cache_dir / RUNTIMES}: {near}")
    for runtime in chosen:
        folder = Path(runtime.path).parent
        with (
            _failing(name, cache_dir),
            _locked(cache_dir, folder.name),
            _draft(cache_dir, folder.name) as draft,
        ):
            folder.rename(draft / folder.name)  # at once, for whoever looks meanwhile
    return chosen


def _names(runtime: Runtime) -> tuple[str, ...]:
    return runtime.requirement, Path(runtime.requirement).name, Path(runtime.path).parent.name


def _folders(cache_dir: Path) -> Iterator[Path]:
    return (path for path in (cache_dir.absolute() / RUNTIMES).glob("*") if path.is_dir())


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
