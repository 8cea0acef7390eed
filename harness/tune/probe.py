"""Measure what a search asks for, in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from harness.ab.blocks import read_block
from harness.build import build
from harness.core.artifact import Built
from harness.core.case import Artifact, Case
from harness.core.errors import CaseError
from harness.core.record import Record
from harness.core.sampling import Sampling
from harness.core.suite import Gate, Suite
from harness.measure import BlockOrder
from harness.run.bench import Bench, OpenBench, open_bench
from harness.tune.model import Limit
from harness.tune.race import Costs

PROBE_S, PROBE_WARMUP_S, PROBE_WARMUP_CALLS = 0.25, 0.05, 3
"""Calls and warm-up of a probe, at most."""

BLOCK_S = 0.5
"""Calls of a block, both arms together."""

FRESH_PROCESSES = 3
"""Processes in which the winner is measured afresh, at least: their spread makes its interval."""

START_S, PASS_S = 0.5, 0.2
"""What a process and a further pass are taken to cost before one was measured."""


class Instruments(Protocol):
    """What measures: real workers, or a test's own answers."""

    def build(self, artifact: Artifact) -> Built:
        """Make a model file. Raises CaseError."""

    def probe(self, case: Case, outputs: bool) -> Record:
        """Measure a case shortly, with what its outputs tell where asked for."""

    def block(self, base: Case, case: Case, number: int) -> tuple[dict[str, float], str]:
        """Measure two cases in turn; return log-ratios by metric, or what was lost: ``base``, ``head``."""

    def fresh(self, case: Case) -> Record:
        """Measure a case in full."""


@dataclass
class Workers:
    """Instruments that start worker processes."""

    suite: Suite
    limits: Sequence[Limit]
    objective: str
    cache_dir: Path
    work: Path
    machine: dict[str, Any]
    opening: OpenBench = open_bench
    _benches: dict[str, Bench] = field(default_factory=dict)

    def build(self, artifact: Artifact) -> Built:
        """Make a model file, or find it in the cache. Raises CaseError."""
        return build(artifact, self.cache_dir)

    def probe(self, case: Case, outputs: bool) -> Record:
        """Measure a case shortly."""
        return self._bench("outputs" if outputs else "probe").measure(case)

    def block(self, base: Case, case: Case, number: int) -> tuple[dict[str, float], str]:
        """Run one block; which arm starts and leads alternates."""
        bench = self._bench("probe")
        try:
            pair = bench.request(base, bench.suite.sampling), bench.request(case, bench.suite.sampling)
        except CaseError as error:
            return {}, str(error)
        block = bench.run_block(pair, BlockOrder(number % 2, number // 2 % 2), BLOCK_S)
        if block.lost is not None:
            return {}, ("base", "head")[block.lost]
        readings, _ = read_block(block.samples_ns, block.preempted, block.observations)
        return {name: reading.ratio for name, reading in readings.items()}, ""

    def fresh(self, case: Case) -> Record:
        """Measure a case in full, in several processes."""
        return self._bench("fresh").measure(case)

    def _bench(self, name: str) -> Bench:
        if name not in self._benches:
            made = {"probe": _short, "outputs": _short_with_outputs, "fresh": _full}[name](self.suite)
            gates = tuple(_gate(limit) for limit in self.limits)
            suite = replace(made, gates=(*gates, Gate(self.objective)))
            folder = self.work / name
            folder.mkdir()
            self._benches[name] = self.opening(suite, self.cache_dir, folder, self.machine)
        return self._benches[name]


def _gate(limit: Limit) -> Gate:
    """Write a limit as a gate: it asks for the calls that its quantile takes."""
    return Gate(limit.metric, max=limit.value) if limit.at_most else Gate(limit.metric, min=limit.value)


def _short(suite: Suite) -> Suite:
    measured = suite.measure.with_passes(accuracy=False, proof=False)
    return replace(suite, sampling=_short_sampling(suite.sampling), measure=measured)


def _short_with_outputs(suite: Suite) -> Suite:
    measured = suite.measure.with_passes(proof=False)
    return replace(suite, sampling=_short_sampling(suite.sampling), measure=measured)


def _full(suite: Suite) -> Suite:
    processes = max(FRESH_PROCESSES, suite.sampling.processes)
    return replace(suite, sampling=replace(suite.sampling, processes=processes))


def _short_sampling(sampling: Sampling) -> Sampling:
    return replace(
        sampling,
        warmup_calls=min(sampling.warmup_calls, PROBE_WARMUP_CALLS),
        warmup_s=min(sampling.warmup_s, PROBE_WARMUP_S),
        seconds=min(sampling.seconds or PROBE_S, PROBE_S),
        target_ci=None,
        processes=1,
    )


def first_costs(suite: Suite) -> Costs:
    """Return what measurements are taken to cost before one was made."""
    sampling, passes = suite.sampling, PASS_S
    full_s = START_S + sampling.warmup_s + (sampling.seconds or 1.0)
    processes = max(FRESH_PROCESSES, sampling.processes)
    return Costs(
        probe_s=START_S + PROBE_WARMUP_S + PROBE_S + passes,
        block_s=START_S + BLOCK_S,
        fresh_s=processes * (full_s + passes) + 2 * passes,
    )
