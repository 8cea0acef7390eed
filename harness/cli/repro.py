"""`harness repro`: a script that repeats one case."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option
from harness.core.errors import NotFoundError
from harness.core.registry import closest


@click.command(
    epilog="""\b
Examples:
  harness repro digits_cnn/precision=int8_static > repro.py && python repro.py
  harness repro digits_cnn/batch=32 --run 20261123T140732Z-3f2a1c
"""
)
@click.argument("case")
@click.option("--run", default="latest", show_default=True, help="Run to take the case from.")
@results_option
def repro(case: str, run: str, results_dir: Path) -> int:
    """Print a Python script (numpy and onnxruntime only) that repeats the timed loop of CASE."""
    from harness import store
    from harness.show.repro import render_repro

    found = {record.case: record for record in store.records(results_dir, run=run)}
    if case not in found:
        raise NotFoundError(f"run {run} has no case {case!r}: {closest(case, found)}")
    click.echo(render_repro(found[case]), nl=False)
    return 0
