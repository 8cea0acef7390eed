"""`harness cache`: what the cache holds, and room made in it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import cache_option, format_option
from harness.core.errors import InputError

if TYPE_CHECKING:
    from harness.cache.model import Kept


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  harness cache
  harness cache --format json
  harness cache prune --older-than 30d
  harness cache prune --older-than 7d --larger-than 1GB --yes
""",
)
@cache_option
@format_option()
@click.pass_context
def cache(context: click.Context, cache_dir: Path, view: str) -> int:
    """Show what the cache holds, with sizes and the time since the last use; `prune` removes from it."""
    from harness.cache.job import contents
    from harness.core.units import count, format_bytes

    if context.invoked_subcommand:
        context.obj = cache_dir
        return 0
    found = contents(cache_dir)
    _print(found, view)
    total = format_bytes(sum(item.size_bytes for item in found))
    click.echo(f"{cache_dir}: {count(len(found), 'folder')}, {total}", err=True)
    return 0


def _seconds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    from harness.core.units import parse_seconds

    return None if value is None else _parsed("--older-than", parse_seconds, value)


def _bytes(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    from harness.core.units import parse_bytes

    return None if value is None else _parsed("--larger-than", parse_bytes, value)


def _parsed(flag: str, parse: Any, value: str) -> Any:
    try:
        number = parse(value)
    except ValueError as error:
        raise InputError(f"{flag}: {error}") from None
    if number < 0:
        raise InputError(f"{flag}: expected 0 or more, got {value!r}")
    return number


@cache.command(
    epilog="""\b
Examples:
  harness cache prune --older-than 30d
  harness cache prune --older-than 7d --larger-than 1GB --yes
"""
)
@click.option(
    "--older-than",
    metavar="AGE",
    callback=_seconds,
    help="What was used last longer ago than this: 30d, 12 h.",
)
@click.option("--larger-than", metavar="SIZE", callback=_bytes, help="What is larger than this: 1GB, 200 MB.")
@click.option("--yes", is_flag=True, help="Remove without asking.")
@cache_option
@format_option()
@click.pass_context
def prune(
    context: click.Context,
    older_than: float | None,
    larger_than: int | None,
    yes: bool,
    cache_dir: Path,
    view: str,
) -> int:
    """Remove what meets every condition given; what a running job uses stays.

    Whatever is removed is built or installed again when it is next needed.
    """
    from harness.cache.decide import choose
    from harness.cache.job import contents
    from harness.cache.job import prune as remove
    from harness.core.units import count, format_bytes

    if older_than is None and larger_than is None:
        raise InputError("say what to remove: --older-than 30d, --larger-than 1GB, or both")
    if context.get_parameter_source("cache_dir") is click.core.ParameterSource.DEFAULT:
        cache_dir = context.obj  # of `harness cache --cache DIR prune`
    chosen = choose(contents(cache_dir), time.time(), older_than, larger_than)
    if not chosen:
        click.echo(f"nothing to remove in {cache_dir}", err=True)
        return 0
    if not yes:
        _print(chosen, "table", err=True)
        if not sys.stdin.isatty():
            raise InputError("nothing was removed; say --yes to remove these")
        click.confirm(f"remove {count(len(chosen), 'folder')}?", abort=True, err=True)
    done = list(remove(cache_dir, chosen))
    gone = [item.kept for item in done if not item.refused]
    _print(gone, view)
    for item in done:
        if item.refused:
            click.echo(f"kept {item.kept.folder}: {item.refused}", err=True)
    freed = format_bytes(sum(item.size_bytes for item in gone))
    click.echo(f"removed {count(len(gone), 'folder')}, {freed}", err=True)
    return 0


def _print(found: Sequence[Kept], view: str, *, err: bool = False) -> None:
    from harness.core.units import format_age, format_bytes
    from harness.show.rows import render_rows

    now = time.time()
    rows: list[dict[str, Any]] = [asdict(item) for item in found]
    if view in ("table", "markdown"):
        rows = [
            {
                "kind": item.kind,
                "what": item.what,
                "size": format_bytes(item.size_bytes),
                "used": f"{format_age(max(0.0, now - item.used_at))} ago",
                "folder": item.folder,
            }
            for item in found
        ]
    if text := render_rows(rows, view):
        click.echo(text, err=err)
