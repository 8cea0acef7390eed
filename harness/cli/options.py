"""Options that several commands share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from harness.core.errors import InputError
from harness.show import OF_RUNS, VIEWS

if TYPE_CHECKING:  # each command reads this file
    from harness.core.report import Report
    from harness.core.suite import Plan
    from harness.show.document import Document

FORMATS = ("table", "json", "markdown", "csv")
"""The views that every list has."""

DOCUMENT_FORMATS = tuple(view for view in VIEWS if view not in OF_RUNS)
"""The views of every document, those of other packages too."""

RECORD_FORMATS = tuple(VIEWS)
"""The views of a run, those of other packages too."""

Command = Callable[..., Any]
Part = TypeVar("Part")


def handed(name: str, part: Part) -> Part:
    """Return what the caller of `harness.cli.main` handed in as `name`; `part` where nothing was."""
    given: dict[str, Part] = click.get_current_context().find_root().obj or {}
    return given.get(name, part)


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
    """Add --cache: the folder that keeps built models and runtimes."""
    return click.option(
        "--cache",
        "cache_dir",
        type=click.Path(path_type=Path, file_okay=False),
        callback=_default_cache,
        help="Folder that keeps built models.  [default: $HARNESS_CACHE, else ~/.cache/harness]",
    )(command)


def _default_cache(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    from harness.build import default_cache_dir

    return value or default_cache_dir()


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


def parse_effect(ctx: click.Context, parameter: click.Parameter, value: str) -> float:
    """Read a ratio such as 1% or 0.01. Raises InputError."""
    from harness.core.units import parse_ratio

    try:
        ratio = parse_ratio(value)
    except ValueError as error:
        raise InputError(f"{parameter.opts[0]}: {error}") from None
    if not 0 <= ratio < 1:
        raise InputError(
            f"{parameter.opts[0]}: expected a ratio from 0 to below 1, such as 1%, got {value!r}"
        )
    return ratio


def parse_optional_effect(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Read a ratio, where one is given. Raises InputError."""
    return None if value is None else parse_effect(ctx, parameter, value)


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


class TerminalStyle(TypedDict):
    """What text may look like; the keywords of every view that draws tables."""

    width: int | None
    color: bool


def paper() -> TerminalStyle:
    """Describe standard output: tables fit a terminal, and are whole and plain where they are piped."""
    tty = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if tty else None
    return {"width": width, "color": tty and "NO_COLOR" not in os.environ}


def custom_ops_option(command: Command) -> Command:
    """Add --custom-ops: libraries that every session of a model file registers."""
    return click.option(
        "--custom-ops",
        "custom_ops",
        multiple=True,
        type=click.Path(path_type=str),
        metavar="LIBRARY",
        help="Of a model file: register this library of custom operators; may be repeated.",
    )(command)


FILE_OPTIONS = {"data": "data", "shapes": "shape", "fills": "fill", "batch": "batch", "output": "output"}
FILE_OPTIONS |= {"batch_dim": "batch-dim", "custom_ops": "custom-ops"}
"""Parameter -> option, of what a suite has keys for."""


def refuse_file_options(choices: Mapping[str, Any], others: Iterable[str] = ()) -> None:
    """Raise InputError where an option of model files was given beside a suite."""
    for name in (*others, *FILE_OPTIONS):
        if choices.get(name):
            option = FILE_OPTIONS.get(name, name.replace("_", "-"))
            raise InputError(f"--{option} is for model files; of a suite, say it there or with --set")


def shape_options(command: Command) -> Command:
    """Add --shape, --fill, --batch-dim and --custom-ops: what a model file needs to run."""
    command = fill_option(custom_ops_option(command))
    command = click.option(
        "--batch-dim", metavar="NAME", help="Of a model file: the dimension that the axis batch drives."
    )(command)
    return click.option(
        "--shape",
        "shapes",
        multiple=True,
        metavar="NAME=SIZE",
        help="Of a model file: bind a symbolic dimension, or INPUT[AXIS]; may be repeated.",
    )(command)


def fill_option(command: Command) -> Command:
    """Add --fill: the values of an input that is no data."""
    return click.option(
        "--fill",
        "fills",
        multiple=True,
        metavar="INPUT=VALUE[,VALUE]",
        help="Of a model file: the values of an input that is no data, such as the shape of a Reshape; "
        "a dimension by its name; may be repeated.",
    )(command)


def read_fills(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read ``INPUT=VALUE[,VALUE]`` options into what a suite has under ``inputs``. Raises InputError."""
    return dict(map(_fill, texts))


def _fill(text: str) -> tuple[str, dict[str, Any]]:
    name, _, listed = text.partition("=")
    values = [_number(part.strip()) for part in listed.split(",")]
    if not name or "" in values:
        raise InputError(f"--fill {text}: expected INPUT=VALUE[,VALUE] such as shape=1,-1")
    alone = len(values) == 1 and not isinstance(values[0], str)
    return name, {"fill": values[0] if alone else values}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if isfinite(value):
            return value
    return text


def shard_option(command: Command) -> Command:
    """Add --shard: which part of the plan."""
    return click.option(
        "--shard",
        metavar="I/N",
        help="Measure only the I-th of N parts; all cases of a model file are in one part.",
    )(command)


def shard_of(plan: Plan, text: str | None) -> Plan:
    """Keep the part of `plan` that --shard names, or all of it. Raises InputError."""
    from harness.plan import parse_shard, shard

    return shard(plan, *parse_shard(text)) if text else plan


def print_document(document: Document, view: str) -> None:
    """Print `document` on standard output."""
    from harness.show import render

    if text := render(document, view, **paper()):
        click.echo(text)


def print_report(report: Report, view: str) -> None:
    """Print the report of a run on standard output."""
    from harness.show.overview import RunDocument

    print_document(RunDocument(report), view)
