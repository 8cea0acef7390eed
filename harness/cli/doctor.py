"""`harness doctor`: is this machine fit for measuring?"""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from harness.cli.options import DOCUMENT_FORMATS, cache_option, format_option, print_document, results_option


@click.command(
    epilog="""\b
Examples:
  harness doctor
  harness doctor --quick
  harness doctor --budget 60 --format json
\b
Exit codes: 0 fit for measuring; 1 something is to be fixed before numbers can be trusted.
"""
)
@click.option("--quick", is_flag=True, help="Read the system only; measure nothing.")
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="Seconds of blocks for each slowdown; its A/A takes about as much again.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Draws the order of the arms.  [default: drawn]")
@results_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def doctor(
    quick: bool, budget_s: float, seed: int | None, results_dir: Path, cache_dir: Path, view: str
) -> int:
    """Check what disturbs measurements here, what to do, and how small a change can be detected.

    Reads the system, then runs an A/A and an A/B against a model that does 2% more work: with a
    small model, and with one of 15 MB, whose weights are read from memory.
    """
    from harness.ab.model import ABSettings
    from harness.doctor.job import examine
    from harness.doctor.view import DiagnosisDocument
    from harness.show.progress import Lines

    settings = ABSettings(budget_s=budget_s, seed=secrets.randbelow(2**32) if seed is None else seed)
    checkup = examine(results_dir, cache_dir, quick=quick, settings=settings, listener=Lines())
    print_document(DiagnosisDocument(checkup), view)
    return 0 if checkup.healthy else 1
