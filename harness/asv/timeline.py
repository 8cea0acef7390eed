"""Keep the timeline: a small git repository with one commit a run, for tools that draw over commits.

A run is not a commit of anybody's code: the same commit is measured every
night under another runtime, and other weights. So each run gets a commit of
its own, which says in trailers what it measured. The whole chain is a
function of its runs, sorted by time: written anew, on any machine, it has the
same hashes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from harness.core.errors import StoreError
from harness.store import RunInfo
from harness.store.query import opened

BRANCH = "main"


@dataclass(frozen=True, slots=True, order=True)
class TimelineRun:
    """One run on the timeline."""

    run: str  # the run's identifier, which sorts by time
    time_s: int  # seconds since 1970, when the run began
    title: str
    trailers: tuple[tuple[str, str], ...] = ()
    commit: str = ""  # its hash; empty until it is written

    @property
    def message(self) -> str:
        """The commit's message."""
        lines = [f"{key}: {_trailer_value(value)}" for key, value in (("Run", self.run), *self.trailers)]
        return "\n".join([_trailer_value(self.title), "", *lines, ""])


def read(repository: Path) -> list[TimelineRun]:
    """Read the timeline, oldest night first; empty where there is none yet. Raises StoreError."""
    if not repository.is_dir():
        return []
    log = _git(
        repository,
        "log",
        "--all",
        "--topo-order",
        "--reverse",
        "--format=%H%x00%at%x00%s%x00%(trailers:only,unfold)%x01",
    )
    return [_night(*entry.lstrip("\n").split("\0")) for entry in log.split("\1") if entry.strip()]


def write(repository: Path, nights: Iterable[TimelineRun]) -> list[TimelineRun]:
    """Put `nights` on the timeline beside those that are there; give all of them, oldest first.

    A night that comes late takes its place among the others, and those after
    it get new hashes. Raises StoreError.
    """
    chain = {night.run: night for night in read(repository)} | {night.run: night for night in nights}
    if not repository.is_dir():
        repository.parent.mkdir(parents=True, exist_ok=True)
        _git(None, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
    stream = _stream([chain[run] for run in sorted(chain)])
    _git(repository, "fast-import", "--quiet", "--force", "--date-format=raw", stdin=stream)
    return read(repository)


def nights(infos: Sequence[RunInfo]) -> list[TimelineRun]:
    """Describe stored runs as nights. Raises StoreError."""
    runtimes = _runtimes(infos)
    return [_night_of(info, runtimes.get(info.run, "nothing ran")) for info in infos]


def _night_of(info: RunInfo, runtimes: str) -> TimelineRun:
    header = info.header
    trailers = {
        "Suite": header.suite,
        "Suite-Hash": sha256(header.suite_text.encode()).hexdigest()[:12],
        "Runtime": runtimes,
        "Harness": header.harness,
        "Machine": header.machine,
    }
    time_s = int(datetime.fromisoformat(header.started_at).timestamp())
    return TimelineRun(info.run, time_s, f"{header.suite}: {runtimes}", tuple(trailers.items()))


def _runtimes(infos: Sequence[RunInfo]) -> dict[str, str]:
    """Name the runtimes of each run as they were asked for, with the versions found."""
    sql = """
        SELECT DISTINCT run, coalesce(axes['runtime'], 'current') AS asked, runtime_version
        FROM records WHERE runtime_version IS NOT NULL ORDER BY ALL
    """
    with opened(infos) as connection:
        rows = connection.execute(sql).fetchall()
    named: dict[str, list[str]] = {}
    for run, asked, version in rows:
        named.setdefault(run, []).append(asked if version in asked else f"{asked} ({version})")
    return {run: ", ".join(names) for run, names in named.items()}


def _stream(nights: Sequence[TimelineRun]) -> str:
    """Write the chain in git's fast-import format."""
    lines = [f"reset refs/heads/{BRANCH}"]
    for mark, night in enumerate(nights, 1):
        message = night.message
        lines += [f"commit refs/heads/{BRANCH}", f"mark :{mark}"]
        lines += [
            f"{who} harness <harness@localhost> {night.time_s} +0000" for who in ("author", "committer")
        ]
        lines += [f"data {len(message.encode())}", message]
        lines += [f"from :{mark - 1}"] if mark > 1 else []
        lines += [f"M 100644 inline run.txt\ndata {len(message.encode())}", message]
    return "\n".join([*lines, "done", ""])


def _night(commit: str, time_s: str, title: str, trailers: str) -> TimelineRun:
    pairs = [tuple(line.split(": ", 1)) for line in trailers.splitlines() if ": " in line]
    run = next((value for key, value in pairs if key == "Run"), "")
    rest = tuple((key, value) for key, value in pairs if key != "Run")
    return TimelineRun(run, int(time_s), title, rest, commit)


def _trailer_value(text: str) -> str:
    """Keep what a run says of itself from ending a trailer, or the message."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()) or "-"


def _git(repository: Path | None, *arguments: str, stdin: str = "") -> str:
    """Run git on a bare repository, whatever hook or worktree this is called from. Raises StoreError."""
    command = ["git", *([f"--git-dir={repository}"] if repository else []), *arguments]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(command, input=stdin, env=clean, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise StoreError("git is not installed; asv's timeline is a git repository") from None
    except subprocess.CalledProcessError as error:
        remedy = "where it is damaged, remove it, and export the runs again"
        raise StoreError(f"{repository}: git {arguments[0]}: {error.stderr.strip()}; {remedy}") from error
    return done.stdout
