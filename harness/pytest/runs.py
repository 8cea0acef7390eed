"""Keep what a session measures: one run a suite, written as the reports of its cases arrive."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from harness.core.report import Report
    from harness.store import Journal


@dataclass
class SuiteRun:
    """The run of one suite; unfinished while a cell of it has no record."""

    suite: str  # absolute path
    journal: Journal
    left: set[str]  # keys of the cells that have no record yet


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Runs:
    """The runs of this session, kept by the one process that sees every report."""

    config: pytest.Config
    results_dir: Path
    benchmark_json: Path | None
    runs: dict[str, SuiteRun] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Put a case's record on disk. One that is measured again is not kept twice."""
        record = report.__dict__.pop("harness_record", None)  # pytest itself keeps all reports to the end
        if record is None:
            return
        try:
            self._keep(report.__dict__["harness_suite"], record)
        except HarnessError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)

    def pytest_sessionfinish(self) -> None:
        """Seal the runs that are whole, leave the others to be resumed; write what was asked for."""
        try:
            for run in self.runs.values():
                run.left -= {record.case for record in run.journal.records()}  # an interrupt may precede it
                if run.left:
                    run.journal.close()
                else:
                    run.journal.seal()
            if self.benchmark_json:
                self._write(self.benchmark_json)
        except (HarnessError, OSError) as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the numbers, and where they are kept."""
        from harness.show import render_run

        width = self.config.get_terminal_writer().fullwidth if terminalreporter.isatty else None
        if self.runs:
            terminalreporter.section("benchmarks")
        for run in self.runs.values():
            report = _numbers(self._report(run))
            table = render_run(report, "table", width=width, color=terminalreporter.hasmarkup)
            terminalreporter.write_line(f"{table}\n\nresults: {self._shown(run.journal.folder)}")
            if run.left:
                terminalreporter.write_line(self._unfinished(run))
        if self.benchmark_json:
            terminalreporter.write_line(f"pytest-benchmark: {self._shown(self.benchmark_json)}")

    def _keep(self, suite: str, text: str) -> None:
        from harness.core.record import Record
        from harness.store.lines import decode_line

        run = self.runs.get(suite) or self._begin(suite)
        record = Record.from_json(decode_line(text.encode()))
        if record.case in run.left:
            run.journal.append(replace(record, run=run.journal.run))
            run.left.remove(record.case)

    def _begin(self, suite: str) -> SuiteRun:
        from harness import store
        from harness.plan import plan
        from harness.run.job import environment, header, resolve_rolling_runtimes

        made = resolve_rolling_runtimes(
            plan(Path(suite))
        )  # by the controller of pytest-xdist, which collects nothing itself
        cells = [*made.cases, *(skip.case for skip in made.skips)]
        journal = store.new_run(self.results_dir, header(made, environment(made)))
        self.runs[suite] = SuiteRun(suite, journal, {cell.key for cell in cells})
        return self.runs[suite]

    def _unfinished(self, run: SuiteRun) -> str:
        results = self._shown(self.results_dir)
        where = [] if results == "results" else ["--results", results]
        command = shlex.join(["harness", "run", self._shown(Path(run.suite)), "--resume", *where])
        cells = f"{len(run.left)} of {run.journal.header.cases} cells"
        return f"unfinished: {cells} were not run; measure them with: {command}"

    def _shown(self, path: Path) -> str:
        here = self.config.invocation_params.dir
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    def _report(self, run: SuiteRun) -> Report:
        from harness import store
        from harness.run.review import review

        return review(self.results_dir, store.find_run(self.results_dir, run.journal.run))

    def _write(self, path: Path) -> None:
        from harness.judge import report
        from harness.show import render_run
        from harness.store.files import write_file

        records = [record for run in self.runs.values() for record in self._report(run).records]
        write_file(path, render_run(report("", records), "pytest-benchmark"))


def _numbers(report: Report) -> Report:
    """Leave out what pytest itself shows: which cases failed, at which gate, or were skipped."""
    from harness.core.report import Outcome  # a session that measures nothing pays nothing

    measured = {row.record.case for row in report.rows if row.rank}
    return replace(
        report,
        records=tuple(record for record in report.records if record.case in measured),
        gates=tuple(
            gate for gate in report.gates if gate.case in measured and gate.outcome is Outcome.NO_DATA
        ),
    )
