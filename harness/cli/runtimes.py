"""`harness runtimes`: the versions of ONNX Runtime, and the tools, that lie side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import cache_option, format_option, handed

if TYPE_CHECKING:
    from harness.install import Installed


@click.group(
    epilog="""\b
Examples:
  harness runtimes add onnxruntime==1.22.1 onnxruntime-openvino==1.24.1
  harness runtimes add dist/onnxruntime-1.33.0-cp311-cp311-linux_x86_64.whl
  harness runtimes add sklearn
  harness runtimes list
  harness runtimes remove onnxruntime==1.22.1
"""
)
def runtimes() -> None:
    """List, add and remove versions of ONNX Runtime, and converters, each in a folder of its own.

    A suite that needs one installs it by itself; `add` does so beforehand.
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
    from harness.install import list_installed

    found = list_installed(cache_dir)
    if not found:
        click.echo(f"no runtime or tool is installed in {cache_dir}", err=True)
    _print(found, view)
    return 0


@runtimes.command(
    epilog="""\b
Examples:
  harness runtimes add onnxruntime==1.22.1 onnxruntime-openvino==1.24.1
  harness runtimes add sklearn
"""
)
@click.argument("requirements", nargs=-1, required=True, metavar="REQUIREMENT...")
@cache_option
@format_option()
def add(requirements: tuple[str, ...], cache_dir: Path, view: str) -> int:
    """Install each REQUIREMENT: name==version, the path of a wheel file, or the name of a tool."""
    from harness.install import ensure, parse_any
    from harness.install.installer import pip_install

    installed = []
    for requirement in [parse_any(text) for text in requirements]:  # all are checked before one is installed
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
    """Remove each NAME: a requirement, the name of a wheel, a tool or a folder, as `list` shows them."""
    from harness import install

    for name in names:
        for item in install.remove(name, cache_dir):
            click.echo(f"removed {item.requirement} ({item.folder})", err=True)
    return 0


def _print(found: Sequence[Installed], view: str) -> None:
    from harness.core.units import format_bytes
    from harness.show.rows import render_rows

    if view in ("json", "csv"):
        rows = [asdict(item) for item in found]
    else:
        rows = [
            {
                "kind": item.kind.removesuffix("s"),
                "installed": item.requirement.rpartition("/")[2],
                "with": ", ".join(item.beside),
                "size": format_bytes(item.size_bytes),
                "python": item.python,
                "state": item.damage or "intact",
                "folder": str(item.folder),
            }
            for item in found
        ]
    if text := render_rows(rows, view):
        click.echo(text)
