"""`harness asv`: hand results to asv, and build its dashboard."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import click

from harness.cli.options import Command, results_option
from harness.core.errors import MissingExtraError
from harness.core.units import count
from harness.show.escape import visible


def config_option(command: Command) -> Command:
    """Add --config: which asv.conf.json."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default="asv.conf.json",
        show_default=True,
        help="asv's configuration: where its files are, and what its x-axis is.",
    )(command)


@click.group(
    epilog="""\b
Examples:
  harness asv export
  harness asv export latest --suite nightly
  harness asv publish --last 200
  asv preview
"""
)
def asv() -> None:
    """Hand results to asv, and build its dashboard."""


@asv.command(
    epilog="""\b
Examples:
  harness asv export
  harness asv export latest --suite nightly
"""
)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--suite", "suites", multiple=True, help="Only runs of this suite; may be repeated.")
@config_option
@results_option
def export(runs: tuple[str, ...], suites: tuple[str, ...], config: Path, results_dir: Path) -> int:
    """Write stored runs as asv's results, beside those that are there.

    RUN is any name of a run (latest, a date, an identifier); all runs where
    none is given. Without --config, asv.conf.json is written where there is none.
    """
    if not (given("config") or config.exists()) and (results_dir / "runs").is_dir():
        from harness.init.job import write_asv_config

        click.echo(f"wrote {write_asv_config(Path())}: asv's configuration (docs/asv.md)", err=True)
    done = load_asv().export(results_dir, config, runs, suites)
    for run, why in done.left_out.items():
        click.echo(f"run {run} is left out: {visible(why)}", err=True)
    click.echo(f"exported {count(len(done.runs), 'run')} to {count(len(done.files), 'file')} of asv's")
    return 0


@asv.command(
    epilog="""\b
Examples:
  harness asv publish
  harness asv publish --last 200
"""
)
@click.option("--last", type=click.IntRange(min=1), help="Only the newest LAST commits of the x-axis.")
@config_option
@results_option
def publish(last: int | None, config: Path, results_dir: Path) -> int:
    """Build asv's site from what was exported; 'asv preview' serves it."""
    site = load_asv().publish(results_dir, config, last)
    click.echo(f"{site}: published; look at it with 'asv preview --config {config}'")
    return 0


def given(option: str) -> bool:
    """Return whether an option of the current command was typed."""
    source = click.get_current_context().get_parameter_source(option)
    return source is not click.core.ParameterSource.DEFAULT


def load_asv() -> ModuleType:
    """Import what needs asv. Raises MissingExtraError."""
    try:
        import harness.asv.export
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "asv":
            raise
        raise MissingExtraError(
            "asv is not installed; say pip install asv==0.6.6 asv_runner==0.3.2"
        ) from None
    return harness.asv.export
