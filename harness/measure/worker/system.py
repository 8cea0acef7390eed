"""Read the operating system's gauges of this process and its cores (Linux)."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from harness.measure.cores import cgroup_folders, parse_cores

PROC = Path("/proc")
_NAMED = ("ORT_", "OMP_", "KMP_", "MKL_", "OPENBLAS_", "MALLOC_", "GLIBC_", "LD_", "CUDA_", "NVIDIA_", "TF32")


def resident(proc: Path = PROC) -> dict[str, Any]:
    """Read the resident size."""
    return _status_bytes("VmRSS", proc)


def peak(proc: Path = PROC) -> dict[str, Any]:
    """Read the kernel's peak of the resident size."""
    return _status_bytes("VmHWM", proc)


def reset_peak(proc: Path = PROC) -> str:
    """Set the kernel's peak to the present resident size; return why it could not, or nothing."""
    try:
        (proc / "self/clear_refs").write_text("5")
    except OSError as error:
        return f"the kernel's peak cannot be reset (/proc/self/clear_refs: {error.strerror})"
    return ""


def _status_bytes(field: str, proc: Path) -> dict[str, Any]:
    try:
        lines = (proc / "self/status").read_text().splitlines()
    except OSError as error:
        return {"unavailable": f"/proc/self/status: {error.strerror}"}
    for line in lines:
        if line.startswith(f"{field}:"):
            return {"bytes": int(line.split()[1]) * 1024}
    return {"unavailable": f"/proc/self/status has no {field}"}


def usage() -> dict[str, int]:
    """Count CPU time (ns), context switches and page faults of this process up to now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_ns": time.process_time_ns(),
        "voluntary": used.ru_nvcsw,
        "involuntary": used.ru_nivcsw,
        "minor": used.ru_minflt,
        "major": used.ru_majflt,
    }


def process_cores() -> list[int]:
    """Return the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def thread_cores() -> list[int]:
    """Return every core that any live thread of this process may run on."""
    cores: set[int] = set()
    for task in (PROC / "self/task").iterdir():
        try:
            lines = (task / "status").read_text().splitlines()
        except OSError:  # the thread has ended since
            continue
        for line in lines:
            if line.startswith("Cpus_allowed_list:"):
                cores.update(parse_cores(line.split(":")[1]))
    return sorted(cores)


def is_x86_64() -> bool:
    """Tell whether this is a processor of that kind."""
    return os.uname().machine == "x86_64"


def threads() -> set[int]:
    """Name the live threads of this process, by the kernel's numbers."""
    return {int(task.name) for task in (PROC / "self/task").iterdir()}


def spread_threads(
    pool: Collection[int],
    cores: Collection[int],
    pin: Callable[[int, list[int]], None] = os.sched_setaffinity,
) -> bool:
    """Pin this thread and those of `pool` to a core each, where there are as many; return whether so.

    Left to the scheduler, two threads that spin may share a core for seconds,
    beside one that idles.
    """
    if not pool or len(pool) + 1 != len(cores):
        return False
    for thread, core in zip((0, *sorted(pool)), sorted(cores), strict=True):
        pin(thread, [core])
    return True


def counters(cores: Iterable[int]) -> dict[str, Any]:
    """Read what grows while a case runs: load, and time that others took from these cores."""
    return {
        "load": list(os.getloadavg()),
        "steal_ticks": _steal_ticks(cores),
        "throttled_periods": _throttled_periods(),
    }


def _steal_ticks(cores: Iterable[int]) -> int | None:
    try:
        lines = (PROC / "stat").read_text().splitlines()
    except OSError:
        return None
    named = {f"cpu{core}" for core in cores}
    return sum(int(line.split()[8]) for line in lines if line.split()[:1] and line.split()[0] in named)


def _throttled_periods() -> int | None:
    for folder in cgroup_folders("cpu"):
        try:
            pairs = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "nr_throttled" in pairs:
            return int(pairs["nr_throttled"])
    return None


def frequency_mhz(cores: Collection[int]) -> dict[str, float]:
    """Read the present frequency of `cores`; a core without one is left out."""
    found = {str(core): mhz for core in cores if (mhz := _scaling_mhz(core)) is not None}
    return found or {str(core): mhz for core, mhz in _cpuinfo_mhz().items() if core in cores}


def _scaling_mhz(core: int) -> float | None:
    try:
        return int(Path(f"/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq").read_text()) / 1000
    except (OSError, ValueError):
        return None


def _cpuinfo_mhz() -> dict[int, float]:
    found, core = {}, -1
    try:
        text = (PROC / "cpuinfo").read_text()
    except OSError:
        return {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "processor":
            core = int(value)
        elif key.strip() == "cpu MHz":
            found[core] = float(value)
    return found


def environment() -> dict[str, str]:
    """Return the environment variables that change how a runtime computes."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(_NAMED)}
