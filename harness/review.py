"""Look at a stored run: rank its cases, hold it against its gates and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import judge, store
from harness.match import matches
from harness.record import Record
from harness.report import Report
from harness.suite import Gate


def review(
    results_dir: Path, info: store.RunInfo, where: Mapping[str, Sequence[str]] | None = None
) -> Report:
    """Make what a view shows of the run `info`.

    `where` narrows what is shown (a condition as in `harness.match`, in which
    ``status`` counts as an axis), not what it is held against. Raises
    StoreError.
    """
    header = info.header
    records = store.records(results_dir, info.run)
    gates = [Gate(**gate) for gate in header.gates]
    shown = [record for record in records if matches({**record.axes, "status": record.status}, where or {})]
    outcomes = judge.evaluate_gates(gates, shown, _references(results_dir, info, gates))
    whole = judge.report(f"{header.suite}, run {info.run}", records, baseline=header.baseline)
    return judge.narrow(whole, shown, outcomes)


def _references(
    results_dir: Path, info: store.RunInfo, gates: Sequence[Gate]
) -> dict[str, dict[str, Record]]:
    """Read the runs that gates hold this one against."""
    header = info.header
    wanted = {gate.against for gate in gates if gate.max_increase is not None or gate.max_drop is not None}
    runs = {}
    if "previous" in wanted:
        sealed = [item for item in store.runs(results_dir, header.suite, header.machine) if item.sealed]
        earlier = store.previous(sealed, info)
        runs["previous"] = earlier.run if earlier else None
    if "anchor" in wanted:
        runs["anchor"] = store.anchor(results_dir, header.suite, header.machine)
    return {
        name: {record.case: record for record in store.records(results_dir, run)}
        for name, run in runs.items()
        if run
    }
