"""Compare two stored runs with each other: find them, learn the noise between runs, judge."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import judge, store
from harness.ab.model import ABSettings
from harness.compare.confirmed import CALLS, carried, is_open, with_confirmation
from harness.compare.decide import compare_records
from harness.compare.noise import RUNS, noise_between
from harness.core.conditions import fits, matches
from harness.core.decision import Cause, Change, MetricComparison, RunComparison, RunSide, worst_first
from harness.core.errors import InputError, NotFoundError
from harness.core.listener import Listener
from harness.core.metrics import Evidence, specs_for
from harness.core.record import BAD, Record, Status
from harness.core.registry import closest
from harness.core.report import NoData
from harness.core.suite import Gate, Plan
from harness.judge.causes import changed, facts_of
from harness.judge.gates import beside_comparisons, with_evidence

if TYPE_CHECKING:
    from harness.compare.confirm import Confirmation


def find_pair(
    results_dir: Path, base: str, head: str, suite: str | None = None
) -> tuple[store.RunInfo, store.RunInfo]:
    """Find the runs that `base` and `head` name, as `harness.store.find_run` knows them.

    ``previous`` and ``anchor`` as BASE are those of HEAD. Other names of BASE
    mean a run of HEAD's suite and machine where there is one. Raises
    NotFoundError, InputError where both are the same run.
    """
    ours = store.find_run(results_dir, head, suite=suite)
    theirs = _find_base(results_dir, base, ours)
    if theirs.run == ours.run:
        raise InputError(f"BASE ({base}) and HEAD ({head}) are both run {ours.run}; name two runs")
    return theirs, ours


def _find_base(results_dir: Path, name: str, head: store.RunInfo) -> store.RunInfo:
    alike = {"suite": head.header.suite, "machine": head.header.machine}
    if name == "previous":
        sealed = [item for item in store.runs(results_dir, **alike) if item.sealed]
        found = store.previous(sealed, head)
        if found is None:
            raise NotFoundError(f"no finished run before {head.run} of the same suite and machine")
        return found
    try:
        return store.find_run(results_dir, name, **alike)
    except NotFoundError:
        if name == "anchor":
            raise
        return store.find_run(results_dir, name)


def compare_runs(
    results_dir: Path,
    base: store.RunInfo,
    head: store.RunInfo,
    *,
    where: Mapping[str, Sequence[str]] | None = None,
    metrics: Sequence[str] = (),
    min_effect: float = 0.01,
    gated: str | None = None,
) -> RunComparison:
    """Decide every metric of every case that two runs share.

    `where` is a condition on axes as in `harness.core.conditions`, `metrics` are names
    or globs: nothing else is tested. With `gated`, the gates against that
    reference alone are evaluated, else all. Raises NotFoundError where there is
    nothing to compare, StoreError.
    """
    whole = [store.records(results_dir, info.run) for info in (base, head)]
    _check(metrics, [record for side in whole for record in side])
    ours, theirs = ([item for item in side if matches(item.axes, where or {})] for side in whole)
    shared = {record.case for record in ours} & {record.case for record in theirs}
    if not shared:
        that = " that --only leaves" if where else ""
        raise NotFoundError(f"runs {base.run} and {head.run} have no case in common{that}")
    compared = compare_records(
        ours,
        theirs,
        min_effect=min_effect,
        metrics=metrics or ("*",),
        noise=_noise(results_dir, head, [record for record in theirs if record.case in shared]),
    )
    asked = [Gate(**gate) for gate in head.header.gates]
    gates = [replace(gate, against="base") for gate in asked if gated in (None, gate.against)]
    outcomes = judge.evaluate_gates(gates, theirs, {"base": {record.case: record for record in ours}})
    return RunComparison(
        base=_side(base, len(whole[0])),
        head=_side(head, len(whole[1])),
        compared=compared,
        gates=beside_comparisons(outcomes, {"base": compared.comparisons}),
        bad={record.case: f"{record.status}: {record.reason}" for record in theirs if record.status in BAD},
        causes=_causes(ours, theirs),
    )


def confirm_suspects(
    contrast: RunComparison,
    results_dir: Path,
    cache_dir: Path,
    *,
    min_effect: float = 0.01,
    budget_s: float = 300.0,
    listener: Listener | None = None,
    confirm: Callable[..., Confirmation] | None = None,
) -> RunComparison:
    """Run an A/B of every case whose timings or memory look worse, and let it decide.

    So it does for gates that ask for one and that the stored numbers fail.
    `budget_s` is for all of them, the worst first. Raises InputError where
    HEAD's suite cannot be planned any more, StoreError. Ctrl-C ends the A/B,
    not what is known by then: the contrast is marked interrupted.
    """
    from harness.compare.confirm import confirm as confirm_by_ab  # a plain comparison measures nothing

    confirm = confirm or confirm_by_ab

    gates = [Gate(**gate) for gate in store.find_run(results_dir, contrast.head.run).header.gates]
    gated = {(gate.case, gate.metric) for gate in contrast.gates if gate.no_data is NoData.UNCONFIRMED}
    suspects = [item for item in contrast.compared.comparisons if _is_tried(item, gated)]
    if not suspects:
        return replace(contrast, notes=("A/B: nothing looks worse, so none was run",))
    sides = [
        {record.case: record for record in store.records(results_dir, side.run)}
        for side in (contrast.base, contrast.head)
    ]
    pairs = [(sides[0][case], sides[1][case]) for case in dict.fromkeys(item.case for item in suspects)]
    limits = [gate.max_increase for gate in gates if gate.confirm and gate.max_increase is not None]
    settings = ABSettings(min_effect=min([min_effect, *limits]), seed=secrets.randbelow(2**32))
    plan = _plan(store.find_run(results_dir, contrast.head.run))
    try:
        confirmed = confirm(
            plan, pairs, results_dir, cache_dir, settings=settings, budget_s=budget_s, listener=listener
        )
    except KeyboardInterrupt:  # while what it takes was made ready
        return replace(contrast, notes=("interrupted before the A/B began",), interrupted=True)
    base, head = zip(*pairs, strict=True)
    calls = compare_records(base, head, metrics=CALLS).comparisons
    retested = _with_confirmation(contrast, confirmed, carried(calls), gated)
    based = [replace(gate, against="base") for gate in gates]
    return replace(
        retested, gates=with_evidence(retested.gates, based, {"base": retested.compared.comparisons})
    )


def _is_tried(item: MetricComparison, gated: Collection[tuple[str, str]]) -> bool:
    return is_open(item) or (item.case, item.metric) in gated


def _with_confirmation(
    contrast: RunComparison,
    confirmed: Confirmation,
    moved: Mapping[str, float],
    gated: Collection[tuple[str, str]],
) -> RunComparison:
    """Let an A/B decide about the suspects and the gates that ask for it, where it is to be trusted.

    What it shows to be worse beside them, as the p50 of a case whose memory was the suspect, counts as well.
    """
    result, looked = confirmed.result, contrast.compared.comparisons
    if result is None:
        notes = ["A/B: none could be run"]
    else:
        notes = (
            ["interrupted: what the A/B did not measure keeps its stored verdict"]
            if result.interrupted
            else []
        )
        notes.append(f"A/B: raw samples in {result.file}")
        contrast = replace(
            contrast,
            interrupted=result.interrupted or confirmed.interrupted,
            blames=confirmed.blames,
            unexplained=confirmed.unexplained,
        )
        if not result.trusted and result.control is not None:
            notes[-1] = f"A/B not trusted, the stored verdicts are kept: {result.control.reason}"
            return replace(contrast, notes=tuple(notes))
    worse = {where for where, found in confirmed.decisions.items() if found.verdict is Change.REGRESSION}
    tried = [item for item in looked if _is_tried(item, gated) or (item.case, item.metric) in worse]
    comparisons = [
        with_confirmation(item, confirmed.decisions, confirmed.left, moved) if item in tried else item
        for item in looked
    ]
    return replace(
        contrast,
        compared=replace(contrast.compared, comparisons=worst_first(comparisons)),
        retested=tuple((item.case, item.metric) for item in tried),
        notes=tuple(notes),
    )


def _plan(info: store.RunInfo) -> Plan:
    """Plan the cases of a stored run again, from the text that is stored with it."""
    import yaml

    from harness.plan import plan_document

    header = info.header
    folder = Path(header.suite_path).parent if header.suite_path else Path.cwd()
    return plan_document(yaml.safe_load(header.suite_text), folder, header.suite)


def _check(metrics: Sequence[str], records: Sequence[Record]) -> None:
    known = [name for name, row in specs_for(records).items() if row.evidence is not Evidence.NONE]
    for pattern in metrics:
        if not any(fits(name, [pattern]) for name in known):
            raise NotFoundError(f"--metric {pattern}: runs are not compared by it; {closest(pattern, known)}")


def _noise(results_dir: Path, head: store.RunInfo, records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Learn from the newest runs before HEAD how much each case differs from run to run."""
    found = store.runs(results_dir, head.header.suite, head.header.machine)
    before = [item.run for item in found if item.sealed and item.run < head.run][-RUNS:]
    measured = [record for record in records if record.status is Status.OK]
    outlines = store.outlines(results_dir, [(run, record.case) for run in before for record in measured])
    return {
        record.case: noise_between(
            record, [outlines[run, record.case] for run in before if (run, record.case) in outlines]
        )
        for record in measured
    }


def _causes(base: Sequence[Record], head: Sequence[Record]) -> dict[Cause, tuple[str, ...]]:
    """Return what may explain a difference, each with the cases that it is true of."""
    earlier = {record.case: record for record in base}
    found: dict[Cause, tuple[str, ...]] = {}
    for record in head:
        if record.case in earlier:
            for change in changed(facts_of(earlier[record.case]), facts_of(record)):
                found[change] = (*found.get(change, ()), record.case)
    return found


def _side(info: store.RunInfo, records: int) -> RunSide:
    header = info.header
    state = "being measured" if info.live else "unfinished"
    unfinished = "" if info.sealed else f"{state}, {records} of {header.cases} cases so far"
    return RunSide(info.run, header.suite, header.started_at, header.commit, header.dirty, unfinished)
