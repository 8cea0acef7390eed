"""`harness run`: measure a suite."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from harness.cli.options import (
    RECORD_FORMATS,
    cache_option,
    format_option,
    handed,
    plan_options,
    print_report,
    results_option,
    shard_of,
    shard_option,
)
from harness.core.report import Report
from harness.core.suite import Plan


@click.command(
    epilog="""\b
Examples:
  harness run suites/quickstart.yaml
  harness run suites/nightly.yaml --only model=digits_cnn --format json > records.json
  harness run suites/quickstart.yaml --set axes.batch=1,8 --set sampling.processes=5
  harness run suites/nightly.yaml --resume
  harness run suites/nightly.yaml --shard 1/4 --results results/shard-1
"""
)
@plan_options
@click.option("--resume", is_flag=True, help="Take up the newest unfinished run of this very plan.")
@shard_option
@results_option
@cache_option
@format_option(*RECORD_FORMATS)
def run(
    suite: Path,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    resume: bool,
    shard: str | None,
    results_dir: Path,
    cache_dir: Path,
    view: str,
) -> int:
    """Measure every case of SUITE and store a record of each."""
    from harness.plan import plan

    made = shard_of(plan(suite, overrides=overrides, only=only), shard)
    return measure_and_print(made, results_dir, cache_dir, view, resume=resume)


def measure_and_print(
    plan: Plan, results_dir: Path, cache_dir: Path, view: str, *, resume: bool = False
) -> int:
    """Run `plan` with progress on standard error, print the result, and give the exit code."""
    from harness import store
    from harness.plan import estimate
    from harness.run.bench import open_bench
    from harness.run.job import run as measure_all
    from harness.run.review import review
    from harness.show.progress import Progress

    expected = estimate(plan, store.durations(results_dir, plan.suite.name))
    outcome = measure_all(
        plan,
        results_dir,
        cache_dir,
        resume=resume,
        listener=Progress(expected.seconds),
        opening=handed("open_bench", open_bench),
    )
    if not outcome.folder.exists():
        click.echo("interrupted before anything was measured", err=True)
        return 130
    report = review(results_dir, store.find_run(results_dir, outcome.run))
    print_report(report, view)
    click.echo(f"results: {outcome.folder}", err=True)
    if outcome.left:
        click.echo(f"interrupted: {outcome.left} of {len(plan.cases)} cases are left", err=True)
        click.echo("next:    the same command with --resume measures them", err=True)
        return 130
    if resume and not outcome.measured:
        click.echo("resumed: every case had been measured already", err=True)
    name = program()
    where = "" if results_dir == Path("results") else f" --results {shlex.quote(str(results_dir))}"
    click.echo(
        f"next:    {name} show --format markdown{where}; {name} repro CASE{where}; {name} run --help",
        err=True,
    )
    return exit_code(report)


def program(called: str = "") -> str:
    """Give the words that call this program again: `harness`, or its path where PATH does not find it."""
    called, found = called or sys.argv[0], shutil.which("harness")
    if Path(called).name != "harness" or (found and os.path.realpath(found) == os.path.realpath(called)):
        return "harness"
    return shlex.quote(called)


def exit_code(report: Report) -> int:
    """Give 1 where a gate failed, else 3 where a case failed, a gate has no data or nothing was measured."""
    if any(outcome.failed for outcome in report.gates):
        return 1
    return 0 if report.complete else 3
