"""Versions made up for a bisection: what each does, for a bench that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from make import make_record

from harness.ab.model import ABSettings
from harness.bisect.job import Candidates, bisect, over_models
from harness.bisect.model import Search
from harness.core.case import Case
from harness.core.record import Observation, Record, Status
from harness.core.suite import Plan
from harness.judge.outputs import Outputs
from harness.measure import Block, BlockOrder
from harness.plan import plan_document
from harness.run.bench import Bench

VERSIONS = tuple(f"v{number}" for number in range(1, 9))
TIMED = ABSettings(budget_s=60.0, seed=1)


def plan_of(name: str, **keys: Any) -> Plan:
    return plan_document({"models": {name: {"source": {"fake": {}}, **keys}}}, Path.cwd(), name)


def write_candidates(folder: Path) -> Candidates:
    """A file for each version, the oldest first."""
    plans = {}
    for version in VERSIONS:
        path = folder / version
        path.write_text(version)
        plans[path] = plan_of(version)
    return numbered(over_models(plans))


def numbered(candidates: Candidates) -> Candidates:
    """Call the models by their version instead of their path."""
    return replace(candidates, cases=dict(zip(VERSIONS, candidates.cases.values(), strict=True)))


@dataclass
class World:
    """What every version does, by its name; what is not said is as in the first one."""

    ns: Mapping[str, int] = field(default_factory=dict)
    error: Mapping[str, float] = field(default_factory=dict)
    top1: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)  # of instructions
    status: Mapping[str, Status] = field(default_factory=dict)
    classifier: bool = False  # its label comes first, and never changes; its scores count
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()  # in a block
    control_percent: float = 0.0
    seen: list[str] = field(default_factory=list)
    raced: list[tuple[str, str]] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)  # cases that were counted at the same time

    def measure(self, bench: Bench, case: Case, run: str = "") -> Record:
        """Stand in for `Bench.measure`."""
        name = case.artifact.model.name
        self.seen.append(name)
        status = Status.UNSUPPORTED if name in self.missing else self.status.get(name, Status.OK)
        if status is Status.OK:
            scores = np.array([[0.125, 0.875], [0.75, 0.25]], np.float32)
            scores[0, 0] += self.error.get(name, 0.0)
            labels = np.array([1, 0], np.int64)
            two = Outputs(("label", "y"), (labels, scores), counts="y")
            bench.outputs[case] = two if self.classifier else Outputs(("y",), (scores,))
        return make_record(
            {"accuracy/top1": self.top1.get(name, 0.99), "instructions/call": self.counts.get(name, 1e6)},
            case=case,
            run=run,
            status=status,
            reason="" if status is Status.OK else f"{name} is broken",
            effective={} if name in self.missing else {"runtime": {"version": "1"}},
        )

    def request(self, bench: Bench, case: Case, sampling: object) -> SimpleNamespace:
        """Stand in for `Bench.request`."""
        return SimpleNamespace(case=case.artifact.model.name)

    def run_block(self, bench: Bench, pair: Any, draw: BlockOrder, span_s: float, limit_s: float) -> Block:
        """Stand in for `Bench.run_block`."""
        names = tuple(request.case for request in pair)
        ns = [self.ns.get(name, 1_000_000) for name in names]
        if pair[0] is pair[1]:
            ns[1] = round(ns[0] * (1 + self.control_percent / 100))
        elif (names[0], names[1]) not in self.raced[-1:]:
            self.raced.append((names[0], names[1]))
        lost = 1 if names[1] in self.lost and pair[0] is not pair[1] else None
        error = {"status": "crashed", "pass": "slices", "message": "SIGSEGV"}
        fine = Observation(passes=(), error=error if lost else None)
        return Block(
            samples_ns=(((ns[0],) * 50,) * 2, ((ns[1],) * 50,) * 2),
            preempted=((0, 0), (0, 0)),
            observations=(fine, fine),
            draw=draw,
            turns=(0, 1, 1, 0),
            slice_ns=1,
            start_s=0.3,
            wall_s=0.5,
            lost=lost,
        )


class WorldBench(Bench):
    """Answers what the newest of `worlds` says."""

    worlds: list[World]

    def measure(self, case: Case, run: str = "") -> Record:
        return self.worlds[-1].measure(self, case, run)

    def count_ahead(self, *groups: Sequence[Case]) -> None:
        self.worlds[-1].ahead.append(sum(map(len, groups)))

    def request(self, case: Case, sampling: object) -> Any:
        return self.worlds[-1].request(self, case, sampling)

    def run_block(self, *given: Any) -> Block:
        return self.worlds[-1].run_block(self, *given)


def search_world(
    worlds: list[World], metric: str, candidates: Candidates, folder: Path, **options: Any
) -> Search:
    """Search the newest of `worlds`; results and cache lie in `folder`."""

    def open_world(*given: Any) -> Bench:
        bench = WorldBench(*given, keep_outputs=True)
        bench.worlds = worlds
        return bench

    options = {"settings": TIMED, "open_bench": open_world, **options}
    return bisect(candidates, metric, folder / "results", folder / "cache", **options)


def since(first: str, value: Any) -> dict[str, Any]:
    """The same of every version from `first` on."""
    return {version: value for version in VERSIONS if version >= first}
