"""Run one step of a build in a process of its own."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import harness
from harness.build.check import first_line
from harness.build.scratch import scratch
from harness.core.errors import Failed, HarnessError, Unsupported
from harness.core.units import format_signal, format_span

TIMEOUT_S = 1800.0
REQUEST, ANSWER, STDERR = "request.json", "answer.json", "stderr.txt"
FIRST = "first"
"""Key of a request: the folder in which packages are looked for first, as of another ONNX Runtime."""

START = """
import pathlib, sys
sys.path.append(sys.argv[1])
from harness.build.worker import main
main(pathlib.Path(sys.argv[2]))
"""
"""Finds this package wherever it lies, and shadows nothing by it."""


TOOL_START = """
import importlib, importlib.util, sys
root, site, module, folder = sys.argv[1:]
sys.path.append(site)
spec = importlib.util.spec_from_file_location(
    "harness", f"{root}/__init__.py", submodule_search_locations=[root]
)
sys.modules["harness"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
importlib.import_module(module).main(folder)
"""
"""Makes this package, and none of its neighbours, known beside the standard library and a tool."""


Run = Callable[[Mapping[str, Any], float], Mapping[str, Any]]
"""Run a step: a request and a limit in s; return what `run` does."""


def run(
    request: Mapping[str, Any], timeout_s: float = TIMEOUT_S, python: str = sys.executable
) -> dict[str, Any]:
    """Return the content of the artifact that the worker left in ``request["target"]``.

    Raises Unsupported or Failed with the worker's reason, or with how it died.
    """
    command = [python, "-P", "-c", START, str(Path(harness.__file__).parent.parent)]
    found = _environment()
    if first := request.get(FIRST):
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (first, os.environ.get("PYTHONPATH"))))
    return _ask(command, request, timeout_s, "the build", found)


def run_tool(
    site: str, module: str, request: Mapping[str, Any], who: str, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """Run ``main`` of `module` with the tool in the folder `site`, the standard library, and nothing else.

    The environment's packages are not there. `who` names the tool in reasons. Raises as `run`.
    """
    root = str(Path(harness.__file__).parent)
    command = [sys.executable, "-S", "-s", "-P", "-c", TOOL_START, root, site, module]
    alone = {key: value for key, value in _environment().items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    return _ask(command, request, timeout_s, who, alone)


def answer(folder: Path, do: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Do what ``request.json`` in `folder` asks for, and write ``answer.json``; it is the process's all."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the parent
    found: dict[str, Any]
    try:
        found = {"content": do(json.loads((folder / REQUEST).read_text()))}
    except Unsupported as error:
        found = {"unsupported": str(error)}
    except HarnessError as error:
        found = {"failed": str(error)}
    except Exception as error:  # whatever else a library raises is one failed record
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {first_line(error)}"}
    (folder / ANSWER).write_text(json.dumps(found))


def _ask(
    command: list[str],
    request: Mapping[str, Any],
    timeout_s: float,
    who: str,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    with scratch() as folder:
        (folder / REQUEST).write_text(json.dumps(request))
        try:
            # to a file: a process that the user's code leaves behind would hold a pipe open
            with (folder / STDERR).open("wb") as stderr:
                done = subprocess.run(
                    [*command, str(folder)],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    timeout=timeout_s,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{who} took longer than {format_span(timeout_s)} and was ended") from error
        if done.returncode != 0 or not (folder / ANSWER).exists():
            raise Failed(_death(who, done.returncode, (folder / STDERR).read_text(errors="replace")))
        found = json.loads((folder / ANSWER).read_text())
    if "unsupported" in found:
        raise Unsupported(found["unsupported"])
    if "failed" in found:
        raise Failed(found["failed"])
    content: dict[str, Any] = found["content"]
    return content


def _environment() -> dict[str, str]:
    """Let the worker hash names alike every time, keep warnings to itself, and start no telemetry."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore", "ORT_DISABLE_TELEMETRY": "1"}
    return {**os.environ, **fixed}


def _death(who: str, code: int, stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    tail = f": {lines[-1][:300]}" if lines else ""
    if code == -signal.SIGKILL:
        return f"{who} was killed (SIGKILL; out of memory?){tail}"
    if code < 0:
        return f"{who} died of {format_signal(-code)}{tail}"
    return f"{who} ended with code {code} and no answer{tail}"
