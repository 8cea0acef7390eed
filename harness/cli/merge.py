"""`harness merge`: runs of several folders in one."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import format_option, results_option


@click.command(
    epilog="""\b
Examples:
  harness merge shard-1/results shard-2/results
  harness merge artifacts/*/results --results nightly-results --format json
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(path_type=Path))
@format_option()
@results_option
def merge(sources: tuple[Path, ...], view: str, results_dir: Path) -> int:
    """Copy the finished runs of every SOURCE, a results folder, into one; again gives the same.

    Exit code 3 where a run stays behind: one that is not finished, or is damaged.
    """
    from harness import store
    from harness.show.escape import visible
    from harness.show.rows import render_rows

    done = store.merge(sources, results_dir)
    rows = [
        {"run": run, "outcome": outcome}
        for outcome, runs in (("copied", done.copied), ("there already", done.present))
        for run in dict.fromkeys(runs)
    ]
    if text := render_rows(rows, view):
        click.echo(text)
    for run in dict.fromkeys(done.unfinished):
        click.echo(f"run {run} is not finished and stays where it is", err=True)
    for line in done.damaged:
        click.echo(f"left behind: {visible(line)}", err=True)
    return 3 if done.unfinished or done.damaged else 0
