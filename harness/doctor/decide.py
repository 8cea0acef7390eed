"""Judge how fit a machine is for measuring: readings and a self-test in, findings out, each with a remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from harness.ab.model import ABSettings
from harness.ab.schedule import OnlyCase
from harness.core.decision import Change
from harness.core.units import count, format_percent, format_seconds
from harness.doctor.model import DetectableChange, Finding, Level, SelfTest, SystemProbe
from harness.stats.sequential import visible_shift

BUDGETS_S = (10.0, 60.0)
"""Budgets of a case for which the smallest visible change is reported."""

BUSY_BAD, BUSY_WARNING = 0.25, 0.05
"""Share of the worker's core that others compute: then half of the calls, or some, are disturbed."""

STEAL_BAD, STEAL_WARNING = 0.02, 0.002
CLOCK_NS = 1_000
"""Overhead and resolution of a clock that is still of no account: a call takes ten times as long."""

LEAST_EFFECT = 0.001
"""A minimum effect of next to nothing."""

_ORDER = {Level.BAD: 0, Level.WARNING: 1, Level.UNKNOWN: 2, Level.FINE: 3}


def findings(
    readings: SystemProbe,
    test: SelfTest | None = None,
    large: SelfTest | None = None,
    old: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Say everything that there is to say, the worst first.

    `large` is the test of a model of 15 MB, `old` the stored runs that have no hash.
    """
    found = [
        *_pinning(readings),
        *_clock_speed(readings),
        *_sharing(readings),
        *_neighbours(readings),
        *_clock(readings),
        Finding(
            "telemetry", Level.FINE, "workers run with ORT_DISABLE_TELEMETRY=1, unless a suite asks for it"
        ),
        *_unprotected(old),
        *(_tested(test) if test else ()),
        *(_tested(large, f", {large.model}", unseen=Level.WARNING) if large else ()),
    ]
    return tuple(sorted(found, key=lambda finding: _ORDER[finding.level]))


def _pinning(readings: SystemProbe) -> Iterator[Finding]:
    cores = ", ".join(map(str, readings.cores))
    if readings.pinned != readings.cores:
        where = "it was refused" if readings.pinned is None else f"it ran on {readings.pinned}"
        yield Finding(
            "pinning",
            Level.BAD,
            f"a thread cannot be pinned to core {cores}: {where}",
            "run outside of what forbids sched_setaffinity (a seccomp profile, a cpuset that changes)",
        )
    else:
        yield Finding(
            "pinning", Level.FINE, f"threads can be pinned; a worker of one thread runs on core {cores}"
        )
    if set(readings.parent) & set(readings.cores):
        yield Finding(
            "cores",
            Level.WARNING,
            "there is one core only: whatever else runs takes time from what is measured",
            "give this process a second core (taskset, cpuset, docker --cpuset-cpus)",
        )


def _clock_speed(readings: SystemProbe) -> Iterator[Finding]:
    cpu = readings.machine.get("cpu") or {}
    governor, turbo = cpu.get("governor"), cpu.get("turbo")
    if governor is None:
        yield Finding("governor", Level.UNKNOWN, "the system reports none (virtual machines often do not)")
    elif governor == "performance":
        yield Finding("governor", Level.FINE, "performance")
    else:
        yield Finding(
            "governor",
            Level.WARNING,
            f"{governor}: the clock follows the load, so the first calls are slower than the later ones",
            "sudo cpupower frequency-set --governor performance",
        )
    if turbo is None:
        yield Finding("turbo", Level.UNKNOWN, "the system does not report it")
    elif turbo:
        yield Finding(
            "turbo",
            Level.WARNING,
            "on: the clock depends on the temperature and on what other cores do",
            "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo "
            "(or echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost)",
        )
    else:
        yield Finding("turbo", Level.FINE, "off")


def _sharing(readings: SystemProbe) -> Iterator[Finding]:
    cpu = readings.machine.get("cpu") or {}
    if cpu.get("smt") is None:
        yield Finding("SMT", Level.UNKNOWN, "the system does not report it")
    elif cpu["smt"]:
        yield Finding(
            "SMT",
            Level.WARNING,
            "on: two logical cores share the units of one; what runs on the other one slows a worker down",
            "keep the siblings idle, or echo off | sudo tee /sys/devices/system/cpu/smt/control",
        )
    else:
        yield Finding("SMT", Level.FINE, "off")
    quota = readings.machine.get("cpu_quota")
    if readings.throttled_periods:
        yield Finding(
            "CPU quota",
            Level.BAD,
            f"it ran out in {readings.throttled_periods} periods of {format_seconds(readings.span_s)}, with "
            "nothing measured",
            "raise the quota (docker --cpus, Kubernetes limits.cpu), or stop what uses it up",
        )
    elif quota is not None and quota < len(readings.busy):
        yield Finding(
            "CPU quota",
            Level.WARNING,
            f"{quota:g} of {len(readings.busy)} cores: more threads than that are stopped in turns",
            f"measure with at most {max(1, int(quota))} threads, or raise the quota",
        )
    else:
        yield Finding("CPU quota", Level.FINE, "none" if quota is None else f"{quota:g} cores, all there are")


def _neighbours(readings: SystemProbe) -> Iterator[Finding]:
    busy = max((readings.busy.get(core, 0.0) for core in readings.cores), default=0.0)
    level = _level(busy, BUSY_WARNING, BUSY_BAD)
    names = ", ".join(
        f"{process.name} ({process.pid}, {format_percent(process.share)} of core {process.core})"
        for process in readings.processes
    )
    cores = ", ".join(map(str, readings.cores))
    found = f"{format_percent(busy)} of core {cores} is taken by others"
    if level is Level.FINE:
        yield Finding("other processes", level, f"{found}{f'; busy: {names}' if names else ''}")
    else:
        todo = f"stop them, or keep them off core {cores} (taskset, cpuset, isolcpus)"
        yield Finding("other processes", level, f"{found}: {names or 'by short ones'}", todo)
    yield _load(readings)
    yield _steal(readings)


def _load(readings: SystemProbe) -> Finding:
    cores = max(1, len(readings.busy))
    found = f"{readings.load[0]:.1f} over the last minute, on {cores} {'core' if cores == 1 else 'cores'}"
    if readings.load[0] <= cores - 0.5:
        return Finding("load", Level.FINE, found)
    todo = "wait until it falls, or measure on a machine of its own"
    return Finding("load", Level.WARNING, f"{found}: others wait for the cores too", todo)


def _steal(readings: SystemProbe) -> Finding:
    if readings.steal_ratio is None:
        return Finding("steal", Level.UNKNOWN, "the system does not report it")
    found = f"{format_percent(readings.steal_ratio)} of the time the host ran others"
    level = _level(readings.steal_ratio, STEAL_WARNING, STEAL_BAD)
    todo = "" if level is Level.FINE else "use a machine type with dedicated cores"
    return Finding("steal", level, found, todo)


def _clock(readings: SystemProbe) -> Iterator[Finding]:
    clock = readings.clock
    cost, step = clock["overhead_ns"], clock["resolution_ns"]
    found = f"{clock['name']}: a look costs {cost} ns, and it advances by {step} ns"
    if max(cost, step) <= CLOCK_NS:
        yield Finding("clock", Level.FINE, found)
    else:
        todo = "let the kernel use tsc: /sys/devices/system/clocksource/clocksource0/current_clocksource"
        yield Finding(
            "clock",
            Level.WARNING,
            f"{found}: calls below {10 * max(cost, step)} ns are not measured well",
            todo,
        )


def _unprotected(old: Sequence[str]) -> Iterator[Finding]:
    if old:
        yield Finding(
            "stored runs",
            Level.WARNING,
            f"{count(len(old), 'run')} without a hash, from {old[0]} on: damage in them would not be noticed",
            "keep a copy of the results folder; newer runs have hashes",
        )


def _level(value: float, warning: float, bad: float) -> Level:
    if value >= bad:
        return Level.BAD
    return Level.WARNING if value >= warning else Level.FINE


def _tested(test: SelfTest, of: str = "", unseen: Level = Level.BAD) -> Iterator[Finding]:
    """Judge a self-test `of` a model; a slowdown that is not seen is `unseen`."""
    quiet = "quieten the machine as described above, then run it again; more --budget steadies every A/B"
    if test.failed:
        yield Finding(
            f"self-test{of}", Level.BAD, test.failed, "see what the worker printed; harness run shows it"
        )
        return
    if test.fired:
        found = f"a model differs from itself: {test.control.reason if test.control else ''}"
        yield Finding(f"A/A{of}", Level.BAD, found, quiet)
    elif test.control is None:
        yield Finding(f"A/A{of}", Level.BAD, "the control has no blocks", quiet)
    elif test.control.verdict is Change.EQUIVALENT:
        yield Finding(f"A/A{of}", Level.FINE, f"a model does not differ from itself: {test.control.reason}")
    else:
        found = f"a model is not shown to be like itself ({test.control.verdict}): {test.control.reason}"
        yield Finding(f"A/A{of}", Level.WARNING, found, quiet)
    asked = format_percent(test.injected)
    if test.slowdown.verdict is Change.REGRESSION:
        yield Finding(f"slowdown{of}", Level.FINE, f"{asked} more work is seen: {test.slowdown.reason}")
    else:
        found = f"{asked} more work is not seen ({test.slowdown.verdict}): {test.slowdown.reason}"
        yield Finding(f"slowdown{of}", unseen, found, quiet)


def spread(groups: Iterable[Sequence[float]]) -> float | None:
    """Return the SD between blocks, pooled over groups that each have an effect of their own.

    None where there are no two blocks of one group.
    """
    squares, degrees = 0.0, 0
    for group in groups:
        if len(group) > 1:
            squares += float(np.var(group, ddof=1)) * (len(group) - 1)
            degrees += len(group) - 1
    return math.sqrt(squares / degrees) if degrees else None


def reach(budget_s: float, block_s: float, sd: float, settings: ABSettings) -> DetectableChange:
    """Return the smallest change that an A/B of one case shows in `budget_s` with blocks that spread by `sd`.

    It is that of the metrics and the minimum effect of `settings`. The last block
    that the budget would just pay for is not counted: it may not be begun.
    """
    blocks = max(0, int(budget_s / block_s) - 1)
    schedule = OnlyCase.of(settings, settings.metrics)
    first, _ = schedule.looks(blocks)
    shift = visible_shift(blocks, settings.alpha / schedule.tests, first)
    if shift is None:
        return DetectableChange(budget_s, blocks, None, None)
    at_best, change = (
        math.expm1(math.log1p(least) + shift * sd) for least in (LEAST_EFFECT, settings.min_effect)
    )
    return DetectableChange(budget_s, blocks, change, at_best)
