"""The main loop: plan -> build -> measure -> judge -> store.

A case ends as one record, whatever happens to it. The record is on disk
before the next case begins, so that a run can be stopped at any moment and
taken up again.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from harness import measure, store
from harness.bench import Bench
from harness.record import Record
from harness.suite import Plan


class Watch(Protocol):
    """Whoever shows how far a run is."""

    def start(self, case: str) -> None:
        """Hear that `case` begins."""

    def done(self, record: Record) -> None:
        """Hear how a case ended."""


class Silent:
    """Show nothing."""

    def start(self, case: str) -> None:
        """Say nothing."""

    def done(self, record: Record) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind: all its records in plan order, the resumed part included."""

    run: str
    folder: Path
    records: tuple[Record, ...]
    interrupted: bool


def run(
    plan: Plan,
    results_dir: Path,
    cache_dir: Path,
    *,
    resume: store.Journal | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Measure every case of `plan` that `resume` does not hold yet, and seal the run.

    Ctrl-C ends the loop, not the run: what was measured is kept, unsealed.
    Raises InputError where data is wrong, StoreError where results cannot be kept.
    """
    watch = watch or Silent()
    machine = {**measure.describe_machine(), "git": measure.git_commit(_folder_of(plan))}
    with tempfile.TemporaryDirectory(prefix="harness-") as work:
        bench = Bench(plan.suite, "", cache_dir, Path(work), machine)
        with resume or store.new_run(results_dir, _header(plan, machine)) as journal:
            bench.run = journal.run
            try:
                _measure_all(plan, bench, journal, watch)
                journal.seal()
            except KeyboardInterrupt:
                return Outcome(journal.run, journal.folder, tuple(journal.records()), interrupted=True)
            records = store.records(results_dir, run=journal.run)
    return Outcome(journal.run, journal.folder, tuple(records), interrupted=False)


def find_unfinished(plan: Plan, results_dir: Path) -> store.Journal | None:
    """Take up the newest unfinished run of this very plan, if there is one."""
    return store.resume(results_dir, plan.suite.name, _plan_hash(plan))


def _measure_all(plan: Plan, bench: Bench, journal: store.Journal, watch: Watch) -> None:
    known = {record.case for record in journal.records()}
    for skip in plan.skips:
        if skip.case.key not in known:
            journal.append(bench.skipped(skip))
    for case in plan.cases:
        if case.key not in known:
            watch.start(case.key)
            record = bench.measure(case)
            journal.append(record)
            watch.done(record)


def _header(plan: Plan, machine: dict[str, Any]) -> store.Header:
    return store.Header(
        suite=plan.suite.name,
        suite_path=plan.suite.path,
        suite_text=plan.suite.text,
        plan_hash=_plan_hash(plan),
        cases=len(plan.cases) + len(plan.skips),
        command=tuple(sys.argv),
        harness=version("onnx-harness"),
        commit=machine["git"].get("commit", ""),
        machine=str(machine["machine"]),
        environment=machine,
    )


def _folder_of(plan: Plan) -> Path:
    """The folder whose repository the suite belongs to."""
    return Path(plan.suite.path).parent if plan.suite.path else Path.cwd()


def _plan_hash(plan: Plan) -> str:
    """Identify what is measured: the cases in full, not only their names, and how."""
    cases = [repr(case) for case in plan.cases]
    return store.plan_hash(cases, {**asdict(plan.suite.sampling), **asdict(plan.suite.measure)})
