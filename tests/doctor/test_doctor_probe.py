"""What a machine tells of itself, by files as the kernel writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.doctor import probe as readings
from harness.measure.cores import choose_cores

TICKS = os.sysconf("SC_CLK_TCK")


def write_proc(
    folder: Path, cores: dict[int, tuple[int, ...]], spent: dict[int, tuple[str, int, int]]
) -> None:
    """Write stat files: core -> ticks; pid -> name, ticks, core."""
    folder.mkdir(exist_ok=True)
    lines = ["cpu  0 0 0 0 0 0 0 0 0 0"]
    lines += [f"cpu{core} {' '.join(map(str, ticks))} 0 0" for core, ticks in cores.items()]
    (folder / "stat").write_text("\n".join([*lines, "intr 1 2 3"]))
    for pid, (name, ticks, core) in spent.items():
        (folder / str(pid)).mkdir(exist_ok=True)
        rest = ["S", *["0"] * 10, str(ticks - 1), "1", *["0"] * 23, str(core), "0"]
        (folder / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(rest)}")


def test_two_looks_give_shares(tmp_path: Path) -> None:
    (core,) = choose_cores(1).worker
    proc = tmp_path / "proc"
    #                        user nice system idle iowait irq softirq steal
    write_proc(
        proc,
        {core: (1000, 0, 0, 5000, 0, 0, 0, 7)},
        {11: ("a) b", 50, core), os.getpid(): ("me", 1, 0), 12: ("idle", 9, 0)},
    )

    def sleep(span_s: float) -> None:
        assert span_s == 0.5
        write_proc(
            proc,
            {core: (1020, 0, 5, 5060, 10, 0, 0, 12)},
            {11: ("a) b", 50 + 5 * TICKS, core), os.getpid(): ("me", 900, 0), 12: ("idle", 9, 0)},
        )

    found = readings.read_machine(0.5, sleep, proc)
    assert found.cores == (core,)
    assert found.busy == {core: pytest.approx(0.25)}
    assert found.steal_ratio == pytest.approx(0.05)
    (process,) = found.processes
    assert (process.pid, process.name, process.core) == (11, "a) b", core)
    assert process.share == pytest.approx(5 / found.span_s)


def test_a_system_without_these_files_leaves_them_open(tmp_path: Path) -> None:
    found = readings.read_machine(0.0, lambda span_s: None, tmp_path)
    assert (found.busy, found.steal_ratio, found.processes) == ({}, None, ())


def test_this_machine_can_be_read_and_is_left_as_it_was() -> None:
    before = os.sched_getaffinity(0)
    found = readings.read_machine(0.0, lambda span_s: None)
    assert os.sched_getaffinity(0) == before
    assert found.pinned == found.cores
    assert set(found.cores) <= set(found.busy)
    assert found.clock["name"] == "perf_counter_ns"
    assert found.machine["machine"]


def test_a_kernel_that_refuses_to_pin_is_told() -> None:
    refused = []

    def refuse(pid: int, cores: object) -> None:
        refused.append(cores)
        if len(refused) == 1:
            raise PermissionError("no")

    assert readings.try_pinning((0,), refuse) is None
    assert len(refused) == 2  # put back all the same
