"""`harness inspect`: what a model file is, what costs or breaks, and the command that measures it."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DOCUMENT_FORMATS, custom_ops_option, format_option, print_document


@click.command(
    epilog="""\b
Examples:
  harness inspect model.onnx
  harness inspect model.onnx --format json
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@custom_ops_option
@format_option(*DOCUMENT_FORMATS)
def inspect(model: Path, custom_ops: tuple[str, ...], view: str) -> int:
    """Show what the file MODEL is, what in it costs time or breaks, and the command that measures it.

    Nothing is run: the file is read, weights included.
    """
    from harness.inspect.job import inspect as look
    from harness.inspect.job import installed_runtime
    from harness.inspect.view import InspectionDocument

    print_document(InspectionDocument(look(model, installed_runtime(), custom_ops)), view)
    return 0
