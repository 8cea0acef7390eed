"""`harness run`: measure a suite."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import cache_option, format_option, plan_options, results_option
from harness.suite import Plan


@click.command(
    epilog="""\b
Examples:
  harness run suites/quickstart.yaml
  harness run suites/nightly.yaml --only model=digits_cnn --format json > records.json
  harness run suites/quickstart.yaml --set axes.batch=1,8 --set sampling.processes=5
  harness run suites/nightly.yaml --resume
"""
)
@plan_options
@click.option("--resume", is_flag=True, help="Take up the newest unfinished run of this suite.")
@results_option
@cache_option
@format_option()
def run(
    suite: Path,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    resume: bool,
    results_dir: Path,
    cache_dir: Path | None,
    view: str,
) -> int:
    """Measure every case of SUITE and store a record of each."""
    from harness.plan import plan

    return measure_and_print(plan(suite, overrides=overrides, only=only), results_dir, cache_dir, view, resume)


def measure_and_print(
    plan: Plan, results_dir: Path, cache_dir: Path | None, view: str, resume: bool = False
) -> int:
    """Run `plan` with progress on standard error, print the result, and give the exit code."""
