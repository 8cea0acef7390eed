"""Start a worker, sleep until it ends, and read what it left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core.record import Observation
from harness.core.units import format_signal
from harness.measure.cores import pinned_to
from harness.measure.worker.answer import FILE
from harness.measure.worker.each import ENDED, REQUEST
from harness.measure.worker.request import Request

TAIL_BYTES = 4096
DISABLE_TELEMETRY = "ORT_DISABLE_TELEMETRY"  # read by ONNX Runtime when it is imported, from 1.29 on
MAX_POLL_MS = 2**31 - 1  # that poll takes: 24 days
Command = Callable[[Path], list[str]]
"""Make the command line of a worker that answers the request, or the requests, at a path."""

_ROOT = Path(__file__).parents[2]  # the folder that holds the package


def observe(request: Request, workdir: Path, command: Command | None = None) -> Observation:
    """Run `request` in one fresh worker process and return what it saw, however it ended.

    The parent sleeps in one blocking wait meanwhile. The worker is a session
    of its own, so that a Ctrl-C of the terminal does not reach it; it is
    killed, with all it started, when it exceeds `sampling.timeout_s`, when
    this process is interrupted, and when this process dies. `workdir` holds
    request.json, answer.json, stdout, stderr and outputs.npz afterwards.
    Raises OSError where no process or file can be made, and KeyboardInterrupt.
    """
    begun = time.monotonic()
    with pinned_to(request.cores.parent):
        return conclude(spawn(request, workdir, command), request, workdir, begun, request.sampling.timeout_s)


def observe_each(
    groups: Sequence[Sequence[Request]], workdir: Path, command: Command | None = None
) -> list[list[Observation]]:
    """Run each group in a worker that imports its runtime once; the workers run at the same time.

    What a request left behind is in the folder ``GROUP/NUMBER`` of `workdir`, both counted from 0. All
    requests of a group have one runtime. Raises OSError, KeyboardInterrupt; no worker lives on.
    """
    begun, workers = time.monotonic(), []
    with ExitStack() as stack:
        for number, requests in enumerate(groups):
            folder = workdir / str(number)
            for at, request in enumerate(requests):
                place = folder / str(at)
                place.mkdir(parents=True)
                (place / REQUEST).write_text(json.dumps(request.to_json()))
            workers.append(_start((command or each_command)(folder.absolute()), requests[0], folder))
            stack.callback(_stop, workers[-1])
        found = []
        for number, (worker, requests) in enumerate(zip(workers, groups, strict=True)):
            limit_s = sum(request.sampling.timeout_s for request in requests)
            in_time = _wait(worker, max(0.0, begun + limit_s - time.monotonic()))
            how = _how_it_ended(worker.returncode, timeout=not in_time, wall_s=time.monotonic() - begun)
            folder = workdir / str(number)
            how.update(stdout=_tail(folder / "stdout"), stderr=_tail(folder / "stderr"))
            found.append([_read_one(folder / str(at), request, how) for at, request in enumerate(requests)])
    return found


def _stop(worker: subprocess.Popen[bytes]) -> None:
    if worker.returncode is None:
        _wait(worker, 0.0)


def _read_one(folder: Path, request: Request, how: Mapping[str, Any]) -> Observation:
    """Read what a request left behind; how it ended is its own process's doing, where that ended first."""
    with suppress(OSError, ValueError):
        how = {**how, **_how_it_ended(read_ended(folder)["code"], timeout=False, wall_s=how["wall_s"])}
    return _read(folder / FILE, request, how)


def read_ended(folder: Path) -> dict[str, int]:
    """Return ``pid`` and ``code`` of the process that answered a request. Raises OSError, ValueError."""
    found: dict[str, int] = json.loads((folder / ENDED).read_text())
    return found


def spawn(request: Request, workdir: Path, command: Command | None = None) -> subprocess.Popen[bytes]:
    """Start the worker of `request`, which inherits its channel; it must be waited for. Raises OSError."""
    workdir.mkdir(parents=True, exist_ok=True)
    path = workdir / REQUEST
    path.write_text(json.dumps(request.to_json()))
    (workdir / FILE).unlink(missing_ok=True)
    return _start((command or worker_command)(path.absolute()), request, workdir)


def _start(command: Sequence[str], request: Request, workdir: Path) -> subprocess.Popen[bytes]:
    with (workdir / "stdout").open("wb") as stdout, (workdir / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            command,
            cwd=workdir,
            env=_environment(request),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=() if request.channel is None else (request.channel,),
        )


def conclude(
    worker: subprocess.Popen[bytes], request: Request, workdir: Path, begun: float, wait_s: float
) -> Observation:
    """Wait until the `worker` spawned at `begun` (of `time.monotonic`) ends; return what it saw.

    After `wait_s`, and whatever interrupts the wait, it is killed.
    """
    in_time = _wait(worker, wait_s)
    how = _how_it_ended(worker.returncode, timeout=not in_time, wall_s=time.monotonic() - begun)
    how.update(stdout=_tail(workdir / "stdout"), stderr=_tail(workdir / "stderr"))
    return _read(workdir / FILE, request, how)


def observe_here(request: Request, workdir: Path) -> Observation:
    """Run `request` in this process, for tests and debugging: as `observe`, with nothing to kill.

    Not pinned, and the runtime stays imported: memory and import time are then
    those of this process.
    """
    from harness.measure.worker.run import make_run

    workdir.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    make_run(request, workdir).run()
    how = _how_it_ended(0, timeout=False, wall_s=time.monotonic() - begun)
    return _read(workdir / FILE, request, {**how, "stdout": "", "stderr": ""})


def worker_command(path: Path) -> list[str]:
    """Return how to start a worker that answers the request at `path`."""
    return _command("harness.measure.worker", path)


def each_command(folder: Path) -> list[str]:
    """Return how to start a worker that answers every request in the folders of `folder`."""
    return _command("harness.measure.worker.each", folder)


def _command(module: str, path: Path) -> list[str]:
    # -P: a file called numpy.py in the working folder must not be imported
    isolation = ["-P", *(["-s"] if sys.flags.no_user_site else [])]
    faults = ["-X", "faulthandler"]  # a crash leaves a stack in stderr
    return [sys.executable, *isolation, *faults, "-m", module, str(path), str(os.getpid())]


def _environment(request: Request) -> dict[str, str]:
    """Return this process's environment, the runtime's folder and the harness first on the path."""
    inherited = os.environ.get("PYTHONPATH", "")
    folders = [request.runtime_path or "", str(_ROOT), inherited]
    # numpy's OpenBLAS would start a thread a core; the worker multiplies nothing
    quiet = {"OPENBLAS_NUM_THREADS": "1"} | dict(os.environ)
    # a thread and a database that no deployment is measured for
    quiet.pop(DISABLE_TELEMETRY, None)
    if not request.telemetry:
        quiet[DISABLE_TELEMETRY] = "1"
    return {**quiet, "PYTHONPATH": os.pathsep.join(folder for folder in folders if folder)}


def _wait(worker: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Sleep until `worker` ends; return whether it did in time. Nothing of it lives on afterwards."""
    try:
        return _ends_within(worker.pid, timeout_s)
    finally:
        # before the worker is reaped: until then its process group cannot be another's
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _ends_within(pid: int, timeout_s: float) -> bool:
    """Block in one system call until the process ends or the time is up."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(min(timeout_s * 1000, MAX_POLL_MS)))
    finally:
        os.close(pidfd)


def _how_it_ended(code: int, *, timeout: bool, wall_s: float) -> dict[str, Any]:
    """Return a worker's exit code, or the signal that it died of; one that was stopped here has neither."""
    died_of = -code if code < 0 and not timeout else None
    return {"code": code if code >= 0 else None, "signal": died_of, "timeout": timeout, "wall_s": wall_s}


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")


def _read(path: Path, request: Request, how: Mapping[str, Any]) -> Observation:
    """Join the worker's answer, where there is a readable one, with how the worker ended."""
    found, unreadable = Observation(passes=()), None
    try:
        found = Observation.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        unreadable = "no answer"
    except (OSError, ValueError, TypeError, KeyError) as problem:
        unreadable = f"an answer that cannot be read ({problem})"
    return replace(found, error=found.error or _error(found, request, how, unreadable), exit=dict(how))


def _error(
    found: Observation, request: Request, how: Mapping[str, Any], unreadable: str | None
) -> dict[str, str] | None:
    """Return what went wrong where the worker itself could not."""
    doing = next((name for name in ("session", *request.passes) if name not in found.passes), "exit")
    if how["timeout"]:
        message = f"not done after {request.sampling.timeout_s:g} s; stopped during {doing}"
        return {"status": "timeout", "pass": doing, "type": "timeout", "message": message}
    if how["signal"]:
        name = format_signal(how["signal"])
        message = f"the worker died of {name} during {doing}"
        return {"status": "crashed", "pass": doing, "type": name, "message": message}
    if how["code"]:
        message = f"the worker ended with exit code {how['code']} during {doing}"
        return {"status": "failed", "pass": doing, "type": "exit", "message": message}
    if unreadable:
        message = f"the worker left {unreadable}"
        return {"status": "failed", "pass": doing, "type": "answer", "message": message}
    return None
