"""Device memory by NVML, whose answers a fake gives: no device is needed, and none was there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.case import Named, Session
from harness.measure.worker import device
from harness.measure.worker.ort import OrtEngine


class NVMLError(Exception):
    """What NVML raises."""


class NVML:
    """As much of pynvml as reading takes: for each device, its processes and what they hold."""

    NVMLError = NVMLError

    def __init__(self, *devices: dict[int, int | None], starts: bool = True, lists: bool = True) -> None:
        self.devices, self.starts, self.lists = devices, starts, lists
        self.open = 0

    def nvmlInit(self) -> None:
        if not self.starts:
            raise NVMLError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[int, int | None]:
        return self.devices[index]

    def nvmlDeviceGetComputeRunningProcesses(self, device: dict[int, int | None]) -> list[Any]:
        if not self.lists:
            raise NVMLError("Not Supported")
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in device.items()]


@pytest.mark.parametrize(
    ("nvml", "expected"),
    [
        (NVML({7: 500, 8: 900}), {"bytes": 500}),
        (NVML({8: 900}, {7: 300}), {"bytes": 300}),
        (NVML({7: 200}, {7: 300}), {"bytes": 500}),
        (
            NVML({7: None}),
            {"unavailable": "NVML does not tell how much a process holds on this device"},
        ),
        (
            NVML({8: 900}, {}),
            {
                "unavailable": "NVML lists no process 7, of 1 on 2 devices: "
                "in a container it has the host's numbers"
            },
        ),
        (NVML(starts=False), {"unavailable": "NVML does not start: Driver Not Loaded"}),
        (NVML({7: 500}, lists=False), {"unavailable": "NVML: Not Supported"}),
    ],
)
def test_the_memory_of_this_process_alone_counts(nvml: NVML, expected: dict[str, Any]) -> None:
    assert device.used(lambda: nvml, 7) == expected
    assert nvml.open == 0


def test_without_the_package_the_reason_says_how_to_get_it() -> None:
    def load() -> Any:
        raise ModuleNotFoundError("No module named 'pynvml'")

    assert device.used(load) == {
        "unavailable": "nvidia-ml-py is not installed: pip install 'nvidia-ml-py>=12'"
    }


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        ("cpu", "the provider computes in main memory"),
        ("openvino", "the provider computes in main memory"),
        ("dml", "device memory is read of NVIDIA's devices alone, not of dml"),
    ],
)
def test_only_providers_on_a_device_are_asked(ask: Any, relu: Any, provider: str, reason: str) -> None:
    engine = OrtEngine(ask(relu, session=Session(provider=Named(provider, provider))))
    assert engine.device_memory() == {"unavailable": reason}
