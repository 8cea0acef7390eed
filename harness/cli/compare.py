"""`harness compare`: two stored runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import (
    DOCUMENT_FORMATS,
    cache_option,
    format_option,
    handed,
    parse_effect,
    print_document,
    results_option,
)
from harness.core.decision import RunComparison


@click.command(
    epilog="""\b
Examples:
  harness compare
  harness compare anchor latest --confirm
  harness compare anchor latest --metric latency/p50 --metric 'accuracy/*'
  harness compare v1.2 HEAD --suite nightly --min-effect 3%
  harness compare 2026-11-21 latest --only model=digits_cnn --format markdown
"""
)
@click.argument("base", default="previous")
@click.argument("head", default="latest")
@click.option("--suite", help="Only runs of this suite.")
@click.option(
    "--only",
    multiple=True,
    metavar="AXIS=VALUE[,VALUE]",
    help="Compare only the cases that match; may be repeated, globs allowed.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare only this metric; may be repeated, globs allowed.",
)
@click.option(
    "--min-effect",
    default="1%",
    show_default=True,
    metavar="RATIO",
    callback=parse_effect,
    help="The least change of interest.",
)
@click.option("--confirm", is_flag=True, help="Run an A/B of the cases that look slower or bigger.")
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    default=300,
    show_default=True,
    help="Seconds for the A/Bs of --confirm, all together.",
)
@click.option("--all", "everything", is_flag=True, help="List what did not change as well.")
@format_option(*DOCUMENT_FORMATS)
@results_option
@cache_option
def compare(
    base: str,
    head: str,
    suite: str | None,
    only: tuple[str, ...],
    metrics: tuple[str, ...],
    min_effect: float,
    confirm: bool,
    budget_s: float,
    everything: bool,
    view: str,
    results_dir: Path,
    cache_dir: Path,
) -> int:
    """Compare the stored run HEAD with the stored run BASE, the worst change first.

    A run is an id or its beginning, latest, previous, anchor, a date or a git revision.
    """
    from harness.compare.job import compare_runs, confirm_suspects, find_pair
    from harness.compare.view import ComparisonDocument
    from harness.core.conditions import parse_conditions

    pair = find_pair(results_dir, base, head, suite)
    contrast = compare_runs(
        results_dir, *pair, where=parse_conditions(only), metrics=metrics, min_effect=min_effect
    )
    if confirm:
        from harness.show.progress import Lines

        contrast = confirm_suspects(
            contrast,
            results_dir,
            cache_dir,
            min_effect=min_effect,
            budget_s=budget_s,
            listener=Lines(),
            confirm=handed("confirm", None),
        )
    print_document(ComparisonDocument(contrast, everything), view)
    if not confirm and any(item.suspect for item in contrast.compared.comparisons):
        click.echo("next:    the same command with --confirm runs an A/B of what looks worse", err=True)
    return exit_code(contrast)


def exit_code(contrast: RunComparison) -> int:
    """Give the exit code.

    130 where interrupted, 1 for a regression or a failed gate, 2 where no timing could be compared, 3 for
    failed cases, gates without data and runs of which nothing was compared.
    """
    if contrast.interrupted:
        return 130
    if contrast.regressed:
        return 1
    if contrast.incomparable:
        click.echo("error: no timing was compared: every case was measured unlike in the two runs", err=True)
        return 2
    return 0 if contrast.complete else 3
