"""A suite as a test file: every cell of its plan is an item."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.errors import HarnessError, InputError
from harness.core.record import BAD, Status
from harness.pytest.paths import RECORD, cache_dir, results_dir

if TYPE_CHECKING:
    from harness.core.case import Case
    from harness.core.record import Record
    from harness.core.report import GateOutcome
    from harness.core.suite import Plan, Skip
    from harness.run.bench import Bench


class SuiteFile(pytest.File):
    """A suite, and what its cases share."""

    def collect(self) -> Iterator[CellItem]:
        """Give an item for every case, in the order in which they run, and for every skip."""
        try:
            plan = self.plan
        except InputError as error:
            raise self.CollectError(str(error)) from None
        for case in plan.cases:
            yield CaseItem.from_parent(self, case=case)
        for skip in plan.skips:
            yield SkipItem.from_parent(self, skip=skip)

    @cached_property
    def plan(self) -> Plan:
        """The suite's plan. Raises InputError."""
        from harness.plan import plan

        here = Path.cwd()
        return plan(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)

    @cached_property
    def cases(self) -> dict[str, Case]:
        """The cases as they are measured, by key: the first one asks what ``latest`` and ``nightly`` are.

        Raises InputError, CaseError.
        """
        from harness.run.job import resolve_rolling_runtimes

        return {case.key: case for case in resolve_rolling_runtimes(self.plan).cases}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What is known of the machine, and the commit of the suite's repository."""
        from harness.run.job import environment

        return environment(self.plan)

    @cached_property
    def bench(self) -> Bench:
        """What all cases share while the session lasts. Raises InputError."""
        from harness.build.scratch import scratch
        from harness.run.bench import open_bench

        stack = ExitStack()
        self.config.add_cleanup(stack.close)
        work = stack.enter_context(scratch())
        return open_bench(self.plan.suite, cache_dir(self.config), work, self.environment)

    @cached_property
    def references(self) -> dict[str, dict[str, Record]]:
        """The runs that gates compare this one with. Raises StoreError."""
        from harness.run.review import references
        from harness.store import Header

        about = Header(suite=self.plan.suite.name, machine=str(self.environment["machine"]))
        return references(results_dir(self.config), about, self.plan.suite.gates)

    def failed_gates(self, record: Record) -> list[GateOutcome]:
        """Compare `record` with the suite's gates; one that has no data has not failed."""
        from harness.judge import evaluate_gates

        outcomes = evaluate_gates(self.plan.suite.gates, [record], self.references)
        return [outcome for outcome in outcomes if outcome.failed]


class CellItem(pytest.Item):
    """One cell of a plan; its name is the case's key."""

    parent: SuiteFile

    def __init__(self, *, parent: SuiteFile, cell: Case) -> None:
        super().__init__(cell.key, parent)
        self.add_marker(pytest.mark.harness(**cell.axes))

    @abstractmethod
    def record(self) -> Record:
        """Find out what is to be known of the cell."""

    def runtest(self) -> None:
        """Pass where the case was measured and every gate held; else say why, without a traceback."""
        from harness.store.lines import encode

        try:
            record = self.record()
            self.stash[RECORD] = encode(record).decode()
            broken = self.parent.failed_gates(record)
        except HarnessError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        for stream in ("stdout", "stderr") if record.status in BAD else ():
            if printed := getattr(record, stream):
                self.add_report_section("call", f"{stream} of the worker", printed)
        if record.status in BAD:
            pytest.fail(f"{record.status}: {record.reason}", pytrace=False)
        if record.status is not Status.OK:
            pytest.skip(f"{record.status}: {record.reason}")
        if broken:
            pytest.fail("\n".join(f"{gate.gate}: {gate.reason}" for gate in broken), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where the case comes from."""
        return self.path, None, self.name


class CaseItem(CellItem):
    """A case, to be measured."""

    def __init__(self, *, parent: SuiteFile, case: Case) -> None:
        super().__init__(parent=parent, cell=case)
        self.case = case

    def record(self) -> Record:
        """Measure the case."""
        return self.parent.bench.measure(self.parent.cases[self.case.key])


class SkipItem(CellItem):
    """A cell that the suite leaves out."""

    def __init__(self, *, parent: SuiteFile, skip: Skip) -> None:
        super().__init__(parent=parent, cell=skip.case)
        self.skip = skip

    def record(self) -> Record:
        """Record that the cell is left out, and why."""
        return self.parent.bench.skipped(self.skip)
