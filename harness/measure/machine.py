"""Describe the machine: what does not change while a sweep runs."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.core.requirement import DISTRIBUTIONS
from harness.measure.cores import LINUX, Kernel, cgroup_folders, cpu_quota, format_cores, usable_cores

_PACKAGES = ("onnx-harness", *DISTRIBUTIONS, "onnx", "onnx_ir", "numpy", "torch", "onnxscript")


def describe_machine(kernel: Kernel = LINUX) -> dict[str, Any]:
    """Return the environment of a sweep; ``machine`` in it names the machine for trends.

    What a system does not report is None. Imports nothing that is described.
    """
    available = sorted(kernel.cores())
    cpu = _cpu(kernel)
    gpus = _gpus(kernel)
    return {
        "machine": machine_identity(cpu, usable_cores(available, kernel), gpus),
        "host": platform.node(),
        "cpu": cpu,
        "gpus": gpus,
        "cores_available": format_cores(available),
        "cpu_quota": cpu_quota(kernel),
        "memory_total_bytes": _memory_total_bytes(kernel),
        "memory_limit_bytes": _memory_limit_bytes(kernel),
        "kernel": platform.release(),
        "os": _os(),
        "virtualization": _virtualization(kernel),
        "python": platform.python_version(),
        "packages": _packages(),
        "load": list(os.getloadavg()),
    }


def machine_identity(cpu: dict[str, Any], cores: int, gpus: list[str]) -> str:
    """Return a readable name with a short hash, such as ``amd-epyc-2c-x86_64-5f0c1a2b``.

    Made of what sets the speed and stays: processor (name, vendor, family and
    model number), architecture, cores that this process may use, GPUs. Not of
    kernel, memory size, microcode or CPU flags, which an update changes, nor
    of the host's name, which every CI job has anew: each would begin a new
    trend on the same machine.
    """
    architecture = cpu.get("architecture") or platform.machine()
    parts = [
        cpu["model"],
        cpu["vendor"],
        cpu["family"],
        cpu["model_number"],
        architecture,
        cores,
        *gpus,
    ]
    digest = hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:8]
    name = re.sub(r"\((R|TM|tm|r)\)|\bCPU\b|\bProcessor\b|@.*", " ", cpu["model"] or "cpu")
    words = re.findall(r"[a-z0-9.]+", name.lower())
    return f"{'-'.join(words)}-{cores}c-{architecture}-{digest}"


def _cpu(kernel: Kernel) -> dict[str, Any]:
    info = _cpuinfo(kernel)
    logical = os.cpu_count() or 1
    return {
        "model": info.get("model name") or info.get("Model") or platform.processor() or platform.machine(),
        "vendor": info.get("vendor_id") or info.get("CPU implementer"),
        "family": info.get("cpu family") or info.get("CPU architecture"),
        "model_number": info.get("model") or info.get("CPU part"),
        "stepping": info.get("stepping") or info.get("CPU revision"),
        "architecture": platform.machine(),
        "flags": instruction_sets(kernel),
        "logical": logical,
        "physical": _physical(logical, kernel),
        "smt": _smt(kernel),
        "governor": _read("devices/system/cpu/cpu0/cpufreq/scaling_governor", kernel) or None,
        "turbo": _turbo(kernel),
        "max_mhz": _max_mhz(kernel),
    }


def _cpuinfo(kernel: Kernel) -> dict[str, str]:
    """Return the fields of the first processor, and those after the last one (ARM's model)."""
    found: dict[str, str] = {}
    for line in _text(kernel.proc / "cpuinfo").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


def instruction_sets(kernel: Kernel = LINUX) -> list[str]:
    """Return the instruction sets of this processor by which runtimes choose their kernels."""
    info = _cpuinfo(kernel)
    return _kernel_flags(info.get("flags") or info.get("Features") or "")


def _kernel_flags(text: str) -> list[str]:
    """Return the instruction sets by which runtimes choose their kernels."""
    wanted = re.compile(r"sse4_[12]|avx.*|fma.*|f16c|amx.*|asimd.*|sve.*|sme\d?|bf16|i8mm|fphp")
    return sorted(flag for flag in text.split() if wanted.fullmatch(flag))


def _physical(logical: int, kernel: Kernel) -> int:
    pairs = {
        (_read(f"{topology}/physical_package_id", kernel), _read(f"{topology}/core_id", kernel))
        for topology in (f"devices/system/cpu/cpu{core}/topology" for core in range(logical))
        if _read(f"{topology}/core_id", kernel)
    }
    return len(pairs) or logical


def _smt(kernel: Kernel) -> bool | None:
    """Return whether two logical cores share one, None where the system does not say."""
    active = _read("devices/system/cpu/smt/active", kernel)
    return active == "1" if active else None


def _turbo(kernel: Kernel) -> bool | None:
    """Return whether the clock may rise above its base, None where the system does not say."""
    if no_turbo := _read("devices/system/cpu/intel_pstate/no_turbo", kernel):
        return no_turbo == "0"
    if boost := _read("devices/system/cpu/cpufreq/boost", kernel):
        return boost == "1"
    return None


def _max_mhz(kernel: Kernel) -> float | None:
    khz = _read("devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", kernel)
    return int(khz) / 1000 if khz else None


def _gpus(kernel: Kernel) -> list[str]:
    """Return the names of the NVIDIA GPUs that the driver lists."""
    names = []
    for path in sorted((kernel.proc / "driver/nvidia/gpus").glob("*/information")):
        found = re.search(r"^Model:\s*(.+?)\s*$", _text(path), re.MULTILINE)
        names.append(found[1] if found else "NVIDIA GPU")
    return names


def _memory_total_bytes(kernel: Kernel) -> int | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB", _text(kernel.proc / "meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _memory_limit_bytes(kernel: Kernel) -> int | None:
    """Return the tightest limit of the cgroups above this process, None where there is none."""
    limits = []
    for folder in cgroup_folders("memory", kernel):
        text = _text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")
        if text.strip().isdigit():
            limits.append(int(text))
    tightest = min(limits, default=None)
    total = _memory_total_bytes(kernel)
    # without a limit, cgroup v1 gives a number near 2^63
    return None if tightest is None or (total is not None and tightest >= total) else tightest


def _os() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _virtualization(kernel: Kernel) -> dict[str, Any]:
    """Return what hints at a hypervisor or a container."""
    flags = _cpuinfo(kernel).get("flags", "").split()
    return {
        "hypervisor": "hypervisor" in flags,
        "product": _read("class/dmi/id/product_name", kernel) or None,
        "container": Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
    }


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _read(path: str, kernel: Kernel) -> str:
    return _text(kernel.sys / path).strip()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
