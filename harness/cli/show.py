"""`harness show`: stored results."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import RECORD_FORMATS, format_option, print_report, results_option
from harness.core.errors import NotFoundError


@click.command(
    epilog="""\b
Examples:
  harness show
  harness show latest --only model=digits_cnn --only precision=int8_*
  harness show 20261123T140732Z-3f2a1c --format json | jq '.[].case'
  harness show --runs
"""
)
@click.argument("run", default="latest")
@click.option("--suite", help="Only runs of this suite.")
@click.option(
    "--only",
    multiple=True,
    metavar="AXIS=VALUE[,VALUE]",
    help="Keep only the cases that match; status is an axis too; may be repeated, globs allowed.",
)
@click.option("--runs", "list_runs", is_flag=True, help="List the stored runs instead.")
@format_option(*RECORD_FORMATS)
@results_option
def show(
    run: str, suite: str | None, only: tuple[str, ...], list_runs: bool, view: str, results_dir: Path
) -> int:
    """Show the records of RUN: an id or its beginning, latest, previous, anchor, a date or a git revision."""
    from harness import store
    from harness.core.conditions import parse_conditions
    from harness.run.review import review

    if list_runs:
        return _list(results_dir, suite, view)
    found = store.find_run(results_dir, run, suite=suite)
    report = review(results_dir, found, parse_conditions(only))
    if not report.records:
        raise NotFoundError(f"run {found.run} has no case that matches {' '.join(only)}")
    print_report(report, view)
    return 0


def _list(results_dir: Path, suite: str | None, view: str) -> int:
    from harness import store
    from harness.show.rows import render_rows

    rows = [
        {
            "run": item.run,
            "suite": item.header.suite,
            "cases": item.header.cases,
            "state": "sealed" if item.sealed else "running" if item.live else "unfinished",
            "commit": item.header.commit[:10],
            "machine": item.header.machine,
        }
        for item in store.runs(results_dir, suite)
    ]
    if not rows:
        click.echo(f"{results_dir}: no runs yet; measure one with 'harness run SUITE'", err=True)
    click.echo(render_rows(rows, view))
    return 0
