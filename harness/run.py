"""The main loop: plan -> build -> measure -> judge -> store.

A case ends as one record, whatever happens to it. The record is on disk
before the next case begins, so that a run can be stopped at any moment and
taken up again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from harness import judge, measure, store
from harness.bench import Bench
from harness.case import Case
from harness.errors import InputError
from harness.record import Record
from harness.report import Report
from harness.suite import Plan


class Watch(Protocol):
    """Whoever shows how far a run is."""

    def start(self, case: str) -> None:
        """Hear that `case` begins."""

    def done(self, record: Record) -> None:
        """Hear how a case ended."""


class Silent:
    """A watch that says nothing."""

    def start(self, case: str) -> None:
        """Say nothing."""

    def done(self, record: Record) -> None:
        """Say nothing."""


Watching = Callable[[int, int], AbstractContextManager[Watch]]
"""Make a watch of the cases to measure and of how many of them are measured already."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind: all its records, those of an earlier part included."""

    folder: Path
    records: tuple[Record, ...]
    left: int  # cases not measured: the run was interrupted, and can be resumed


def run(
    plan: Plan,
    results_dir: Path,
    cache_dir: Path,
    *,
    resume: bool = False,
    watching: Watching = lambda total, finished: nullcontext(Silent()),
) -> Outcome:
    """Measure every case of `plan` and seal the run; with `resume`, those that an unfinished run lacks.

    Ctrl-C ends the loop, not the run: what was measured is kept, unsealed.
    Raises InputError where data is wrong or there is nothing to resume,
    StoreError where results cannot be kept.
    """
    machine = {**measure.describe_machine(), "git": measure.git_commit(_folder_of(plan))}
    with tempfile.TemporaryDirectory(prefix="harness-") as work:
        bench = Bench(plan.suite, cache_dir, Path(work), machine)
        with _open(plan, results_dir, machine, resume) as journal:
            known = {record.case for record in journal.records()}
            todo = [case for case in plan.cases if case.key not in known]
            measured = 0
            try:
                for skip in plan.skips:
                    if skip.case.key not in known:
                        journal.append(bench.skipped(skip, journal.run))
                with watching(len(plan.cases), len(plan.cases) - len(todo)) as watch:
                    for case in todo:
                        watch.start(case.key)
                        record = bench.measure(case, journal.run)
                        journal.append(record)
                        measured += 1
                        watch.done(record)
                records = tuple(journal.records())
                journal.seal()
            except KeyboardInterrupt:
                records = tuple(journal.records())
            return Outcome(journal.folder, records, left=len(todo) - measured)


def conclude(plan: Plan, outcome: Outcome, results_dir: Path) -> Report:
    """Rank what was measured, and hold it against the gates and the runs that they name."""
    order = {key: index for index, key in enumerate(cell.key for cell in _cells(plan))}
    records = sorted(outcome.records, key=lambda record: order.get(record.case, len(order)))
    references = _references(plan, outcome, results_dir)
    return judge.report(
        f"{plan.suite.name}, run {outcome.folder.name}",
        records,
        baseline=plan.suite.baseline,
        gates=judge.evaluate_gates(plan.suite.gates, records, references),
    )


def _references(plan: Plan, outcome: Outcome, results_dir: Path) -> dict[str, dict[str, Record]]:
    """Read the runs that gates hold this one against, where there are any."""
    wanted = {gate.against for gate in plan.suite.gates if gate.max_increase or gate.max_drop}
    machine = next((record.machine for record in outcome.records), "")
    runs = [item for item in store.runs(results_dir, plan.suite.name, machine) if item.sealed]
    this = next((item for item in runs if item.folder == outcome.folder), None)
    earlier = store.previous(runs, this) if this else None
    found = {
        "previous": earlier.run if earlier else None,
        "anchor": store.anchor(results_dir, plan.suite.name, machine),
    }
    return {
        name: {record.case: record for record in store.records(results_dir, run)}
        for name, run in found.items()
        if name in wanted and run
    }


def _open(plan: Plan, results_dir: Path, machine: dict[str, Any], resume: bool) -> store.Journal:
    if not resume:
        return store.new_run(results_dir, _header(plan, machine))
    journal = store.resume(results_dir, plan.suite.name, _plan_hash(plan))
    if journal is None:
        raise InputError(f"--resume: {results_dir} has no unfinished run of this plan; begin one without it")
    return journal


def _header(plan: Plan, machine: dict[str, Any]) -> store.Header:
    return store.Header(
        suite=plan.suite.name,
        suite_path=plan.suite.path,
        suite_text=plan.suite.text,
        plan_hash=_plan_hash(plan),
        cases=len(_cells(plan)),
        command=tuple(sys.argv),
        harness=version("onnx-harness"),
        commit=machine["git"].get("commit", ""),
        machine=str(machine["machine"]),
        environment=machine,
    )


def _cells(plan: Plan) -> list[Case]:
    """The cases and the cells that are skipped."""
    return [*plan.cases, *(skip.case for skip in plan.skips)]


def _folder_of(plan: Plan) -> Path:
    """Name the folder whose repository the suite belongs to."""
    return Path(plan.suite.path).parent if plan.suite.path else Path.cwd()


def _plan_hash(plan: Plan) -> str:
    """Identify what is measured: the cases in full, not only their names, and how."""
    cases = [repr(case) for case in plan.cases]
    return store.plan_hash(cases, {**asdict(plan.suite.sampling), **asdict(plan.suite.measure)})
