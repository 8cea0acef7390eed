"""Keep profiles beside the runs: ``profiles/<id>.json``, one for each case of a model file on a machine.

`of` says what a profile is of, as plain data: its hash is the identifier, so that a later profile of
the same takes the place of the earlier one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.core.errors import StoreError
from harness.store.files import read_checked, write_checked, write_whole, writing

FOLDER = "profiles"


def write_profile(results_dir: Path, of: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Keep the plain data `found`; return its file. Raises StoreError."""
    path = _path(results_dir, of)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_checked(path, {"of": of, "profile": found})
    return path


def read_profile(results_dir: Path, of: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Read what `write_profile` kept; None where there is none. Raises StoreError."""
    path = _path(results_dir, of)
    try:
        found: Mapping[str, Any] = read_checked(path)["profile"]
        return found
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StoreError:
    """Say that a profile cannot be read, and what to do."""
    return StoreError(f"{path}: cannot be read ({error}); delete it and profile again")


def merge_profiles(source: Path, into: Path) -> None:
    """Copy the profiles that `into` lacks, or has only older ones of. Raises StoreError."""
    for path in sorted((source / FOLDER).glob("*.json")):
        target = into / FOLDER / path.name
        if target.exists() and _time(target) >= _time(path):
            continue
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, partial(shutil.copyfile, path))


def _time(path: Path) -> str:
    try:
        return str(read_checked(path)["profile"]["profiled_at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def _path(results_dir: Path, of: Mapping[str, Any]) -> Path:
    text = json.dumps(of, sort_keys=True, default=str)
    return results_dir / FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
