"""Run one step of a build in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import harness
from harness.build.scratch import scratch
from harness.core.errors import Failed, Unsupported
from harness.core.units import format_signal, format_span

TIMEOUT_S = 1800.0
REQUEST, ANSWER = "request.json", "answer.json"

START = """
import pathlib, sys
sys.path.append(sys.argv[1])
from harness.build.worker import main
main(pathlib.Path(sys.argv[2]))
"""
"""Finds this package wherever it lies, and shadows nothing by it."""


Run = Callable[[Mapping[str, Any], float], Mapping[str, Any]]
"""Run a step: a request and a limit in s; return what `run` does."""


def run(
    request: Mapping[str, Any], timeout_s: float = TIMEOUT_S, python: str = sys.executable
) -> dict[str, Any]:
    """Return the content of the artifact that the worker left in ``request["target"]``.

    Raises Unsupported or Failed with the worker's reason, or with how it died.
    """
    with scratch() as folder:
        (folder / REQUEST).write_text(json.dumps(request))
        command = [python, "-P", "-c", START, str(Path(harness.__file__).parent.parent), str(folder)]
        try:
            done = subprocess.run(
                command,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"the build took longer than {format_span(timeout_s)} and was ended") from error
        if done.returncode != 0 or not (folder / ANSWER).exists():
            raise Failed(_death(done.returncode, done.stderr.decode(errors="replace")))
        answer = json.loads((folder / ANSWER).read_text())
    if "unsupported" in answer:
        raise Unsupported(answer["unsupported"])
    if "failed" in answer:
        raise Failed(answer["failed"])
    content: dict[str, Any] = answer["content"]
    return content


def _environment() -> dict[str, str]:
    """Let the worker hash names alike every time, keep warnings to itself, and start no telemetry."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore", "ORT_DISABLE_TELEMETRY": "1"}
    return {**os.environ, **fixed}


def _death(code: int, stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    tail = f": {lines[-1][:300]}" if lines else ""
    if code == -signal.SIGKILL:
        return f"the build was killed (SIGKILL; out of memory?){tail}"
    if code < 0:
        return f"the build died of {format_signal(-code)}{tail}"
    return f"the build ended with code {code} and no answer{tail}"
