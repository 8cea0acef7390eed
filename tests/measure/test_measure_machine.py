import os
import platform
import subprocess
import sys
from importlib import metadata

import pytest

from harness.measure import cores, describe_machine, git_commit
from harness.measure.machine import machine_identity

EPYC = {"model": "AMD EPYC 7B13", "vendor": "AuthenticAMD", "family": "25", "model_number": "1"}


def test_the_machine_is_described():
    seen = describe_machine()
    assert seen["python"] == platform.python_version()
    assert seen["kernel"] == platform.release()
    assert seen["packages"]["onnxruntime"] == metadata.version("onnxruntime")
    assert seen["cpu"]["logical"] == os.cpu_count()
    assert 1 <= seen["cpu"]["physical"] <= seen["cpu"]["logical"]
    assert cores.parse_cores(seen["cores_available"]) == tuple(sorted(os.sched_getaffinity(0)))
    assert seen["memory_total_bytes"] > 1e8
    assert seen["machine"] == describe_machine()["machine"]


def test_describing_imports_nothing_that_is_described():
    code = "import sys; from harness.measure import describe_machine; describe_machine(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"onnx", "onnxruntime", "torch"})


def test_an_identity_is_readable_and_pinned():
    # a change of this value begins a new trend on every machine there is
    assert machine_identity({**EPYC, "architecture": "x86_64"}, 8, []) == "amd-epyc-7b13-8c-x86_64-42469916"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "intel-xeon"),
        ("AMD Ryzen 9 5950X 16-Core Processor", "amd-ryzen-9-5950x-16-core"),
        ("", "cpu"),
    ],
)
def test_a_processors_name_is_cleaned_of_its_noise(model, name):
    assert machine_identity({**EPYC, "model": model}, 2, []).startswith(f"{name}-2c-")


def test_an_identity_changes_with_what_sets_the_speed_only():
    same = machine_identity(EPYC, 8, [])
    assert (
        machine_identity({**EPYC, "stepping": "9", "flags": ["avx"], "governor": "powersave"}, 8, []) == same
    )
    assert machine_identity({**EPYC, "model_number": "2"}, 8, []) != same
    assert machine_identity(EPYC, 4, []) != same
    assert machine_identity(EPYC, 8, ["NVIDIA H200"]) != same


CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
stepping\t: 8
flags\t\t: fpu smep avx2 avx512_vnni amx_tile hypervisor sse4_2
"""


@pytest.fixture
def files(tmp_path):
    """Files that stand for /proc and /sys."""

    def files(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return cores.Kernel(tmp_path / "proc", tmp_path / "sys")

    return files


def test_what_linux_says_of_a_cpu_is_read(files):
    cpu = "sys__devices__system__cpu__"
    kernel = files(
        **{
            "proc__cpuinfo": CPUINFO,
            f"{cpu}cpu0__cpufreq__scaling_governor": "performance\n",
            f"{cpu}cpu0__cpufreq__cpuinfo_max_freq": "3800000\n",
            f"{cpu}intel_pstate__no_turbo": "1\n",
            f"{cpu}smt__active": "1\n",
        }
    )
    seen = describe_machine(kernel)["cpu"]
    assert (seen["vendor"], seen["family"], seen["model_number"]) == ("GenuineIntel", "6", "143")
    assert seen["flags"] == ["amx_tile", "avx2", "avx512_vnni", "sse4_2"]
    assert (seen["governor"], seen["turbo"], seen["smt"], seen["max_mhz"]) == (
        "performance",
        False,
        True,
        3800.0,
    )


@pytest.mark.parametrize(("text", "smt"), [("1\n", True), ("0\n", False), ("", None)])
def test_whether_cores_are_shared_is_not_made_up(files, text, smt):
    kernel = files(proc__cpuinfo=CPUINFO, sys__devices__system__cpu__smt__active=text)
    assert describe_machine(kernel)["cpu"]["smt"] is smt


def test_limits_of_the_cgroup_and_gpus_are_read(files):
    kernel = files(
        **{
            "proc__self__cgroup": "0::/job\n",
            "proc__meminfo": "MemTotal:  1000 kB\n",
            "sys__fs__cgroup__job__memory.max": "512000\n",
            "sys__fs__cgroup__job__cpu.max": "150000 100000\n",
            "proc__driver__nvidia__gpus__0__information": "Model: \t\t NVIDIA H200\nIRQ: 1\n",
        }
    )
    seen = describe_machine(kernel)
    assert (seen["memory_total_bytes"], seen["memory_limit_bytes"]) == (1_024_000, 512_000)
    assert seen["cpu_quota"] == 1.5
    assert seen["gpus"] == ["NVIDIA H200"]
    assert "-1c-" in seen["machine"]


def test_what_the_system_does_not_tell_is_none(files):
    kernel = files(proc__self__cgroup="0::/job\n")
    seen = describe_machine(kernel)
    assert (seen["memory_total_bytes"], seen["memory_limit_bytes"], seen["cpu_quota"]) == (None, None, None)
    assert (seen["cpu"]["governor"], seen["cpu"]["turbo"], seen["cpu"]["max_mhz"]) == (None, None, None)


def test_the_huge_number_of_cgroup_v1_is_no_limit(files):
    texts = {"sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712\n"}
    kernel = files(proc__self__cgroup="4:memory:/\n", proc__meminfo="MemTotal: 1000 kB\n", **texts)
    assert describe_machine(kernel)["memory_limit_bytes"] is None


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_commit_of_a_suite_is_read_with_its_changes(tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("a")
    assert "not a git repository" in git_commit(suite)["unavailable"]
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    clean = git_commit(suite)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    suite.write_text("b")
    assert git_commit(tmp_path) == {"commit": clean["commit"], "dirty": True}


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) == {"unavailable": "git is not installed"}
