"""Start of a worker that answers several requests, each in a process of its own with the runtime imported.

``python -m harness.measure.worker.each FOLDER PARENT_PID``: under valgrind importing takes as long as all
else, so it is done once, and what follows begins in the same state for every request. Each has a folder of
its own in FOLDER: 0, 1, ...; ``ended.json`` there has the id and the exit code of the process that
answered it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from harness.measure.cores import pin
from harness.measure.worker import counters
from harness.measure.worker.__main__ import die_with, end
from harness.measure.worker.request import Request

REQUEST, ENDED = "request.json", "ended.json"


def main(arguments: list[str]) -> None:
    """Answer the requests, one after the other."""
    folder, parent = Path(arguments[0]), int(arguments[1])
    die_with(parent)
    folders = sorted((path.parent for path in folder.glob(f"*/{REQUEST}")), key=lambda path: int(path.name))
    requests = [Request.from_json(json.loads((path / REQUEST).read_text())) for path in folders]
    pinned = pin(requests[0].cores.worker)
    with suppress(Exception):  # each request meets it again, and says so in its answer
        _prepare(requests[0], folders[0], again=len(requests) > 1)
    for place, request in zip(folders, requests, strict=True):
        notes = [note for note in (pinned, *request.cores.notes) if note]
        pid, code = _answer(request, place, notes)
        (place / ENDED).write_text(json.dumps({"pid": pid, "code": code}))


def _prepare(request: Request, folder: Path, *, again: bool) -> None:
    """Do once what every process would do anew: import, the runtime's own tables, valgrind's translations.

    Valgrind translates code twice, to be counted and not; `again` has it see the most of it to be counted.
    """
    from harness.measure.worker.run import make_run
    from harness.measure.worker.session import open_session

    for turn in range(2 if again else 1):
        run = make_run(request, folder)
        open_session(run)
        run.calls = []
        run.engine.close()
        if not turn:
            counters.open_counter().start()


def _answer(request: Request, folder: Path, notes: list[str]) -> tuple[int, int]:
    """Answer one request in a process of its own; return its id, and how it ended: minus a signal."""
    from harness.measure.worker.run import make_run

    own = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            die_with(own)
            make_run(request, folder, notes).run()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            end(1)
        end(0)
    _, status = os.waitpid(pid, 0)
    return pid, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main(sys.argv[1:])
    end(0)
