from collections.abc import Callable
from typing import Any

import pytest

from harness.core.case import AXES
from harness.core.record import Metric, Record, Status
from harness.core.report import Advice, GateOutcome, Outcome, Report, Row

HOSTILE = '<script>alert("x")</script>|\n\x1b[31m=cmd&`_a_`\u202e'
"""A name with everything in it that some view could stumble over."""


def number(value: float | None, unit: str = "s", direction: str = "lower", **more: Any) -> Metric:
    return Metric(value=value, unit=unit, direction=direction, **more)


def record(model: str, status: Status = Status.OK, reason: str = "", **changes: Any) -> Record:
    """A record of `model`; the axes among `changes` go where they belong."""
    axes = {name: changes.pop(name) for name in AXES if name in changes}
    key = "/".join([model, *(f"{axis}={value}" for axis, value in axes.items())])
    fields: dict[str, Any] = {
        "run": "20261123T140732Z-3f2a1c",
        "suite": "quick",
        "case": key,
        "axes": {"model": model, "opset": None, "precision": "fp32", "batch": 1, **axes},
        "status": status,
        "reason": reason,
        "machine": "box",
        "started_at": "2026-11-23T14:07:33+00:00",
        "duration_s": 1.5,
    }
    return Record(**{**fields, **changes})


FP32 = record(
    "digits",
    metrics={
        "latency/p50": number(0.0012, low=0.00119, high=0.00121),
        "latency/p95": number(None, reason="4 samples; p95 needs 130"),
        "throughput/samples_per_s": number(833.25, "samples/s", "higher"),
        "memory/peak": number(51_200_000.0, "B"),
        "accuracy/top1": number(0.991, "ratio", "higher"),
        "accuracy/top1_delta": number(0.0, "ratio", "higher"),
    },
    samples={"latency_ns": [[1_100_000, 1_200_000], [1_200_000, 1_300_000]]},
)
INT8 = record(
    "digits",
    precision="int8_static",
    notes=(
        "openvino 97%: cpu ran Softmax 3",
        "asked for 2 threads, the session started 0 beside the calling one",
    ),
    note_shorts=("openvino 97%", ""),
    metrics={
        "latency/p50": number(0.0008),
        "latency/p95": number(None, reason="4 samples; p95 needs 130"),
        "throughput/samples_per_s": number(1250.0, "samples/s", "higher"),
        "memory/peak": number(50_800_000.0, "B"),
        "accuracy/top1": number(0.989, "ratio", "higher"),
        "accuracy/top1_delta": number(-0.002, "ratio", "higher"),
    },
    samples={"latency_ns": [[800_000, 800_000]]},
)
OTHER = record("squeezenet", metrics={"latency/p50": number(0.0112)}, notes=("random weights",))
BROKEN = [
    record("digits", Status.CRASHED, "the worker died of SIGSEGV (signal 11)", precision="int8_dynamic"),
    record("squeezenet", Status.FAILED, "ids: nothing binds 'seq'", batch=8, stderr="bad\x1b[0m\nworse"),
    record("squeezenet", Status.TIMEOUT, "no answer within 300 s", batch=32),
    record("squeezenet", Status.UNSUPPORTED, "cuda is not in this runtime", provider="cuda"),
    record("squeezenet", Status.UNSUPPORTED, "cuda is not in this runtime", provider="cuda", batch=8),
    record("squeezenet", Status.SKIPPED, "slow", precision="int8_dynamic"),
    record("squeezenet", Status.SKIPPED, "slow", precision="int8_static"),
]
GATE = "latency/p50 max_increase 3% against previous"


@pytest.fixture
def report() -> Report:
    """Two models, every status, gates of every outcome, notes and advice."""
    rows = (
        Row(INT8, 1, False, 1.5, {"memory/peak": -400_000.0}),
        Row(FP32, 2, True, 1.0, {"memory/peak": 0.0}),
        Row(OTHER, 1, True, 1.0),
        *(Row(item, 0, False, None) for item in BROKEN),
    )
    return Report(
        title="quick 20261123T140732Z-3f2a1c",
        records=(FP32, INT8, OTHER, *BROKEN),
        rows=rows,
        axes=("precision", "batch"),
        gates=(
            GateOutcome(
                GATE, "digits", "latency/p50", Outcome.FAILED, 0.0012, 0.0011, "1.2 ms is 9% over 1.1 ms"
            ),
            GateOutcome(GATE, "squeezenet", "latency/p50", Outcome.NO_DATA, None, None, "no earlier run"),
            GateOutcome(GATE, INT8.case, "latency/p50", Outcome.PASSED, 0.0008, 0.001, "0.8 ms"),
        ),
        advice=(Advice("digits", "latency", INT8.case, "latency/p50", 0.0008, "s", 1.5, -0.002),),
    )


@pytest.fixture
def hostile() -> Report:
    """One measured and one failed case, every text in which is hostile."""
    measured = record(
        HOSTILE, notes=(HOSTILE,), precision=HOSTILE, stderr=HOSTILE, metrics={"latency/p50": number(0.0012)},
        samples={"latency_ns": [[1_000, 2_000]]}, run=HOSTILE, suite=HOSTILE, machine=HOSTILE,
    )  # fmt: skip
    failed = record(HOSTILE, Status.FAILED, HOSTILE)
    return Report(
        title=HOSTILE,
        records=(measured, failed),
        rows=(Row(measured, 1, True, 1.0), Row(failed, 0, False, None)),
        axes=("precision",),
        gates=(GateOutcome(HOSTILE, HOSTILE, HOSTILE, Outcome.FAILED, None, None, HOSTILE),),
        advice=(Advice(HOSTILE, "latency", measured.case, "latency/p50", 0.0012, "s", None, None),),
    )


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """Give the factory `record`."""
    return record
