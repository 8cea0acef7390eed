"""Leave nodes out of a conversion, and see what that wins in accuracy and costs in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from harness.ab.job import run_ab
from harness.ab.model import ABSettings, Pair, Pairing
from harness.build import files
from harness.core.case import FP32, Case, Named, freeze, thaw
from harness.core.decision import Decision
from harness.core.errors import CaseError, Unsupported
from harness.core.listener import Listener
from harness.core.suite import Suite
from harness.explain.errors import compare
from harness.explain.model import SensitivityExplanation, TensorVerdict
from harness.explain.sensitivity import Search
from harness.judge.closeness import limits
from harness.judge.outputs import Outputs, Unfit, matched
from harness.run.bench import Bench, OpenBench

EXCLUDED = "nodes_to_exclude"
LATENCY = "latency/p50"


def explain_sensitivity(
    bench: Bench,
    pair: Pair,
    base: Mapping[str, str],
    head: Mapping[str, str],
    *,
    bound_db: float | None = None,
    until: Callable[[], bool] = lambda: False,
) -> SensitivityExplanation:
    """Order HEAD's nodes by what excluding them wins against BASE's outputs, `until` the time is up.

    Raises CaseError where HEAD is not converted, or an arm does not run.
    """
    precision = pair.head.artifact.precision
    if precision.kind == FP32.kind:
        raise Unsupported("HEAD is not converted: say --head precision=int8_static or another one")
    source = bench.built(replace(pair.head, artifact=replace(pair.head.artifact, precision=FP32)))
    graph = files.parse(Path(source.path)).graph
    names = [node.name for node in graph.node if node.name]
    already = set(thaw(precision.options).get(EXCLUDED, ()))
    reference = bench.evaluate(pair.base)
    if reference.values is None:
        raise CaseError(f"base: {reference.reason}")
    wanted = pair.head.artifact.model.output or source.counts

    def score(nodes: frozenset[str]) -> float | None:
        try:
            found = bench.evaluate(without(pair.head, nodes | already))
        except CaseError:
            if not nodes:
                raise
            return None
        return sqnr(reference, found, wanted)

    search = Search([name for name in names if name not in already], score, until)
    groups = search.run()
    bound = bound_db
    if bound is None:
        bound = limits((source.precision, bench.built(pair.head).precision)).sqnr_db
    kept = search.fewest(bound)
    unnamed = len(graph.node) - len(names)
    notes = [f"{unnamed} nodes have no name and cannot be excluded"] if unnamed else []
    if any(len(group.nodes) > 1 for group in groups):
        notes.append(
            "the time was up before every group was taken apart: a higher --budget names fewer nodes"
        )
    return SensitivityExplanation(
        case=pair.name,
        base=base,
        head=head,
        start_db=search.start_db,
        bound_db=bound,
        groups=tuple(groups),
        exclude=kept[0] if kept else (),
        reached_db=kept[1] if kept else None,
        evaluations=search.evaluations,
        notes=tuple(notes),
    )


def without(case: Case, nodes: frozenset[str]) -> Case:
    """Return a case whose conversion leaves `nodes` out."""
    if not nodes:
        return case
    precision = case.artifact.precision
    options = {**thaw(precision.options), EXCLUDED: sorted(nodes)}
    changed = Named(f"{precision.name} without {len(nodes)}", precision.kind, freeze(options))
    return replace(case, artifact=replace(case.artifact, precision=changed))


def sqnr(base: Outputs, head: Outputs, wanted: str | None) -> float:
    """Return the SQNR (dB) of the output that counts; infinite where it is the same. Raises CaseError."""
    if head.values is None:
        raise CaseError(f"head: {head.reason}")
    try:
        match = matched(head, base, wanted)[0]
    except Unfit as error:
        raise CaseError(str(error)) from error
    found = compare(match.name, match.reference, match.ours, limits(()))
    if found.verdict is TensorVerdict.IDENTICAL:
        return math.inf
    if found.sqnr_db is None:
        raise CaseError(f"output {match.name!r} has no SQNR: {found.reason}")
    return -math.inf if found.head_nonfinite_ratio > found.base_nonfinite_ratio else found.sqnr_db


def cost(
    pair: Pair,
    exclude: frozenset[str],
    suite: Suite,
    results_dir: Path,
    cache_dir: Path,
    budget_s: float,
    *,
    seed: int = 0,
    listener: Listener | None = None,
    opening: OpenBench,
) -> Decision | None:
    """Measure what excluding nodes costs: HEAD as it is against HEAD without them, in an A/B."""
    settings = ABSettings(budget_s=budget_s, seed=seed, metrics=(LATENCY,))
    arms = Pairing((Pair(pair.name, pair.head, without(pair.head, exclude)),))
    plain = replace(suite, gates=())
    result = run_ab(arms, plain, settings, results_dir, cache_dir, listener=listener, open_bench=opening)
    return next((row.decision for row in result.comparisons if row.metric == LATENCY), None)
