"""`harness report`: a run as one file to hand over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import results_option
from harness.core.errors import InputError
from harness.core.units import count, format_bytes

FORMATS = ("html", "markdown")
KINDS = ("svg", "png", "pdf")


@click.command(
    epilog="""\b
Examples:
  harness report
  harness report latest --against previous --out report.html
  harness report 20261123T140732Z-3f2a1c --format markdown --out report.md
  harness report --figures slides --figure-format pdf
"""
)
@click.argument("run", default="latest")
@click.option("--against", metavar="RUN", help="Compare with this run: previous, anchor, an id, a date ...")
@click.option("--suite", help="Only runs of this suite.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write.  [default: report.html, or report.md; none where --figures is given]",
)
@click.option(
    "--format",
    "view",
    type=click.Choice(FORMATS),
    default="html",
    show_default=True,
    help="One HTML file, or Markdown with its pictures in a folder beside it.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each chart into this folder, to paste into slides.",
)
@click.option(
    "--figure-format",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    default=KINDS,
    help="Of --figures; may be repeated.  [default: all]",
)
@results_option
def report(run: str, results_dir: Path, **options: Any) -> int:
    """Write a page about RUN: tables, charts, failures with reasons, and the commands that repeat it.

    A run is an id or its beginning, latest, previous, anchor, a date or a git revision. The HTML file
    needs no network and no other file.
    """
    from harness.report.compose import compose
    from harness.report.job import gather, write_figures, write_html, write_markdown

    figures, out, view = options["figures"], options["out"], options["view"]
    made = compose(gather(results_dir, run, against=options["against"], suite=options["suite"]))
    if figures:
        if not made.charts:
            raise InputError(f"--figures: {made.title} has nothing to draw")
        written = write_figures(made, figures, options["kinds"])
        click.echo(f"figures: {count(len(written), 'file')} in {figures}", err=True)
    if out is None and figures:
        return 0
    if view == "markdown":
        first, *others = write_markdown(made, out or Path("report.md"))
        click.echo(f"report: {first}, {count(len(others), 'picture')} beside it", err=True)
        return 0
    path = write_html(made, out or Path("report.html"))
    click.echo(f"report: {path} ({format_bytes(path.stat().st_size)})", err=True)
    return 0
