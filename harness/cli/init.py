"""`harness init`: a suite, configs and CI jobs for models of the user's own."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from harness.cli.options import custom_ops_option, fill_option, read_fills


@click.command(
    epilog="""\b
Examples:
  harness init
  harness init --model models/detector.onnx --model models/ocr.onnx
  harness init project --model bert.onnx --shape sequence=128
  harness init --harness git+https://example.com/onnx-harness.git
"""
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A model file to measure; may be repeated.  [default: those in DIR and the folders in it]",
)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME=SIZE",
    help="Bind a symbolic dimension of the models; may be repeated. The rest is assumed.",
)
@fill_option
@custom_ops_option
@click.option(
    "--harness",
    "source",
    metavar="SOURCE",
    help="What CI installs the harness from: a git URL or a path.  [default: its own origin]",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(
    folder: Path,
    models: tuple[Path, ...],
    shapes: tuple[str, ...],
    fills: tuple[str, ...],
    custom_ops: tuple[str, ...],
    source: str | None,
    force: bool,
) -> int:
    """Write into DIR a suite for your models, asv's configuration, and jobs for GitHub and GitLab.

    Every file is new, or nothing is written.
    """
    from harness.cli.run import program
    from harness.cli.sweep import read_shapes
    from harness.init.compose import GITHUB, GITLAB, SUITE
    from harness.init.job import init as set_up
    from harness.show.escape import visible

    done = set_up(
        folder,
        models,
        read_shapes(shapes),
        source,
        custom_ops=custom_ops,
        inputs=read_fills(fills),
        force=force,
    )
    for note in done.notes:
        click.echo(visible(note), err=True)
    for name in done.files:
        over = " (written over)" if name in done.overwritten else ""
        click.echo(f"wrote {folder / name}{over}")
    if not done.source:
        click.echo(f"fill in HARNESS_SOURCE, marked in {GITHUB} and {GITLAB}: a git URL or a path", err=True)
    name = program()
    click.echo("next:" if folder == Path() else f"next, in {shlex.quote(str(folder))}:")
    click.echo(f"  {name} plan {SUITE}")
    click.echo(f"  {name} nightly {SUITE}")
    click.echo("  asv preview")
    return 0
