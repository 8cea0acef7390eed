"""Explain the pairs of two arms, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from harness import measure, store
from harness.ab.model import ABSettings, Pairing
from harness.build.scratch import scratch
from harness.core.errors import CaseError
from harness.core.listener import Listener
from harness.core.sampling import Sampling
from harness.core.suite import Suite
from harness.explain.excluding import cost, explain_sensitivity
from harness.explain.model import (
    MIN_EFFECT,
    Explanations,
    OutputsExplanation,
    Proof,
    Region,
    SensitivityExplanation,
    TimeExplanation,
)
from harness.explain.outputs import MEMORY_BYTES, SAMPLES, explain_outputs
from harness.explain.proof import INSTRUCTIONS, LATENCY, MOST, Prover, can_count, candidates, undecided
from harness.explain.timing import ROUNDS, Timing
from harness.run.bench import OpenBench, open_arms
from harness.run.inputs import check_inputs

SHORT = Sampling(warmup_calls=10, warmup_s=0.05, seconds=0.5, min_calls=20)
"""How p50 is taken unless a suite says more."""

NO_MEMORY = "no memory is left to read both graphs and what they compute"

FEW = Sampling(warmup_calls=1, warmup_s=0.0, calls=1)
"""What is timed where nothing is timed."""


def outputs(
    pairing: Pairing,
    suite: Suite,
    cache_dir: Path,
    *,
    base: Mapping[str, str] | None = None,
    head: Mapping[str, str] | None = None,
    samples: int = SAMPLES,
    budget_s: float = 60.0,
    memory_bytes: int = MEMORY_BYTES,
    listener: Listener | None = None,
    opening: OpenBench = open_arms,
    clock: Callable[[], float] = monotonic,
) -> Explanations[OutputsExplanation]:
    """Find the first tensor beyond the tolerance in every pair; `budget_s` is for each.

    Ctrl-C ends it: what was found is kept. Raises InputError where data is wrong, StoreError.
    """
    check_inputs(case for pair in pairing.pairs for case in (pair.base, pair.head))
    listener = listener or Listener()
    found: list[OutputsExplanation] = []
    missing: dict[str, str] = {}
    interrupted = False
    with scratch() as work:
        bench = opening(replace(suite, sampling=FEW), cache_dir, work, measure.describe_machine())
        for number, pair in enumerate(pairing.pairs, 1):
            listener.start_stage("tensors", pair.name, number, len(pairing.pairs))
            ends = clock() + budget_s
            try:
                one = explain_outputs(
                    bench,
                    pair,
                    base or {},
                    head or {},
                    work / f"pair-{number}",
                    samples=samples,
                    memory_bytes=memory_bytes,
                    until=lambda ends=ends: clock() >= ends,  # type: ignore[misc]
                )
                found.append(one)
                outcome = f"first beyond the tolerance: {one.first.tensor}" if one.first else "none beyond"
            except CaseError as error:
                missing[pair.name] = outcome = str(error)
            except MemoryError:
                missing[pair.name] = outcome = NO_MEMORY
            except KeyboardInterrupt:
                interrupted = True
                missing[pair.name] = "interrupted"
                break
            listener.end_stage(outcome, 0.0)
    return Explanations(tuple(found), missing, interrupted)


@dataclass(frozen=True, slots=True)
class ProofSettings:
    """What is proven, and how."""

    regions: int = MOST  # the worst ones of each pair; 0: none
    budget_s: float = 10.0  # of blocks for each
    instructions: bool | None = None  # count them as well; None: of regions whose time shows nothing
    seed: int = 0


def times(
    pairing: Pairing,
    suite: Suite,
    results_dir: Path,
    cache_dir: Path,
    proof: ProofSettings = ProofSettings(),
    *,
    base: Mapping[str, str] | None = None,
    head: Mapping[str, str] | None = None,
    rounds: int = ROUNDS,
    listener: Listener | None = None,
    opening: OpenBench = open_arms,
    counts: Callable[[], bool] = can_count,
) -> Explanations[TimeExplanation]:
    """Find the regions that take longer in every pair, and prove the worst of them.

    Each arm is profiled `rounds` times.
    Ctrl-C ends it: what was found is kept. Raises InputError where data is wrong, StoreError.
    """
    check_inputs(case for pair in pairing.pairs for case in (pair.base, pair.head))
    if proof.regions:
        store.check_writable(results_dir)
    listener = listener or Listener()
    found: list[TimeExplanation] = []
    missing: dict[str, str] = {}
    interrupted = False
    with scratch() as work:
        bench = opening(replace(suite, sampling=SHORT), cache_dir, work, measure.describe_machine())
        for number, pair in enumerate(pairing.pairs, 1):
            listener.start_stage("regions", pair.name, number, len(pairing.pairs))
            folder = work / f"pair-{number}"
            timing = Timing(bench, pair, base or {}, head or {}, folder, rounds)
            try:
                one = timing.explain(work)
                found.append(one)
                listener.end_stage(f"{len(one.regions)} regions", 0.0)
                prover = Prover(timing, folder / "pieces")
                found[-1] = _prove(
                    one, prover, suite, results_dir, cache_dir, proof, listener, opening, counts
                )
                if prover.interrupted:
                    raise KeyboardInterrupt
            except CaseError as error:
                missing[pair.name] = str(error)
                listener.end_stage(str(error), 0.0)
            except MemoryError:
                missing[pair.name] = NO_MEMORY
                listener.end_stage(NO_MEMORY, 0.0)
            except KeyboardInterrupt:
                interrupted = True
                if len(found) + len(missing) < number:
                    missing[pair.name] = "interrupted"
                break
    return Explanations(tuple(found), missing, interrupted)


def _prove(
    one: TimeExplanation,
    prover: Prover,
    suite: Suite,
    results_dir: Path,
    cache_dir: Path,
    proof: ProofSettings,
    listener: Listener,
    opening: OpenBench,
    counts: Callable[[], bool],
) -> TimeExplanation:
    """Put the worst regions of a pair through the A/B."""
    chosen = candidates(one.regions, proof.regions, slower=one.change_s > 0)
    if not chosen:
        return one
    settings = ABSettings(
        min_effect=MIN_EFFECT,
        budget_s=proof.budget_s,
        seed=proof.seed,
        metrics=(LATENCY,),
        counted=(INSTRUCTIONS,) if proof.instructions else (),
    )

    def run(regions: Sequence[Region], settings: ABSettings) -> tuple[dict[str, Proof], bool]:
        return prover.prove(
            regions, suite, settings, results_dir, cache_dir, listener=listener, opening=opening
        )

    proofs, trusted = run(chosen, settings)
    notes = one.notes
    if proof.instructions is None and not prover.interrupted and (unclear := undecided(proofs)):
        if counts():
            counting = replace(settings, metrics=(), counted=(INSTRUCTIONS,))
            counted, _ = run([region for region in chosen if region.name in unclear], counting)
            proofs |= {name: with_counts(proofs[name], counted[name]) for name in unclear}
        else:
            notes = (*notes, NOT_COUNTED)
    if (
        proof.instructions
        and any(each.instructions_ratio is None for each in proofs.values())
        and not counts()
    ):
        notes = (*notes, UNCOUNTED)
    regions = tuple(replace(region, proof=proofs.get(region.name)) for region in one.regions)
    return replace(one, regions=regions, trusted=trusted, notes=notes)


def with_counts(timed: Proof, counted: Proof) -> Proof:
    """Return the times of one proof with the counts of another."""
    return replace(
        timed,
        base_instructions=counted.base_instructions,
        head_instructions=counted.head_instructions,
    )


UNCOUNTED = "instructions were not counted: they take valgrind, from the system's packages"
NOT_COUNTED = "where time shows nothing, instructions may: they take valgrind, from the system's packages"


def sensitivity(
    pairing: Pairing,
    suite: Suite,
    results_dir: Path,
    cache_dir: Path,
    *,
    base: Mapping[str, str] | None = None,
    head: Mapping[str, str] | None = None,
    bound_db: float | None = None,
    budget_s: float = 120.0,
    cost_s: float = 10.0,
    seed: int = 0,
    listener: Listener | None = None,
    opening: OpenBench = open_arms,
    clock: Callable[[], float] = monotonic,
) -> Explanations[SensitivityExplanation]:
    """Find the nodes that cost each pair's HEAD its accuracy, and what leaving them out costs in time.

    `budget_s` is for the search of each, `cost_s` for the A/B (0: none). Ctrl-C ends it: what was found is
    kept. Raises InputError where data is wrong, StoreError.
    """
    check_inputs(case for pair in pairing.pairs for case in (pair.base, pair.head))
    if cost_s:
        store.check_writable(results_dir)
    listener = listener or Listener()
    found: list[SensitivityExplanation] = []
    missing: dict[str, str] = {}
    with scratch() as work:
        bench = opening(replace(suite, sampling=FEW), cache_dir, work, measure.describe_machine())
        for number, pair in enumerate(pairing.pairs, 1):
            listener.start_stage("sensitivity", pair.name, number, len(pairing.pairs))
            ends = clock() + budget_s
            try:
                one = explain_sensitivity(
                    bench,
                    pair,
                    base or {},
                    head or {},
                    bound_db=bound_db,
                    until=lambda ends=ends: clock() >= ends,  # type: ignore[misc]
                )
                found.append(one)
                listener.end_stage(f"{one.evaluations} conversions", 0.0)
                if one.exclude and cost_s:
                    nodes = frozenset(one.exclude)
                    took = cost(
                        pair, nodes, suite, results_dir, cache_dir, cost_s,
                        seed=seed, listener=listener, opening=opening,
                    )  # fmt: skip
                    found[-1] = replace(one, cost=took)
            except CaseError as error:
                missing[pair.name] = str(error)
                listener.end_stage(str(error), 0.0)
            except KeyboardInterrupt:
                if len(found) + len(missing) < number:
                    missing[pair.name] = "interrupted"
                return Explanations(tuple(found), missing, interrupted=True)
    return Explanations(tuple(found), missing)
