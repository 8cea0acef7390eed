"""`harness plan`: what a suite comes to."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import format_option, plan_options, results_option


@click.command(
    epilog="""\b
Examples:
  harness plan suites/quickstart.yaml
  harness plan suites/nightly.yaml --only model=digits_cnn --set axes.batch=1,8
  harness plan suites/nightly.yaml --format json | jq length
"""
)
@plan_options
@results_option
@format_option("table", "json", "csv")
def plan(suite: Path, overrides: tuple[str, ...], only: tuple[str, ...], results_dir: Path, view: str) -> int:
    """Show the cases of SUITE, what would be built, what is skipped and how long it takes."""
    from harness import store
    from harness.plan import estimate
    from harness.plan import plan as make_plan
    from harness.show.plan import render_plan

    made = make_plan(suite, overrides=overrides, only=only)
    known = store.durations(results_dir, made.suite.name) if (results_dir / "runs").is_dir() else {}
    click.echo(render_plan(made, estimate(made, known), view, tty=sys.stdout.isatty()))
    return 0
