"""The header of a run: what was asked, where, and how far it came.

A run is a folder ``runs/<run>`` with ``run.json`` (this header) and, while it
is unfinished, ``journal.jsonl``; once sealed, ``run.parquet``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core.errors import StoreError
from harness.core.record import SCHEMA
from harness.store.convert import convert_header
from harness.store.files import write_whole

HEADER, JOURNAL, SEALED = "run.json", "journal.jsonl", "run.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a run as a whole; `run` and `started_at` are filled in by `new_run`."""

    suite: str
    suite_path: str = ""
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
    text = json.dumps(asdict(header), indent=1, ensure_ascii=False, default=str) + "\n"
    write_whole(folder / HEADER, lambda part: part.write_bytes(text.encode("utf-8", "replace")))


def read_header(folder: Path) -> Header:
    """Read a run's header. Raises StoreError naming the file, SchemaError for a newer schema."""
    path = folder / HEADER
    try:
        stored = json.loads(path.read_bytes())
        data = convert_header(stored, path)
        lists = {name: tuple(data.get(name, ())) for name in ("command", "gates")}
        return Header(**{**data, **lists, "schema": stored["schema"]})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path}: not a run's header ({error}); restore it, or move the folder away"
        ) from error


def is_live(folder: Path) -> bool:
    """Tell whether a process holds the journal of `folder` open for writing."""
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
    """Describe the run in `folder`. Raises StoreError."""
    sealed = (folder / SEALED).exists()
    return RunInfo(read_header(folder), folder, sealed, live=not sealed and is_live(folder))


def runs(results_dir: Path, suite: str | None = None, machine: str | None = None) -> list[RunInfo]:
    """List the runs, oldest first, of one suite and machine where given. Raises StoreError."""
    folders = sorted((results_dir / "runs").glob("[!.]*/" + HEADER))
    found = (info(path.parent) for path in folders)
    return [
        item
        for item in found
        if (suite is None or item.header.suite == suite)
        and (machine is None or item.header.machine == machine)
    ]


def count(statuses: Sequence[str]) -> dict[str, int]:
    """Count statuses, in a stable order."""
    return dict(sorted(Counter(statuses).items()))
