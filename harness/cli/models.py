"""`harness models`: the built models in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import FORMATS, cache_option, format_option

if TYPE_CHECKING:
    from harness.build import Stored


@click.command(
    epilog="""\b
Examples:
  harness models
  harness models --format json | jq '.[].sha256'
"""
)
@cache_option
@format_option(*FORMATS)
def models(cache_dir: Path, view: str) -> int:
    """List the built models in the cache: where each came from, and whether it is still whole."""
    from harness.build import list_cache
    from harness.core.units import format_bytes
    from harness.show.rows import render_rows

    found = list_cache(cache_dir)
    if not found:
        click.echo(f"no models in {cache_dir}; 'harness run SUITE' builds what it needs", err=True)
    rows = [_row(stored) for stored in found]
    if view in ("table", "markdown"):
        rows = [{**row, "size": format_bytes(row["size"]) if row["size"] else ""} for row in rows]
    click.echo(render_rows(rows, view))
    return 0


def _row(stored: Stored) -> dict[str, Any]:
    built = stored.built
    return {
        "key": stored.key[:12],
        "source": _source(built.provenance) if built else "",
        "opset": built.opset if built else None,
        "precision": built.precision if built else "",
        "size": built.size_bytes if built else None,
        "sha256": built.sha256[:12] if built else "",
        "state": stored.damage or "intact",
        "folder": str(stored.folder),
    }


def _source(provenance: Mapping[str, Any]) -> str:
    """Name what an artifact was made from."""
    source = provenance.get("source", {})
    return " ".join(str(source[key]) for key in ("kind", "name", "target") if key in source)
