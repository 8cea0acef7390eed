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
    outcomes = judge.evaluate_gates(gates, shown, references(results_dir, header, gates))
    whole = judge.report(f"{header.suite}, run {info.run}", records, baseline=header.baseline)
    return judge.narrow(whole, shown, outcomes)


def references(
    results_dir: Path, header: store.Header, gates: Sequence[Gate]
) -> dict[str, dict[str, Record]]:
    """Read the runs that `gates` hold the run of `header` against, one that has not begun included.

    Raises StoreError.
    """
    wanted = {gate.against for gate in gates if gate.max_increase is not None or gate.max_drop is not None}
    runs = {}
    if "previous" in wanted:
        found = store.runs(results_dir, header.suite, header.machine)
        sealed = [item.run for item in found if item.sealed and (item.run < header.run or not header.run)]
        runs["previous"] = sealed[-1] if sealed else None
    if "anchor" in wanted:
        runs["anchor"] = store.anchor(results_dir, header.suite, header.machine)
    return {
        name: {record.case: record for record in store.records(results_dir, run)}
        for name, run in runs.items()
        if run
    }
