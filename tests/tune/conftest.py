"""A grid whose answer is known, and instruments that measure it exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from make import make_metric, make_record

from harness.core.artifact import Built
from harness.core.case import Artifact, Case
from harness.core.errors import Unsupported
from harness.core.listener import Listener
from harness.core.record import Record
from harness.core.suite import Plan
from harness.plan import plan_document
from harness.tune.job import tune
from harness.tune.model import Objective, Space, TuneResult, TuneSettings
from harness.tune.slo import parse_limits

AXES = {
    "graph_opt": ["disable", "basic", "extended", "all"],
    "intra_threads": [1, 2, 4],
    "execution_mode": ["sequential", "parallel"],
    "config": ["default", {"no_spin": {"session.intra_op.allow_spinning": "0"}}],
}
FACTOR = {
    "graph_opt": {"disable": 1.5, "basic": 1.2, "extended": 1.1, "all": 1.0},
    "intra_threads": {1: 2.0, 2: 1.0, 4: 1.3},
    "execution_mode": {"sequential": 1.0, "parallel": 1.1},
    "config": {"default": 1.0, "no_spin": 1.05},
    "precision": {"fp32": 1.0, "int8_dynamic": 0.5},
}
PEAK = {1: 90e6, 2: 100e6, 4: 120e6}


def p50(case: Case) -> float:
    """Seconds of a call: a product over the axes."""
    value = 1e-3
    for axis, factors in FACTOR.items():
        value *= factors[case.axes[axis]]  # type: ignore[index]
    return value


class Bench:
    """Instruments that answer exactly; what a test changes is what happens."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.change: Callable[[str, Case, Record], Record] = lambda step, case, record: record
        self.interrupt_after: int | None = None

    def build(self, artifact: Artifact) -> Built:
        if artifact.precision.name == "int8_static":
            raise Unsupported("no such kernel")
        return Built("model.onnx", "00", 4096, 17, "fp32", {}, (), ("y",), engine="fake")

    def probe(self, case: Case, outputs: bool) -> Record:
        return self._measure("probe", case, outputs)

    def fresh(self, case: Case) -> Record:
        return self._measure("fresh", case, True)

    def block(self, base: Case, case: Case, number: int) -> tuple[dict[str, float], str]:
        import math

        self._count("block", base.key, case.key)
        return {"latency/p50": math.log(p50(case) / p50(base))}, ""

    def _measure(self, step: str, case: Case, outputs: bool) -> Record:
        self._count(step, case.key, str(outputs))
        lost = {"fp32": 0.0, "int8_dynamic": -0.02}[case.artifact.precision.name]
        values = {
            "latency/p50": p50(case),
            "latency/p95": 1.2 * p50(case),
            "memory/peak": PEAK[case.session.intra_threads],
            "throughput/samples_per_s": case.load.batch / p50(case),
            "model/size": 4096.0,
        }
        record = make_record(values)
        if outputs:
            delta = make_metric("accuracy/top1_delta", lost)
            record = replace(record, metrics={**record.metrics, "accuracy/top1_delta": delta})
        return self.change(step, case, replace(record, case=case.key, axes=case.axes))

    def _count(self, *call: str) -> None:
        if self.interrupt_after is not None and len(self.calls) >= self.interrupt_after:
            raise KeyboardInterrupt
        self.calls.append(call)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def grid() -> Callable[..., Plan]:
    """Plan a model of the fake engine over the axes above, or others."""

    def make(**axes: Any) -> Plan:
        document = {
            "models": {"m": {"source": {"fake": {}}, "data": "digits"}},
            "axes": {**AXES, **axes},
        }
        return plan_document(document, Path.cwd(), "s")

    return make


class Ticks:
    """A clock: every look takes half a second."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


@pytest.fixture
def search(tmp_path: Path, bench: Bench) -> Callable[..., TuneResult]:
    """Run a search on the exact instruments."""

    def run(
        plan: Plan,
        *slos: str,
        objective: Objective = Objective("latency/p50", False),  # noqa: B008
        listener: Listener | None = None,
        budget_s: float | None = None,
        resume: bool = False,
    ) -> TuneResult:
        machine: Mapping[str, Any] = {"machine": "m1", "git": {}}
        return tune(
            plan,
            TuneSettings(objective, parse_limits(slos), budget_s),
            tmp_path / "results",
            tmp_path / "cache",
            resume=resume,
            listener=listener,
            machine=dict(machine),
            instruments=bench,
            clock=Ticks(),
        )

    return run


def space_of_counts(*counts: int, groups: int = 1) -> Space:
    """A space with so many values an axis."""
    cells = tuple(product(*(range(count) for count in counts)))
    levels = tuple(tuple(map(str, range(count))) for count in counts)
    axes = tuple(f"axis{index}" for index in range(len(counts)))
    return Space(axes, levels, cells, tuple(cell[0] % groups for cell in cells))


@pytest.fixture
def space() -> Callable[..., Space]:
    return space_of_counts
