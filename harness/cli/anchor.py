"""`harness anchor`: the run that later ones are compared with."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import format_option, results_option
from harness.core.errors import InputError, NotFoundError


@click.group(
    epilog="""\b
Examples:
  harness anchor set latest
  harness anchor set 20261123T140732Z-3f2a1c
  harness anchor show
  harness anchor clear --suite nightly
"""
)
def anchor() -> None:
    """Pin the run that later runs of its suite and machine are compared with."""


@anchor.command(
    "set",
    epilog="""\b
Examples:
  harness anchor set latest
  harness anchor set 20261123T140732Z-3f2a1c --suite nightly
""",
)
@click.argument("run")
@click.option("--suite", help="Only runs of this suite.")
@results_option
def set_(run: str, suite: str | None, results_dir: Path) -> int:
    """Compare later runs with RUN: an id or its beginning, latest, previous, a date or a git revision."""
    click.echo(pin_run(results_dir, run, suite))
    return 0


def pin_run(results_dir: Path, run: str, suite: str | None) -> str:
    """Make RUN the anchor of its suite and machine, and return a line about it. Raises InputError."""
    from harness import store

    found = store.find_run(results_dir, run, suite=suite)
    if not found.sealed:
        raise InputError(f"run {found.run} is not finished; pin one that is, or finish it with --resume")
    pin = store.set_anchor(results_dir, found)
    return f"suite {pin.suite!r} on machine {pin.machine!r} is compared with run {pin.run}"


@anchor.command(
    epilog="""\b
Examples:
  harness anchor show
  harness anchor show --format json
"""
)
@format_option()
@results_option
def show(view: str, results_dir: Path) -> int:
    """List the anchors: one for each suite and machine."""
    from harness import store
    from harness.show.rows import render_rows

    runs = {item.run: item.header for item in store.runs(results_dir)}
    rows = [
        {
            "suite": pin.suite,
            "machine": pin.machine,
            "run": pin.run,
            "started_at": runs[pin.run].started_at if pin.run in runs else "",
            "commit": runs[pin.run].commit[:10] if pin.run in runs else "",
            "state": "there" if pin.run in runs else "missing",
        }
        for pin in store.anchors(results_dir)
    ]
    if not rows:
        click.echo(f"{results_dir}: no anchor; pin a run with 'harness anchor set RUN'", err=True)
    if text := render_rows(rows, view):
        click.echo(text)
    return 0


@anchor.command(
    epilog="""\b
Examples:
  harness anchor clear
  harness anchor clear --suite nightly
"""
)
@click.option("--suite", help="Only the anchor of this suite.")
@click.option("--machine", help="Only the anchor on this machine.")
@results_option
def clear(suite: str | None, machine: str | None, results_dir: Path) -> int:
    """Take an anchor away; of several, --suite and --machine say which."""
    from harness import store

    pins = [
        pin
        for pin in store.anchors(results_dir)
        if suite in (None, pin.suite) and machine in (None, pin.machine)
    ]
    if not pins:
        raise NotFoundError(f"{results_dir}: no such anchor; 'harness anchor show' lists them")
    if len(pins) > 1:
        those = ", ".join(f"{pin.suite!r} on {pin.machine!r}" for pin in pins)
        raise InputError(f"{len(pins)} anchors match; say which with --suite and --machine: {those}")
    store.clear_anchor(results_dir, pins[0])
    click.echo(f"suite {pins[0].suite!r} on machine {pins[0].machine!r} has no anchor any more")
    return 0
