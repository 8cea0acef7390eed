"""`harness profile`: where the time of a call goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import (
    DOCUMENT_FORMATS,
    cache_option,
    format_option,
    handed,
    print_document,
    refuse_file_options,
    results_option,
    shape_options,
)
from harness.cli.sweep import axis_options, plan_of_file
from harness.core.case import AXES
from harness.core.errors import InputError
from harness.profile.model import By, RoofSource

SUITES = (".yaml", ".yml")


@click.command(
    epilog="""\b
Examples:
  harness profile model.onnx
  harness profile model.onnx --by op --batch 8 --intra-threads 1
  harness profile model.onnx --graph-opt basic,all --trace calls.json
  harness profile suites/quickstart.yaml --only model=digits_cnn --by region
\b
Exit codes: 0 every case has a profile; 2 the input was wrong; 3 a case has none.
"""
)
@click.argument("model", type=click.Path(path_type=Path), metavar="SUITE|MODEL")
@click.option(
    "--by",
    type=click.Choice([str(by) for by in By]),
    default=str(By.NODE),
    show_default=True,
    help="A row a node of the optimized graph, an operator, or a region between tensors that the source "
    "graph has too.",
)
@axis_options
@click.option("--data", help="Of a model file: a data catalogue name, or an .npz file.")
@shape_options
@click.option(
    "--only", multiple=True, metavar="AXIS=VALUE[,VALUE]", help="Profile only the cases that match."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override any key.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the last call of every case as a chrome trace, which Perfetto opens.",
)
@click.option(
    "--roofs",
    type=click.Choice([str(source) for source in RoofSource]),
    default=str(RoofSource.KEPT),
    show_default=True,
    help="What this machine reaches at most: as measured before (else measured now, some seconds), measured "
    "again, or left out.",
)
@results_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def profile(
    model: Path,
    by: str,
    trace: Path | None,
    roofs: str,
    results_dir: Path,
    cache_dir: Path,
    view: str,
    **choices: Any,
) -> int:
    """Show where the time of a warm call goes, node by node, in each case of a SUITE or MODEL.

    Shares are corrected by what the profile itself adds to a node, which a chain of empty nodes shows.
    Operators and roofs are kept beside the runs: `harness report` draws them.
    """
    from harness.plan import is_starter, plan
    from harness.profile.job import profile as take
    from harness.profile.job import write_trace
    from harness.profile.view import ProfileDocument
    from harness.show.progress import Lines

    if model.suffix in SUITES or is_starter(model):
        refuse_file_options(choices, AXES)
        planned = plan(model, choices["overrides"], choices["only"])
    else:
        planned = plan_of_file(model, choices, only=choices["only"])
    if trace is not None and not trace.absolute().parent.is_dir():
        raise InputError(f"--trace {trace}: no such folder; name a file in an existing one")
    found = handed("profile", take)(
        planned, cache_dir, By(by), roofs=RoofSource(roofs), results_dir=results_dir, listener=Lines()
    )
    if trace is not None:
        write_trace(found, trace)
        click.echo(f"trace written to {trace}", err=True)
    print_document(ProfileDocument(found), view)
    return 3 if found.missing or not found.profiles else 0
