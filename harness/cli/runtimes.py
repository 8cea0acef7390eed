"""`harness runtimes`: the versions of ONNX Runtime that lie side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import cache_option, format_option, handed

if TYPE_CHECKING:
    from harness.measure.runtimes import Runtime


@click.group(
    epilog="""\b
Examples:
  harness runtimes add onnxruntime==1.22.1 onnxruntime-openvino==1.24.1
  harness runtimes add dist/onnxruntime-1.33.0-cp311-cp311-linux_x86_64.whl
  harness runtimes list
  harness runtimes remove onnxruntime==1.22.1
"""
)
def runtimes() -> None:
    """List, add and remove versions of ONNX Runtime, each in a folder of its own.

    A suite whose axis `runtime` names one installs it by itself; `add` does so beforehand.
    """


@runtimes.command(
    "list",
    epilog="""\b
Examples:
  harness runtimes list
  harness runtimes list --format json
""",
)
@cache_option
@format_option()
def list_(cache_dir: Path, view: str) -> int:
    """List what is installed, and whether its files are intact."""
    from harness.measure.runtimes import list_runtimes

    found = list_runtimes(cache_dir)
    if not found:
        click.echo(f"no runtime is installed in {cache_dir}", err=True)
    _print(found, view)
    return 0


@runtimes.command(
    epilog="""\b
Examples:
  harness runtimes add onnxruntime==1.22.1 onnxruntime-openvino==1.24.1
"""
)
@click.argument("requirements", nargs=-1, required=True, metavar="REQUIREMENT...")
@cache_option
@format_option()
def add(requirements: tuple[str, ...], cache_dir: Path, view: str) -> int:
    """Install each REQUIREMENT: name==version, or the path of a wheel file."""
    from harness.measure.runtimes import ensure, parse
    from harness.measure.runtimes.installer import pip_install

    installed = []
    for requirement in [parse(text) for text in requirements]:  # all are checked before one is installed
        click.echo(f"{requirement} ...", err=True)
        installed.append(ensure(requirement, cache_dir, handed("install", pip_install)))
    _print(installed, view)
    return 0


@runtimes.command(
    epilog="""\b
Examples:
  harness runtimes remove onnxruntime==1.22.1
"""
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@cache_option
def remove(names: tuple[str, ...], cache_dir: Path) -> int:
    """Remove each NAME: a requirement, the name of a wheel, or of a folder, as `list` shows them."""
    from harness.measure import runtimes as room

    for name in names:
        for runtime in room.remove(name, cache_dir):
            click.echo(f"removed {runtime.requirement} ({Path(runtime.path).parent})", err=True)
    return 0


def _print(found: Sequence[Runtime], view: str) -> None:
    from harness.core.units import format_bytes
    from harness.show.rows import render_rows

    if view in ("json", "csv"):
        rows = [asdict(runtime) for runtime in found]
    else:
        rows = [
            {
                "runtime": runtime.requirement.rpartition("/")[2],
                "numpy": runtime.numpy or "",
                "size": format_bytes(runtime.size_bytes),
                "python": runtime.python,
                "state": runtime.damage or "intact",
                "folder": str(Path(runtime.path).parent),
            }
            for runtime in found
        ]
    if text := render_rows(rows, view):
        click.echo(text)
