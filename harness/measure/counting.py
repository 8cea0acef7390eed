"""Start the workers that count instructions, under callgrind where the processor does not count, and read it.

The counts do not depend on how busy the machine is. They are no time.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.record import Observation
from harness.measure.callgrind_file import self_cost
from harness.measure.launch import Command, each_command, observe_each, read_ended
from harness.measure.machine import instruction_sets
from harness.measure.worker.counters import BETWEEN, hardware_refusal
from harness.measure.worker.request import Request
from harness.measure.worker.system import is_x86_64

PASS = "instructions"
OUT = "callgrind.out"
HIDDEN = ("avx512", "amx", "avx_vnni")
"""Instruction sets that valgrind has not, so that a runtime under it does not see them."""

NO_SPINNING = {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}
"""How long a thread spins is the scheduler's doing, and no part of the work."""

Part = dict[str, Any]
Run = Callable[..., list[list[Observation]]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What this machine has to count with."""

    refusal: Callable[[], str] = hardware_refusal  # of the processor
    which: Callable[[str], str | None] = shutil.which
    x86_64: Callable[[], bool] = is_x86_64
    observe: Run = observe_each


def count(groups: Sequence[Sequence[Request]], workdir: Path, tools: Tools = Tools()) -> list[list[Part]]:
    """Count the instructions of every request in a fresh process; return their parts ``instructions``.

    All requests of a group have one runtime, which is imported once; the groups are counted at the same
    time. ``{"unavailable": why}`` where instructions cannot be counted. Raises OSError where no process or
    file can be made.
    """
    refusal = tools.refusal()
    valgrind = tools.which("valgrind") if refusal else None
    if refusal and (why := _lack(refusal, valgrind, tools)):
        return [[{"unavailable": why} for _ in requests] for requests in groups]
    tool = _version(valgrind) if valgrind else "perf_event_open"
    asked = [[_prepared(request, number) for request in requests] for number, requests in enumerate(groups)]
    seen = tools.observe(asked, workdir, callgrind_command(valgrind) if valgrind else None)
    return [
        [_part(each, workdir / str(number) / str(at), tool, bool(refusal)) for at, each in enumerate(group)]
        for number, group in enumerate(seen)
    ]


def _lack(refusal: str, valgrind: str | None, tools: Tools) -> str:
    """Return why nothing can be counted where the processor does not; empty where valgrind can."""
    if not tools.x86_64():
        return "counting is written for x86-64, and this processor is none"
    if valgrind is None:
        return (
            f"no valgrind: install it from the system's packages, such as "
            f"'apt-get install valgrind'; and no counter of the processor ({refusal})"
        )
    return ""


def _part(seen: Observation, folder: Path, tool: str, under_valgrind: bool) -> Part:
    part = dict(seen.parts.get(PASS, {}))
    if PASS not in seen.passes:
        why = (seen.error or {}).get("message", "the worker left no counts")
        return {"unavailable": f"the worker that counts: {why}"}
    part["features"] = visible(instruction_sets(), under_valgrind=under_valgrind)
    part["tool"] = tool
    if "counts" not in part:
        try:
            written = folder.parent.glob(f"{OUT}.{read_ended(folder)['pid']}.*")
            part |= read_counts(written, str(seen.runtime.get("path", "")))
        except (OSError, ValueError) as error:
            return {"unavailable": f"what callgrind wrote cannot be read: {error}"}
    return part


def callgrind_command(valgrind: str) -> Command:
    """Return how to start a worker under callgrind, off at first; it writes into the worker's folder."""
    options = ["--tool=callgrind", "--instr-atstart=no", "--dump-line=no", f"--callgrind-out-file={OUT}.%p"]
    # Python's hashes decide where its objects lie, and these where the runtime's do
    return lambda path: ["env", "PYTHONHASHSEED=0", valgrind, "-q", *options, *each_command(path)]


def read_counts(written: Iterable[Path], runtime: str) -> Part:
    """Return the counts of each stretch: in the objects of the folder `runtime`, and elsewhere.

    Raises OSError, ValueError where they are not there.
    """
    counts: dict[str, list[int]] = {}
    elsewhere: dict[str, list[int]] = {}
    files = [path for path in written if path.suffix[1:].isdigit()]
    for path in sorted(files, key=lambda path: int(path.suffix[1:])):
        with path.open(errors="replace") as lines:
            name, costs = self_cost(lines)
        if name == BETWEEN:
            continue
        own = sum(cost for place, cost in costs.items() if place.startswith(f"{runtime}/"))
        counts.setdefault(name, []).append(own)
        elsewhere.setdefault(name, []).append(sum(costs.values()) - own)
    if not all(counts.get("call", [])) or not counts.get("call"):
        raise ValueError(f"no instruction of {runtime or 'the runtime'} is in it")
    return {"counts": counts, "elsewhere": elsewhere}


def visible(features: list[str], *, under_valgrind: bool) -> list[str]:
    """Return the instruction sets of the processor that the worker could use."""
    return [name for name in features if not (under_valgrind and name.startswith(HIDDEN))]


def _prepared(request: Request, group: int) -> Request:
    """Ask for nothing but counts; every second group has the cores that others leave free."""
    cores = request.cores
    if group % 2 and len(cores.parent) >= len(cores.worker):
        cores = replace(cores, worker=cores.parent[: len(cores.worker)], parent=cores.worker)
    alone = replace(request, passes=(PASS,), channel=None, telemetry=False, cores=cores)
    return _without_spinning(alone)


def _without_spinning(request: Request) -> Request:
    """Ask for threads that sleep while they wait, where there are several."""
    session = request.session
    many = request.cores.threads > 1 or request.cores.across > 1 or session["execution_mode"] == "parallel"
    if not many:
        return request
    config: Mapping[str, Any] = {**session["config"], **NO_SPINNING}
    return replace(request, session={**session, "config": config})


def _version(valgrind: str) -> str:
    """Return what it calls itself: ``valgrind-3.19.0``."""
    found = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "valgrind"
