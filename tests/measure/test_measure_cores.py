import os

import pytest

from harness.core.errors import InputError
from harness.measure import cores
from harness.measure.cores import Cores, choose_cores, cpu_quota, format_cores, parse_cores, pinned_to


@pytest.fixture
def machine(tmp_path):
    """A machine of `available` cores; `siblings` share a physical core; `files` lie under /sys."""

    def machine(available, *, siblings=(), cgroup="", files=None):
        texts = {f"sys/{path}": text for path, text in (files or {}).items()} | {"proc/self/cgroup": cgroup}
        for group in siblings:
            for core in group:
                path = f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
                texts[path] = ",".join(map(str, group))
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return cores.Kernel(tmp_path / "proc", tmp_path / "sys", lambda: set(available))

    return machine


def test_one_thread_takes_the_last_core_and_leaves_the_others_to_the_parent(machine):
    kernel = machine([0, 1])
    assert choose_cores(1, kernel=kernel) == Cores(worker=(1,), parent=(0,), threads=1)


def test_as_many_threads_as_cores_take_all_of_them(machine):
    kernel = machine([0, 1])
    assert choose_cores(2, kernel=kernel) == Cores(worker=(0, 1), parent=(0, 1), threads=2)


def test_no_thread_count_means_every_available_core(machine):
    kernel = machine([2, 3, 7])
    assert choose_cores(0, kernel=kernel) == Cores(worker=(2, 3, 7), parent=(2, 3, 7), threads=3)


def test_more_threads_than_cores_are_allowed_and_said(machine):
    kernel = machine([0, 1])
    assert choose_cores(4, kernel=kernel) == Cores((0, 1), (0, 1), 4, ("4 threads on 2 cores",))
    assert choose_cores(2, (1,), kernel=kernel) == Cores((1,), (0,), 2, ("2 threads on 1 core",))


def test_threads_across_operators_have_cores_too(machine):
    kernel = machine(range(4))
    assert choose_cores(1, None, 2, kernel=kernel) == Cores(worker=(2, 3), parent=(0, 1), threads=1, across=2)
    assert choose_cores(3, None, 2, kernel=kernel).worker == (1, 2, 3)
    every = (0, 1, 2, 3)
    assert choose_cores(0, None, 8, kernel=kernel) == Cores(every, every, 4, ("8 threads on 4 cores",), 8)
    assert choose_cores(1, None, 0, kernel=kernel) == Cores((0, 1, 2, 3), (0, 1, 2, 3), 1, across=4)
    assert choose_cores(4, (1,), 0, kernel=kernel).across == 1
    assert choose_cores(1, (1,), 2, kernel=kernel).notes == ("2 threads on 1 core",)


def test_threads_take_a_physical_core_each_before_they_share_one(machine):
    kernel = machine(range(8), siblings=[(0, 4), (1, 5), (2, 6), (3, 7)])
    assert choose_cores(2, kernel=kernel).worker == (6, 7)
    assert choose_cores(4, kernel=kernel).worker == (4, 5, 6, 7)
    assert choose_cores(5, kernel=kernel).worker == (3, 4, 5, 6, 7)
    assert choose_cores(2, kernel=kernel).parent == (0, 1, 2, 3, 4, 5)


def test_neighbouring_hyperthreads_are_not_taken_for_two_cores(machine):
    kernel = machine(range(4), siblings=[(0, 1), (2, 3)])
    assert choose_cores(2, kernel=kernel).worker == (1, 3)


@pytest.mark.parametrize("name", ["cpu_capacity", "cpufreq/cpuinfo_max_freq"])
def test_fast_cores_come_before_slow_ones(machine, name):
    """Four performance cores of two threads each, two of them favoured, and four efficiency cores."""
    speeds = [5_200_000] * 4 + [5_000_000] * 4 + [3_800_000] * 4
    files = {f"devices/system/cpu/cpu{core}/{name}": str(speed) for core, speed in enumerate(speeds)}
    files["devices/system/cpu/present"] = "0-11"
    kernel = machine(range(12), siblings=[(0, 1), (2, 3), (4, 5), (6, 7)], files=files)
    assert choose_cores(1, kernel=kernel) == Cores((7,), (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11), 1)
    assert choose_cores(4, kernel=kernel).worker == (1, 3, 5, 7)
    assert choose_cores(8, kernel=kernel) == Cores(tuple(range(8)), (8, 9, 10, 11), 8)
    assert choose_cores(9, kernel=kernel).notes == ("fast and slow cores, the slow ones: 11",)
    assert choose_cores(2, (8, 9), kernel=kernel).notes == ("slow cores: 8-9",)
    assert choose_cores(3, (8, 9), kernel=kernel).notes == ("3 threads on 2 cores", "slow cores: 8-9")


def test_slow_cores_are_slow_where_a_container_has_no_other(machine):
    files = {f"devices/system/cpu/cpu{core}/cpu_capacity": "1024" if core < 2 else "600" for core in range(4)}
    kernel = machine([2, 3], files={**files, "devices/system/cpu/present": "0-3"})
    assert choose_cores(1, kernel=kernel) == Cores((3,), (2,), 1, ("slow cores: 3",))


def test_cores_of_unknown_speed_are_alike(machine):
    kernel = machine(range(4), files={"devices/system/cpu/cpu0/cpu_capacity": "1024"})
    assert choose_cores(1, kernel=kernel) == Cores((3,), (0, 1, 2), 1)


def test_wanted_cores_are_taken_as_they_are(machine):
    kernel = machine([0, 1, 2, 3])
    assert choose_cores(0, (2, 1), kernel=kernel) == Cores(worker=(1, 2), parent=(0, 3), threads=2)


@pytest.mark.parametrize(
    ("wanted", "what"), [((1, 9), "core 9 is not available to this process"), ((), "no core is named")]
)
def test_a_wanted_core_outside_the_cpuset_is_refused(machine, wanted, what):
    kernel = machine([0, 1, 2, 5])
    with pytest.raises(InputError) as error:
        choose_cores(1, wanted, kernel=kernel)
    assert str(error.value) == f"measure.cores: {what}; available: 0-2,5"


def test_a_quota_of_cgroup_v2_bounds_the_cores_and_threads(machine):
    kernel = machine(range(8), cgroup="0::/job", files={"fs/cgroup/job/cpu.max": "250000 100000"})
    assert cpu_quota(kernel) == 2.5
    assert choose_cores(0, kernel=kernel) == Cores(worker=(6, 7), parent=(0, 1, 2, 3, 4, 5), threads=2)
    assert choose_cores(4, kernel=kernel).notes == ("4 threads on 2 cores",)
    assert choose_cores(4, (0, 1, 2, 3), kernel=kernel).notes == ("4 threads on 2 cores (by the CPU quota)",)
    assert choose_cores(0, (0, 1, 2, 3), kernel=kernel).threads == 2


def test_the_tightest_quota_on_the_way_up_counts(machine):
    files = {"fs/cgroup/a/b/cpu.max": "max 100000", "fs/cgroup/a/cpu.max": "50000 100000"}
    kernel = machine(range(4), cgroup="0::/a/b", files=files)
    assert cpu_quota(kernel) == 0.5
    assert choose_cores(0, kernel=kernel).threads == 1


def test_a_quota_of_cgroup_v1_counts_too(machine):
    folder = "fs/cgroup/cpu,cpuacct/job"
    files = {f"{folder}/cpu.cfs_quota_us": "300000", f"{folder}/cpu.cfs_period_us": "100000"}
    kernel = machine(range(8), cgroup="4:memory:/job\n3:cpu,cpuacct:/job\n0::/", files=files)
    assert choose_cores(0, kernel=kernel).threads == 3


def test_no_quota_is_no_bound(machine):
    files = {"fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "fs/cgroup/cpu/cpu.cfs_period_us": "100000"}
    files["fs/cgroup/job/cpu.max"] = "max 100000"
    kernel = machine(range(4), cgroup="1:cpu:/\n0::/job", files=files)
    assert cpu_quota(kernel) is None
    assert choose_cores(0, kernel=kernel).threads == 4


def test_a_path_of_the_host_that_a_container_cannot_see_falls_back_to_what_is_mounted(machine):
    kernel = machine(range(4), cgroup="0::/docker/0123abc", files={"fs/cgroup/cpu.max": "100000 100000"})
    assert cpu_quota(kernel) == 1.0


@pytest.mark.parametrize(("text", "listed"), [("0-2,5", (0, 1, 2, 5)), ("3", (3,)), ("", ())])
def test_lists_of_cores_are_the_kernels(text, listed):
    assert parse_cores(text + "\n") == listed
    assert format_cores(listed) == text


def test_the_parent_stands_aside_and_comes_back():
    before = os.sched_getaffinity(0)
    first = min(before)
    with pinned_to((first,)):
        assert os.sched_getaffinity(0) == {first}
    assert os.sched_getaffinity(0) == before


def test_the_parent_stays_where_it_is_if_the_kernel_refuses():
    before = os.sched_getaffinity(0)
    with pinned_to((4095,)):
        assert os.sched_getaffinity(0) == before
