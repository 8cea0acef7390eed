"""Choose the cores a worker runs on, as the cpuset and the cgroup allow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import InputError
from harness.core.units import count


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel describes the machine, and the cores that it grants this process."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    cores: Callable[[], Iterable[int]] = lambda: os.sched_getaffinity(0)


LINUX = Kernel()


@dataclass(frozen=True, slots=True)
class Cores:
    """Where a worker runs, where its parent waits, and how many threads the session gets."""

    worker: tuple[int, ...]
    parent: tuple[int, ...]  # the same ones where there is no other
    threads: int
    notes: tuple[str, ...] = ()  # what a reader must know: more threads than cores, slow cores
    across: int = 1  # threads across operators, where the session runs them in parallel


def choose_cores(
    threads: int, wanted: tuple[int, ...] | None = None, across: int = 1, kernel: Kernel = LINUX
) -> Cores:
    """Choose the worker's cores: `wanted`, else the last ones, a physical core each as far as they go.

    Fast cores come first where there are fast and slow ones. `threads` (within
    an operator) of 0 means as many as the cores available, the cgroup's CPU
    quota counted in; so does `across` of 0, the threads across operators. The
    larger of the two counts. Raises InputError where a wanted core is not in
    the cpuset.
    """
    available = sorted(kernel.cores())
    usable = usable_cores(available, kernel)
    if wanted is not None:
        worker = _check(wanted, available)
    else:
        count = min(max(threads or usable, across or usable), usable)
        worker = tuple(sorted(_spread(available, kernel)[:count]))
    at_hand = min(usable, len(worker))
    threads, across = threads or at_hand, across or at_hand
    parent = tuple(core for core in available if core not in worker) or tuple(available)
    notes = _crowded(max(threads, across), worker, usable), _slow(worker, kernel)
    return Cores(worker, parent, threads, tuple(filter(None, notes)), across)


def _check(wanted: tuple[int, ...], available: list[int]) -> tuple[int, ...]:
    missing = sorted(set(wanted) - set(available))
    if missing or not wanted:
        what = f"core {missing[0]} is not available to this process" if missing else "no core is named"
        raise InputError(f"measure.cores: {what}; available: {format_cores(available)}")
    return tuple(sorted(set(wanted)))


def _crowded(threads: int, worker: tuple[int, ...], usable: int) -> str:
    cores = min(len(worker), usable)
    if threads <= cores:
        return ""
    quota = "" if usable >= len(worker) else " (by the CPU quota)"
    return f"{count(threads, 'thread')} on {count(cores, 'core')}{quota}"


def available_cores(kernel: Kernel = LINUX) -> int:
    """Count the cores that a session may have here: the cpuset, and the cgroup's quota."""
    return usable_cores(kernel.cores(), kernel)


def usable_cores(available: Iterable[int], kernel: Kernel = LINUX) -> int:
    """Return how many cores can run at once: those available, or fewer by the CPU quota."""
    quota = cpu_quota(kernel)
    cores = len(list(available))
    # a quota of 1.5 lets two threads run until they are throttled together: count whole cores only
    return cores if quota is None else max(1, min(cores, int(quota)))


def _spread(available: list[int], kernel: Kernel) -> list[int]:
    """Order cores: fast ones first, of these one logical core of every physical one, from the last one back.

    Low-numbered cores serve most interrupts; two logical cores of one physical
    core share its units.
    """
    speeds = _speeds(available, kernel)
    ordered: list[tuple[float, bool, int]] = []
    seen = set()
    for place, core in enumerate(reversed(available)):
        physical = _siblings(core, kernel)
        ordered.append((-speeds[core], physical in seen, place))
        seen.add(physical)
    return [available[-1 - place] for _, _, place in sorted(ordered)]


def _speeds(cores: Sequence[int], kernel: Kernel) -> dict[int, float]:
    """Give the speed of each core over the machine's fastest one, to a tenth; 1 where that is unknown.

    By the capacity that the scheduler knows, else by the highest clock: what
    performance and efficiency cores differ in, and no more than these.
    """
    present = {*cores, *parse_cores(_read(kernel.sys / "devices/system/cpu/present"))}
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        texts = {core: _read(kernel.sys / f"devices/system/cpu/cpu{core}/{name}") for core in present}
        if all(texts[core].isdecimal() and int(texts[core]) for core in cores):
            fastest = max(int(text) for text in texts.values() if text.isdecimal())
            return {core: round(int(texts[core]) / fastest, 1) for core in cores}
    return dict.fromkeys(cores, 1.0)


def _slow(worker: Sequence[int], kernel: Kernel) -> str:
    """Say so where a worker runs on fast and slow cores, or on slow ones alone."""
    speeds = _speeds(worker, kernel)
    slow = [core for core in worker if speeds[core] < 1]
    if not slow:
        return ""
    mixed = len(slow) < len(worker)
    return f"{'fast and slow cores, the slow ones' if mixed else 'slow cores'}: {format_cores(slow)}"


def _siblings(core: int, kernel: Kernel) -> tuple[int, ...]:
    text = _read(kernel.sys / f"devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    return parse_cores(text) if text else (core,)


def cpu_quota(kernel: Kernel = LINUX) -> float | None:
    """Return the CPUs that the cgroups above this process grant, None where unlimited (v1 and v2)."""
    quotas = []
    for folder in cgroup_folders("cpu", kernel):
        if text := _read(folder / "cpu.max"):
            quota, period = text.split()
        else:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota and period and quota != "max" and int(quota) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def cgroup_folders(controller: str, kernel: Kernel = LINUX) -> list[Path]:
    """Return the folders of `controller` for this process, own group first, up to the root.

    Inside a container the path in /proc/self/cgroup may lie above what is
    mounted; folders that are not there are left out.
    """
    folders = []
    for line in _read(kernel.proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            roots = [kernel.sys / "fs/cgroup", kernel.sys / "fs/cgroup/unified"]
        elif controller in controllers.split(","):
            roots = [kernel.sys / "fs/cgroup" / controllers, kernel.sys / "fs/cgroup" / controller]
        else:
            continue
        relative = Path(path.lstrip("/"))
        places = [relative, *relative.parents]
        folders += [root / place for root in roots for place in places if (root / place).is_dir()]
    return folders


def parse_cores(text: str) -> tuple[int, ...]:
    """Parse the kernel's list of cores: ``0-2,5``."""
    cores: list[int] = []
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        cores += range(int(low), int(high or low) + 1) if part else ()
    return tuple(cores)


def format_cores(cores: Iterable[int]) -> str:
    """Format a list of cores as the kernel does: ``0-2,5``."""
    spans: list[list[int]] = []
    for core in sorted(cores):
        if spans and spans[-1][1] == core - 1:
            spans[-1][1] = core
        else:
            spans.append([core, core])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def pin(cores: Iterable[int]) -> str:
    """Pin every thread of this process to `cores`; return a note where the kernel refuses."""
    try:
        for thread in (LINUX.proc / "self/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
    except OSError as error:
        return f"not pinned to cores {format_cores(cores)}: {error.strerror}"
    return ""


@contextmanager
def pinned_to(cores: tuple[int, ...]) -> Iterator[None]:
    """Keep this thread on `cores` for a while; where the kernel refuses, it stays where it is."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, cores)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
