"""`harness history`: a metric over the stored runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DOCUMENT_FORMATS, format_option, print_document, results_option


@click.command(
    epilog="""\b
Examples:
  harness history
  harness history --case 'digits_cnn/*' --metric latency/p50 --metric memory/peak
  harness history --metric 'accuracy/*' --last 60 --format markdown
  harness history --changed --format json | jq '.[].shifts'
"""
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=["latency/p50"],
    show_default=True,
    metavar="NAME",
    help="Metric to follow; may be repeated, globs allowed.",
)
@click.option("--case", metavar="KEY", help="Only cases of this key or glob.")
@click.option("--suite", help="Only runs of this suite.")
@click.option("--machine", help="Only runs on this machine, by its identity.")
@click.option("--last", type=click.IntRange(min=1), help="Look at the newest LAST runs of each case only.")
@click.option("--changed", is_flag=True, help="Show only the series in which something changed.")
@format_option(*DOCUMENT_FORMATS)
@results_option
def history(
    metrics: tuple[str, ...],
    case: str | None,
    suite: str | None,
    machine: str | None,
    last: int | None,
    changed: bool,
    view: str,
    results_dir: Path,
) -> int:
    """Show metrics over the stored runs, and the runs at which their level changed."""
    from harness.history.job import history as follow
    from harness.history.view import HistoryDocument

    trends = follow(results_dir, metrics, case=case, suite=suite, machine=machine, last=last)
    shown = [trend for trend in trends if trend.shifts or not changed]
    print_document(HistoryDocument(shown), view)
    if not shown:
        click.echo(f"nothing changed in {len(trends)} series", err=True)
    return 0
