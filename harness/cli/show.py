"""`harness show`: stored results."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import results_option, view_option


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
    help="Keep only the cases that match; also status=ok; may be repeated, globs allowed.",
)
@click.option("--runs", "list_runs", is_flag=True, help="List the stored runs instead.")
@view_option
@results_option
def show(
    run: str, suite: str | None, only: tuple[str, ...], list_runs: bool, view: str, results_dir: Path
) -> int:
    """Show the records of RUN: an id or its beginning, latest, previous, anchor, a date or a git revision."""
    from harness import judge, store
