"""`harness demo`: see what the harness shows, before anything is measured."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(
    epilog="""\b
Examples:
  harness demo history
  harness demo history --nights 365 --results results/year
"""
)
def demo() -> None:
    """See what the harness shows, before anything is measured."""


@demo.command(
    epilog="""\b
Examples:
  harness demo history
  harness demo history --nights 365 --results results/year
"""
)
@click.option(
    "--results",
    "results_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default="results/demo",
    show_default=True,
    help="Folder for the synthetic runs; real ones are never beside them.",
)
@click.option(
    "--nights", type=click.IntRange(min=1, max=3650), default=60, show_default=True, help="How many nights."
)
def history(results_dir: Path, nights: int) -> int:
    """Make up nights of results with steps in speed, memory and accuracy, and publish them.

    Everything in them says that it is synthetic.
    """
    from harness.asv.demo import write_config, write_history
    from harness.cli.asv import load_asv

    asv = load_asv()
    write_history(results_dir, nights)
    config = write_config(results_dir)
    asv.export(results_dir, config)
    asv.publish(results_dir, config)
    click.echo(
        f"{nights} SYNTHETIC nights in {results_dir}; look at them with 'asv preview --config {config}'"
    )
    return 0
