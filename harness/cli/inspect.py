"""`harness inspect`: what a model file is, what costs or breaks, and the command that measures it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from harness.cli.options import (
    DOCUMENT_FORMATS,
    cache_option,
    custom_ops_option,
    format_option,
    print_document,
)


@click.command(
    epilog="""\b
Examples:
  harness inspect model.onnx
  harness inspect model.onnx --fusions
  harness inspect model.onnx --format json
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--fusions",
    is_flag=True,
    help="Show what each level of optimization fuses, and what it leaves: opens a session for each.",
)
@custom_ops_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def inspect(model: Path, fusions: bool, custom_ops: tuple[str, ...], cache_dir: Path, view: str) -> int:
    """Show what the file MODEL is, what in it costs time or breaks, and the command that measures it.

    Nothing is run, but for --fusions: the file is read, weights included.
    """
    from harness.inspect.job import check_data, installed_runtime
    from harness.inspect.job import inspect as look
    from harness.inspect.view import InspectionDocument

    found = look(model, installed_runtime(), custom_ops)
    if fusions:
        from harness.inspect.levels import fusions_by_level

        found = replace(found, fusions=fusions_by_level(model, cache_dir, custom_ops))
    print_document(InspectionDocument(found), view)
    if found.facts.external:
        check_data(model)  # what the file is was shown; that it cannot be loaded is an error all the same
    return 0
