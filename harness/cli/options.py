"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FORMATS = ("table", "json", "markdown", "csv")

Command = Callable[..., Any]


def results_option(command: Command) -> Command:
    """Add --results: the folder that keeps the runs."""
    return click.option(
        "--results",
        "results_dir",
        type=click.Path(path_type=Path, file_okay=False),
        default="results",
        show_default=True,
        help="Folder that keeps the runs.",
    )(command)


def cache_option(command: Command) -> Command:
    """Add --cache: the folder that keeps built models."""
    return click.option(
        "--cache",
        "cache_dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Folder that keeps built models.  [default: $HARNESS_CACHE, else ~/.cache/harness]",
    )(command)


def format_option(*formats: str, default: str = "table") -> Callable[[Command], Command]:
    """Add --format with these views."""
    return click.option(
        "--format",
        "view",
        type=click.Choice(formats or FORMATS),
        default=default,
        show_default=True,
        help="How to print the result on standard output.",
    )


def plan_options(command: Command) -> Command:
    """Add SUITE, --set and --only: which cases."""
    command = click.option(
        "--only",
        multiple=True,
        metavar="AXIS=VALUE[,VALUE]",
        help="Keep only the cells that match; may be repeated, globs allowed.",
    )(command)
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override any key of the suite, e.g. --set axes.batch=1,8 --set sampling.seconds=2.",
    )(command)
    return click.argument("suite", type=click.Path(path_type=Path))(command)


def terminal_width(tty: bool) -> int | None:
    """Give the columns of the terminal, or None where the output is piped and may be any width."""
    import shutil

    return shutil.get_terminal_size().columns if tty else None
