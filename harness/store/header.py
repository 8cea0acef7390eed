"""The header of a run: what was asked, where, and how far it came.

A run is a folder ``runs/<run>`` with ``run.json`` (this header) and, while it
is unfinished, ``journal.jsonl``; once sealed, ``run.parquet``.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core.errors import InputError, StoreError
from harness.core.record import SCHEMA
from harness.store.convert import convert_header
from harness.store.files import read_checked, write_checked

log = logging.getLogger("harness.store")

HEADER, JOURNAL, SEALED = "run.json", "journal.jsonl", "run.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a run as a whole; `run` and `started_at` are filled in by `new_run`."""

    suite: str
    suite_path: str = ""
    description: str = ""  # of the suite, for people
    suite_text: str = ""  # the YAML after `extends` and overrides
    baseline: Mapping[str, Any] = field(default_factory=dict)  # the case that deltas are shown against
    gates: tuple[Mapping[str, Any], ...] = ()  # as `harness.core.suite.Gate` has them
    plan_hash: str = ""
    cases: int = 0  # cases and skips of the plan
    command: tuple[str, ...] = ()
    harness: str = ""  # version
    commit: str = ""  # git commit of the suite's repository
    machine: str = ""  # machine identity
    environment: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    started_at: str = ""  # ISO 8601, UTC
    finished_at: str = ""  # empty while unfinished
    counts: Mapping[str, int] = field(default_factory=dict)  # status -> records, once sealed
    columns: str = ""  # hash of the sealed file's columns: files of the same are read as one
    files: Mapping[str, str] = field(default_factory=dict)  # file of the run -> sha256, once sealed
    schema: int = SCHEMA  # the version it is stored in

    def unlike(self, other: Header) -> tuple[str, ...]:
        """Name what keeps one run from going on as `other`: what it would put under a wrong label."""
        sides = (
            {
                "plan": header.plan_hash,
                "machine": header.machine,
                "commit": header.commit,
                "state of uncommitted changes": header.dirty,
                "set of packages": header.environment.get("packages"),
            }
            for header in (self, other)
        )
        ours, theirs = sides
        return tuple(name for name in ours if ours[name] != theirs[name])

    @property
    def dirty(self) -> bool:
        """Whether tracked files differed from the commit."""
        return bool((self.environment.get("git") or {}).get("dirty"))


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run in a results folder.

    `sealed`: all records are in an immutable file. `live`: a process is
    writing it now. Neither: it was stopped or killed, and may be resumed.
    """

    header: Header
    folder: Path
    sealed: bool
    live: bool

    @property
    def run(self) -> str:
        """The run's identifier, which sorts by time."""
        return self.header.run


def plan_hash(what: Sequence[str], sampling: Mapping[str, Any]) -> str:
    """Identify a plan by what it measures, in order, and its sampling: 16 hex digits."""
    text = json.dumps([list(what), sampling], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def new_id(now: datetime) -> str:
    """Name a run after the moment it began at, so that names sort by time within a second too."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.token_hex(1)[0]}"


def write_header(folder: Path, header: Header) -> None:
    """Put `header` into `folder`, whole or not at all. Raises StoreError."""
    write_checked(folder / HEADER, asdict(header))


def read_header(folder: Path) -> Header:
    """Read a run's header. Raises StoreError naming the file, SchemaError for a newer schema."""
    path = folder / HEADER
    try:
        stored = read_checked(path)
        data = convert_header(stored, path)
        lists = {name: tuple(data.get(name, ())) for name in ("command", "gates")}
        return Header(**{**data, **lists, "schema": stored["schema"]})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path}: not a run's header ({_reason(error)}); restore it, or move the folder away"
        ) from error


def is_live(folder: Path) -> bool:
    """Return whether a process holds the journal of `folder` open for writing."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def run_folder(results_dir: Path, run: str) -> Path:
    """Where `run` is kept."""
    return results_dir / "runs" / run


def info(folder: Path) -> RunInfo:
    """Describe the run in `folder`. Raises StoreError where its files are not those of a run."""
    # While the journal is there, it counts: a run that was killed while it was sealed is sealed anew.
    journal, sealed = (folder / JOURNAL).exists(), (folder / SEALED).exists()
    header = read_header(folder)
    if not journal and not sealed and not (folder / SEALED).exists():  # sealed between the two looks
        raise StoreError(
            f"{folder / SEALED}: the records of run {header.run} are missing; "
            "restore the file, or move the folder away"
        )
    return RunInfo(header, folder, not journal, live=journal and is_live(folder))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a results folder holds: the runs that can be read, oldest first, and why others cannot."""

    runs: tuple[RunInfo, ...]
    damaged: Mapping[str, str]  # name of a folder -> one line that names the file
    copies: frozenset[str] = frozenset()  # those of `damaged` that are whole, and of a run that is there


def survey(results_dir: Path) -> Survey:
    """Look at every run. Raises StoreError where the folder itself cannot be read."""
    found: dict[str, RunInfo] = {}
    damaged: dict[str, str] = {}
    copies: set[str] = set()
    for folder in _folders(results_dir / "runs"):
        try:
            if not (folder / HEADER).exists():
                if _holds_records(folder):
                    damaged[folder.name] = (
                        f"{folder / HEADER}: missing, so the run there is left out; "
                        "restore it, or move the folder away"
                    )
                continue
            item = info(folder)
        except StoreError as error:
            damaged[folder.name] = str(error)
            continue
        except OSError as error:
            damaged[folder.name] = f"{folder}: the run there cannot be read: {error.strerror or error}"
            continue
        twin = found.get(item.run)
        if twin is None or folder.name == item.run:
            found[item.run] = item
        copy = item if twin is not None and folder.name != item.run else twin
        if copy is not None:
            copies.add(copy.folder.name)
            damaged[copy.folder.name] = (
                f"{copy.folder}: a copy of run {item.run}, which counts once; move the copy away"
            )
    return Survey(tuple(found[run] for run in sorted(found)), damaged, frozenset(copies))


def _folders(parent: Path) -> list[Path]:
    """List the folders of runs; none where there is no such folder. Raises StoreError."""
    try:
        with os.scandir(parent) as entries:
            return sorted(parent / entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{parent}: {error.strerror}") from error
        raise StoreError(f"{parent}: the runs cannot be read: {error.strerror or error}") from error


def _holds_records(folder: Path) -> bool:
    """Return whether a folder without a header holds records: one that is being begun has none."""
    return any((folder / name).exists() and (folder / name).stat().st_size > 0 for name in (SEALED, JOURNAL))


def runs(results_dir: Path, suite: str | None = None, machine: str | None = None) -> list[RunInfo]:
    """List the runs, oldest first, of one suite and machine where given.

    A run that cannot be read, and a copy of another, is left out and named in a warning.
    Raises StoreError where the folder itself cannot be read.
    """
    seen = survey(results_dir)
    for line in seen.damaged.values():
        log.warning("%s", line)
    return [
        item
        for item in seen.runs
        if (suite is None or item.header.suite == suite)
        and (machine is None or item.header.machine == machine)
    ]


def _reason(error: Exception) -> str:
    """Word an error without its file, which is named before it."""
    return (error.strerror or "unreadable") if isinstance(error, OSError) else str(error)


def count(statuses: Sequence[str]) -> dict[str, int]:
    """Count statuses, in a stable order."""
    return dict(sorted(Counter(statuses).items()))
