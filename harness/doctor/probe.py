"""Read how fit this machine is for measuring, while nothing is measured (Linux)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.doctor.model import Process, SystemProbe
from harness.measure.cores import Cores, choose_cores
from harness.measure.machine import describe_machine
from harness.measure.worker import system
from harness.measure.worker.timing import clock_facts

PROC = Path("/proc")
SPAN_S = 1.0
HEAVY = 0.05
"""Share of a core from which a process is named."""

MAX_PROCESSES = 8
_STEAL = 7  # its place in a line of /proc/stat; idle and iowait are 3 and 4
_IDLE = (3, 4)


def read_machine(
    span_s: float = SPAN_S, sleep: Callable[[float], None] = time.sleep, proc: Path = PROC
) -> SystemProbe:
    """Look at the system twice, `span_s` apart; sleep in between."""
    cores = choose_cores(1)
    before = _look(cores, proc)
    sleep(span_s)
    after = _look(cores, proc)
    span_s = max(after.at_s - before.at_s, 1e-9)
    ticks = {
        core: _delta(before.ticks[core], after.ticks[core]) for core in after.ticks if core in before.ticks
    }
    throttled = None
    if before.throttled is not None and after.throttled is not None:
        throttled = after.throttled - before.throttled
    return SystemProbe(
        machine=describe_machine(),
        cores=cores.worker,
        parent=cores.parent,
        pinned=try_pinning(cores.worker),
        clock=clock_facts(time.perf_counter_ns, "perf_counter_ns"),
        span_s=span_s,
        load=os.getloadavg(),
        busy={core: _busy(spent) for core, spent in ticks.items()},
        steal_ratio=_steal(ticks, cores.worker),
        throttled_periods=throttled,
        processes=_processes(before.spent, after.spent, span_s),
        frequency_mhz=system.frequency_mhz(cores.worker),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """The counters of one moment."""

    at_s: float
    ticks: Mapping[int, tuple[int, ...]]  # core -> user, nice, system, idle, iowait, irq, softirq, steal
    throttled: int | None
    spent: Mapping[int, tuple[str, int, int]]  # pid -> name, ticks, core


def _look(cores: Cores, proc: Path) -> _Look:
    return _Look(
        at_s=time.monotonic(),
        ticks=_ticks(proc),
        throttled=system.counters(cores.worker)["throttled_periods"],
        spent=_spent(proc),
    )


def try_pinning(
    cores: Iterable[int], pin: Callable[[int, Iterable[int]], None] = os.sched_setaffinity
) -> tuple[int, ...] | None:
    """Pin this thread to `cores` for a moment; return where it might then run, None where it was refused."""
    before = os.sched_getaffinity(0)
    try:
        pin(0, cores)
        return tuple(sorted(os.sched_getaffinity(0)))
    except OSError:
        return None
    finally:
        pin(0, before)


def _ticks(proc: Path) -> dict[int, tuple[int, ...]]:
    found = {}
    for line in _text(proc / "stat").splitlines():
        name, *counts = line.split()
        if name.startswith("cpu") and name != "cpu":
            found[int(name[3:])] = tuple(map(int, counts[: _STEAL + 1]))
    return found


def _spent(proc: Path) -> dict[int, tuple[str, int, int]]:
    """Read the CPU ticks of every other process up to now."""
    found = {}
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        # the name is in parentheses and may hold anything, parentheses too
        head, closed, rest = _text(folder / "stat").rpartition(")")
        if closed:  # else it has ended since
            fields = rest.split()
            name = head.partition("(")[2]
            found[int(folder.name)] = (name, int(fields[11]) + int(fields[12]), int(fields[36]))
    return found


def _delta(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(0, new - old) for old, new in zip(before, after, strict=True))


def _busy(spent: tuple[int, ...]) -> float:
    idle = sum(spent[place] for place in _IDLE)
    return (sum(spent) - idle - spent[_STEAL]) / max(1, sum(spent))


def _steal(ticks: Mapping[int, tuple[int, ...]], cores: Iterable[int]) -> float | None:
    spent = [ticks[core] for core in cores if core in ticks]
    total = sum(map(sum, spent))
    return sum(each[_STEAL] for each in spent) / total if total else None


def _processes(
    before: Mapping[int, tuple[str, int, int]], after: Mapping[int, tuple[str, int, int]], span_s: float
) -> tuple[Process, ...]:
    """Name the processes that computed for HEAVY of a core or more, the busiest first."""
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    found = []
    for pid, (name, spent, core) in after.items():
        share = (spent - before.get(pid, (name, 0, core))[1]) / ticks_a_second / span_s
        if share >= HEAVY:
            found.append(Process(pid, name, share, core))
    return tuple(sorted(found, key=lambda process: -process.share)[:MAX_PROCESSES])


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
