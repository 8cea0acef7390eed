"""Examine this machine: read it off, then see what an A/B makes of a slowdown that is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, Pair, Pairing, describe_lost
from harness.build.scratch import scratch
from harness.core.case import Case
from harness.core.decision import Change, Decision
from harness.core.listener import Listener
from harness.core.metrics import HEADLINE
from harness.core.suite import Measure, Suite
from harness.doctor import decide as health
from harness.doctor.chain import LARGE, SMALL, Chain, write_chain
from harness.doctor.model import Diagnosis, SelfTest, SystemProbe
from harness.doctor.probe import read_machine
from harness.plan import plan_model
from harness.run.bench import OpenBench, open_arms
from harness.store.integrity import unprotected
from harness.store.ledger import read_lines

LAYERS, MORE_LAYERS = 100, 102
BATCH = 32
NAME = f"chain of {LAYERS}->{MORE_LAYERS} layers"
METRIC = HEADLINE


def examine(
    results_dir: Path,
    cache_dir: Path,
    *,
    quick: bool = False,
    settings: ABSettings = ABSettings(),  # noqa: B008 (frozen)
    listener: Listener | None = None,
    read: Callable[[], SystemProbe] = read_machine,
    chains: tuple[Chain, Chain] = (SMALL, LARGE),
    open_bench: OpenBench = open_arms,
) -> Diagnosis:
    """Read this machine off and, unless `quick`, test what can be detected on it.

    Raises StoreError where results cannot be kept, KeyboardInterrupt.
    """
    readings, old = read(), unprotected(results_dir)
    if quick:
        return Diagnosis(readings=readings, findings=health.findings(readings, old=old), test=None)
    test, large = (
        self_test(results_dir, cache_dir, settings, listener, open_bench, chain) for chain in chains
    )
    found = health.findings(readings, test, large, old)
    return Diagnosis(readings=readings, findings=found, test=test, large=large)


def self_test(
    results_dir: Path,
    cache_dir: Path,
    settings: ABSettings,
    listener: Listener | None = None,
    open_bench: OpenBench = open_arms,
    chain: Chain = SMALL,
) -> SelfTest:
    """Compare a chain of layers with one that is 2% longer, and against itself. Raises as `examine`."""
    with scratch() as folder:
        cases = []
        for layers in (LAYERS, MORE_LAYERS):
            path = folder / f"chain_{layers}.onnx"
            write_chain(path, layers, chain)
            cases.append(_case(path))
        models = tuple(case.artifact.model for case in cases)
        nothing_else = Measure().with_passes(memory=False, accuracy=False, proof=False)
        suite = Suite("doctor", "", models, measure=nothing_else)
        pairing = Pairing((Pair(NAME, *cases),))
        settings = replace(settings, metrics=(METRIC,))
        result = run_ab(
            pairing, suite, settings, results_dir, cache_dir, listener=listener, open_bench=open_bench
        )
    if result.interrupted:
        raise KeyboardInterrupt
    return _conclude(chain, result, read_lines(Path(result.file)))


def _case(path: Path) -> Case:
    (case,) = plan_model(path, {"intra_threads": 1, "batch": BATCH}).cases
    return case


def _conclude(chain: Chain, result: ABResult, lines: list[dict[str, Any]]) -> SelfTest:
    """Join the result's verdicts with the spread and the cost of its blocks."""
    blocks = [line for line in lines if METRIC in line.get("readings", {})]
    ratios = {True: list[float](), False: list[float]()}
    for block in blocks:
        ratios[block["stage"] == "control"].append(block["readings"][METRIC]["ratio"])
    sd = health.spread(ratios.values())
    found = next((row.decision for row in result.comparisons if row.metric == METRIC), None)
    block_s = median(block["wall_s"] for block in blocks) if blocks else 0.0
    control = result.control
    failed = "; ".join(map(describe_lost, result.failed.values()))
    return SelfTest(
        model=chain.name,
        injected=MORE_LAYERS / LAYERS - 1,
        slowdown=found or Decision(verdict=Change.INCONCLUSIVE, reason="no blocks"),
        control=control.decisions.get(METRIC) if control else None,
        fired=not result.trusted,
        spread=sd or 0.0,
        block_s=block_s,
        reach=tuple(
            health.reach(budget_s, block_s, sd, result.settings)
            for budget_s in health.BUDGETS_S
            if sd is not None
        ),
        seconds=result.seconds,
        failed=failed,
        file=result.file,
    )
