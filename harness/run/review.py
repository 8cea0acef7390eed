"""Look at a stored run: rank its cases, compare it with its gates and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import judge, store
from harness.core.conditions import matches
from harness.core.record import Record
from harness.core.report import GateOutcome, NoData, Reference, Report, Setting
from harness.core.suite import Gate
from harness.store.integrity import sound


def review(
    results_dir: Path, info: store.RunInfo, where: Mapping[str, Sequence[str]] | None = None
) -> Report:
    """Make what a view shows of the run `info`.

    `where` narrows what is shown (a condition as in `harness.core.conditions`, in which
    ``status`` counts as an axis), not what it is compared with. Raises
    StoreError.
    """
    header = info.header
    records = store.records(results_dir, info.run)
    gates = [Gate(**gate) for gate in header.gates]
    shown = [record for record in records if matches({**record.axes, "status": record.status}, where or {})]
    found = references(results_dir, header, gates)
    outcomes = judge.evaluate_gates(gates, shown, found)
    if "anchor" not in found and any(gate.against == "anchor" for gate in gates):
        outcomes = _without_anchor(outcomes, results_dir, info)
    whole = judge.report(f"{header.suite}, run {info.run}", records, baseline=header.baseline)
    return replace(judge.narrow(whole, shown, outcomes), description=header.description)


def references(
    results_dir: Path, header: store.Header, gates: Sequence[Gate]
) -> dict[str, dict[str, Record]]:
    """Read the runs that `gates` compare the run of `header` with, one that has not begun included.

    A run that there is none of, or that is gone or damaged, is not in the answer. Raises StoreError.
    """
    wanted = {gate.against for gate in gates if gate.max_increase is not None or gate.max_drop is not None}
    known = store.runs(results_dir, header.suite, header.machine) if wanted else []
    runs = {}
    if "previous" in wanted:
        sealed = (item for item in reversed(known) if item.sealed)
        before = (item for item in sealed if item.run < header.run or not header.run)
        runs["previous"] = next((item.run for item in before if sound([item])), None)
    if "anchor" in wanted:
        pinned = store.anchor(results_dir, header.suite, header.machine)
        runs["anchor"] = next((item.run for item in known if item.run == pinned and sound([item])), None)
    return {
        name: {record.case: record for record in store.records(results_dir, run)}
        for name, run in runs.items()
        if run
    }


def _without_anchor(
    outcomes: Sequence[GateOutcome], results_dir: Path, info: store.RunInfo
) -> tuple[GateOutcome, ...]:
    """Return why gates lack the anchor; only a first run has a reason to."""
    header = info.header
    pinned = store.anchor(results_dir, header.suite, header.machine)
    earlier = [
        item
        for item in store.runs(results_dir, header.suite, header.machine)
        if item.sealed and item.run < info.run
    ]
    if pinned is None and not earlier:
        return tuple(outcomes)
    why = f"the anchor's run {pinned} is gone or damaged" if pinned else "no run is pinned as the anchor"
    newest = earlier[-1].run if earlier else info.run

    def explained(outcome: GateOutcome) -> GateOutcome:
        lacks_it = outcome.against is Reference.ANCHOR and outcome.no_data is NoData.FIRST_RUN
        if not lacks_it:
            return outcome
        pin = Setting("harness anchor set", newest)
        return replace(outcome, reason=why, no_data=NoData.NO_REFERENCE, setting=pin)

    return tuple(map(explained, outcomes))
