"""Find a run by what a person calls it, and pin the one that others are compared with."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from harness.core.errors import NotFoundError, StoreError
from harness.core.record import SCHEMA
from harness.store.convert import check
from harness.store.files import locked, read_checked, write_checked
from harness.store.header import RunInfo, runs, survey
from harness.store.integrity import sound

ANCHORS = "anchors.json"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The run that later runs of one suite on one machine are compared with."""

    suite: str
    machine: str
    run: str


def find_run(
    results_dir: Path, text: str, *, suite: str | None = None, machine: str | None = None
) -> RunInfo:
    """Resolve what a person calls a run.

    In this order: ``latest``; ``previous`` (the one before the latest, of its
    suite and machine); ``anchor`` (of the latest run's suite and machine); an
    identifier or the unique beginning of one; a date ``2026-11-22`` (the last
    run begun that day, UTC); a git revision (the newest run at that commit,
    one without uncommitted changes where there is any).
    `suite` and `machine` narrow the choice. Raises NotFoundError, StoreError where what is named
    cannot be read: an older run never takes the place of a damaged one.
    """
    found = runs(results_dir, suite, machine)
    seen = survey(results_dir)
    damaged = {name: line for name, line in seen.damaged.items() if name not in seen.copies}
    unreadable = [name for name in damaged if text and name.startswith(text)]
    newer = [name for name in damaged if not found or name > found[-1].run]
    if (text == "latest" and newer) or (unreadable and not _by_id(found, text)):
        name = max(newer) if text == "latest" else unreadable[0]
        raise StoreError(f"{damaged[name]}{_else(found)}")
    if not found:
        of = f" of suite {suite!r}" if suite else ""
        raise NotFoundError(f"{results_dir}: no runs{of} yet; measure one with 'harness run SUITE'")
    match text:
        case "latest":
            return found[-1]
        case "previous":
            run = previous(found, found[-1])
            if run is None:
                raise NotFoundError(f"no run before {found[-1].run} of the same suite and machine")
            return run
        case "anchor":
            return _anchored(results_dir, found)
    return _by_id(found, text) or _by_date(found, text) or _by_commit(found, text) or _missing(found, text)


def previous(found: Sequence[RunInfo], run: RunInfo) -> RunInfo | None:
    """Give the newest of `found` that is older than `run`, of the same suite and machine.

    One whose records are damaged is passed over, with a warning.
    """
    for item in reversed(found):
        same = (item.header.suite, item.header.machine) == (run.header.suite, run.header.machine)
        if same and item.run < run.run and sound([item]):
            return item
    return None


def _else(found: Sequence[RunInfo]) -> str:
    return f". The newest that can be read is {found[-1].run}" if found else ""


def anchors(results_dir: Path) -> list[Anchor]:
    """Read the anchors. Raises StoreError naming the file."""
    path = results_dir / ANCHORS
    try:
        data = read_checked(path)
        check(data.get("schema"), path)
        if strange := data.keys() - {"schema", "anchors"}:
            raise ValueError(f"no key {min(strange)!r} belongs there")
        return [Anchor(**item) for item in data["anchors"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(f"{path}: not a list of anchors ({error}); restore it, or remove it") from error


def anchor(results_dir: Path, suite: str, machine: str) -> str | None:
    """Give the run that `suite` is compared with on `machine`, if one is pinned."""
    for item in anchors(results_dir):
        if (item.suite, item.machine) == (suite, machine):
            return item.run
    return None


def set_anchor(results_dir: Path, run: RunInfo) -> Anchor:
    """Hold later runs of the same suite and machine against `run`. Raises StoreError."""
    pin = Anchor(run.header.suite, run.header.machine, run.run)
    with locked(results_dir):
        kept = [
            item for item in anchors(results_dir) if (item.suite, item.machine) != (pin.suite, pin.machine)
        ]
        _write_anchors(results_dir, [*kept, pin])
    return pin


def clear_anchor(results_dir: Path, pin: Anchor) -> None:
    """Hold later runs of the suite and machine of `pin` against nothing. Raises StoreError."""
    with locked(results_dir):
        _write_anchors(results_dir, [item for item in anchors(results_dir) if item != pin])


def _write_anchors(results_dir: Path, pins: Sequence[Anchor]) -> None:
    ordered = sorted(pins, key=lambda item: (item.suite, item.machine))
    write_checked(results_dir / ANCHORS, {"schema": SCHEMA, "anchors": [asdict(item) for item in ordered]})


def _anchored(results_dir: Path, found: Sequence[RunInfo]) -> RunInfo:
    latest = found[-1].header
    pinned = anchor(results_dir, latest.suite, latest.machine)
    if pinned is None:
        raise NotFoundError(
            f"suite {latest.suite!r} has no anchor on machine {latest.machine!r}; "
            "pin one with 'harness anchor set RUN'"
        )
    for item in found:
        if item.run == pinned:
            return item
    raise NotFoundError(f"the anchor of suite {latest.suite!r}, run {pinned}, is not in {results_dir}")


def _by_id(found: Sequence[RunInfo], text: str) -> RunInfo | None:
    matches = [item for item in found if text and item.run.startswith(text)]
    if len(matches) > 1:
        raise NotFoundError(f"{text!r} is the beginning of {len(matches)} runs: {_list(matches)}")
    return matches[0] if matches else None


def _by_date(found: Sequence[RunInfo], text: str) -> RunInfo | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    matches = [item for item in found if item.header.started_at.startswith(text)]
    return matches[-1] if matches else None


def _by_commit(found: Sequence[RunInfo], text: str) -> RunInfo | None:
    """Match a commit's hash or its beginning (4 digits or more), or any name that git resolves."""
    wanted = text if re.fullmatch(r"[0-9a-f]{4,40}", text) else _git_commit(found[-1], text)
    matches = [item for item in found if wanted and item.header.commit.startswith(wanted)]
    clean = [item for item in matches if not item.header.dirty]
    return (clean or matches)[-1] if matches else None


def _git_commit(run: RunInfo, text: str) -> str:
    """Ask the repository of the run's suite what `text` names; empty where nothing does."""
    folder = Path(run.header.suite_path).parent
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}"]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _missing(found: Sequence[RunInfo], text: str) -> NoReturn:
    raise NotFoundError(
        f"no run {text!r}; known names: latest, previous, anchor, a date, a git revision, "
        f"or one of {_list(found)}"
    )


def _list(found: Sequence[RunInfo]) -> str:
    newest = [item.run for item in found[-5:]][::-1]
    more = f" and {len(found) - 5} older" if len(found) > 5 else ""
    return ", ".join(newest) + more
