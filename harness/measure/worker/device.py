"""Device memory of this process, as NVIDIA's driver counts it (NVML, by nvidia-ml-py)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

ABSENT = "nvidia-ml-py is not installed: pip install 'nvidia-ml-py>=12'"


def _load() -> Any:
    return importlib.import_module("pynvml")  # only where a provider runs on a device


def used(load: Callable[[], Any] = _load, pid: int | None = None) -> dict[str, Any]:
    """Read the memory that a process (this one, unless `pid` names another) holds on all devices.

    Returns ``{"bytes": n}``, or ``{"unavailable": why}``.
    """
    try:
        nvml = load()
    except ImportError:
        return {"unavailable": ABSENT}
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return {"unavailable": f"NVML does not start: {error}"}
    try:
        return _sum(nvml, os.getpid() if pid is None else pid)
    except nvml.NVMLError as error:
        return {"unavailable": f"NVML: {error}"}
    finally:
        nvml.nvmlShutdown()


def _sum(nvml: Any, pid: int) -> dict[str, Any]:
    devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    listed = [item for device in devices for item in nvml.nvmlDeviceGetComputeRunningProcesses(device)]
    held = [item.usedGpuMemory for item in listed if item.pid == pid]
    if not held:
        of = f"of {len(listed)} on {len(devices)} devices"
        return {"unavailable": f"NVML lists no process {pid}, {of}: in a container it has the host's numbers"}
    if None in held:
        return {"unavailable": "NVML does not tell how much a process holds on this device"}
    return {"bytes": sum(held)}
