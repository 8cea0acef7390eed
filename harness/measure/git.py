"""Ask git which commit a folder is at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

_TIMEOUT_S = 10


def git_commit(path: Path) -> dict[str, Any]:
    """Return ``{"commit", "dirty"}`` of the repository that holds `path`, or ``{"unavailable": why}``.

    `path` is a file or a folder; dirty means that a tracked file differs from
    the commit.
    """
    folder = path if path.is_dir() else path.parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:
        return {"unavailable": "git is not installed"}
    except subprocess.TimeoutExpired:
        return {"unavailable": f"git did not answer in {_TIMEOUT_S} s"}
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        return {"unavailable": reason or f"git ended with exit code {error.returncode}"}
    return {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str:
    # no optional locks: another git at work in the same repository is not disturbed
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT_S,
    )
    return done.stdout.strip()
