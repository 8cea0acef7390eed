"""Real pytest sessions.

pytest's own `pytester` is not used: when it is done it forgets every module
that was imported meanwhile, and DuckDB does not survive being imported twice.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Go to an empty folder, and run pytest there in a process of its own, warnings being errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def session(*arguments: object) -> pytest.RunResult:
        options = ["-W", "error", "--strict-markers", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, arguments)]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines(), done.stderr.splitlines()
        return pytest.RunResult(pytest.ExitCode(done.returncode), *lines, time.monotonic() - begun)

    return session
