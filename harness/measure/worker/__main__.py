"""Start of a worker: ``python -m harness.measure.worker REQUEST.json [PARENT_PID]``."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from harness.measure.cores import pin
from harness.measure.worker.request import Request

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Read the request and answer it. The exit code is 0 whenever there is an answer."""
    path = Path(arguments[0])
    if len(arguments) > 1:
        die_with(int(arguments[1]))
    request = Request.from_json(json.loads(path.read_text()))
    pinned = pin(request.start_cores or request.cores.worker)
    notes = [note for note in (pinned, *request.cores.notes) if note]
    # numpy and the runtime look at the cpuset when they are imported: only now
    from harness.measure.worker.run import make_run

    make_run(request, path.parent, notes).run()


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def end(code: int) -> NoReturn:
    """End this process: what a runtime does while it is torn down is no part of the case."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)  # what the runtime printed through C
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
    end(0)
