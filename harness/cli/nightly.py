"""`harness nightly`: measure a suite, and report what got worse."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import click

from harness.cli.asv import config_option
from harness.cli.options import (
    RECORD_FORMATS,
    cache_option,
    format_option,
    handed,
    paper,
    plan_options,
    results_option,
    shard_of,
    shard_option,
)
from harness.core.errors import StoreError
from harness.nightly.model import AGAINST, NightlyReport

ANNOTATIONS = ("github",)


@click.command(
    epilog="""\b
Examples:
  harness nightly suites/nightly.yaml
  harness nightly suites/nightly.yaml --runtime latest --annotate github
  harness nightly suites/nightly.yaml --anchor 20261123T140732Z-3f2a1c --runtime onnxruntime==1.22.1
  harness nightly suites/nightly.yaml --against anchor --confirm 0 --out artifacts
  harness nightly suites/nightly.yaml --shard 1/4 --results results/shard-1
"""
)
@plan_options
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    metavar="RUNTIME",
    help="Measure this runtime in place of the suite's: onnxruntime==VERSION, latest, nightly, a .whl "
    "file; may be repeated.",
)
@click.option(
    "--against",
    multiple=True,
    type=click.Choice(AGAINST),
    help="Which run to compare with; may be repeated.  [default: both]",
)
@click.option(
    "--anchor",
    metavar="RUN",
    help="Pin RUN as the anchor first, as 'harness anchor set' does.  [default: the one that is pinned]",
)
@click.option(
    "--confirm",
    "confirm_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Time for A/Bs of what looks worse; 0 for none.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for summary, JUnit and JSON files.  [default: RESULTS/nightly/RUN]",
)
@click.option("--annotate", type=click.Choice(ANNOTATIONS), help="Print annotations for this CI system.")
@click.option(
    "--resume/--no-resume",
    default=None,
    help="Take up an unfinished night of this very plan, or begin anew.  "
    "[default: take it up where it began within 20 hours]",
)
@shard_option
@config_option
@results_option
@cache_option
@format_option(*RECORD_FORMATS)
def nightly(
    suite: Path,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    runtimes: tuple[str, ...],
    shard: str | None,
    anchor: str | None,
    annotate: str | None,
    view: str,
    results_dir: Path,
    cache_dir: Path,
    **options: Any,
) -> int:
    """Measure SUITE, compare it with the previous run and the anchor, publish, report what got worse.

    Started again after an interruption, it goes on where it was. Everything goes into one folder;
    the summary is appended to $GITHUB_STEP_SUMMARY where that is set.
    """
    from harness.cli.anchor import pin_run
    from harness.nightly.job import NightlyOptions
    from harness.nightly.job import nightly as run_night
    from harness.nightly.view import NightlyDocument
    from harness.plan import estimate, plan
    from harness.show import render
    from harness.show.progress import Progress
    from harness.store import durations

    asked = list(overrides)
    if runtimes:
        asked.append(f"axes.runtime={','.join(runtimes)}")
        # What a model says for itself is stronger than what the suite says.
        models = plan(suite, overrides=asked).suite.models
        asked += [f"models.{model.name}.axes.runtime={','.join(runtimes)}" for model in models]
    made = shard_of(plan(suite, overrides=asked, only=only), shard)
    if anchor:
        click.echo(pin_run(results_dir, anchor, made.suite.name), err=True)
    config, against = options.pop("config"), options.pop("against") or AGAINST
    expected = estimate(made, durations(results_dir, made.suite.name))
    done = handed("nightly", run_night)(
        made,
        results_dir,
        cache_dir,
        NightlyOptions(asv_config=config, against=against, **options),
        listener=Progress(expected.seconds),
    )
    if done.night is None:
        click.echo(f"interrupted: {done.left} of {len(made.cases)} cases are left", err=True)
        click.echo("next:    the same command goes on", err=True)
        return 130
    document = NightlyDocument(done.night)
    text = render(document, view, **paper())
    click.echo(_annotated(text, done.night) if annotate else text)
    _append(os.environ.get("GITHUB_STEP_SUMMARY"), render(document, "markdown"))
    click.echo(f"results: {done.folder}", err=True)
    return exit_code(done.night)


def exit_code(night: NightlyReport) -> int:
    """Give 1 for a regression or a failed gate, else 3 for cases that failed or a lost dashboard, else 0."""
    if night.worse:
        return 1
    return 3 if night.bad else 0


def _annotated(page: str, night: NightlyReport) -> str:
    """Put annotations below the page, in which GitHub obeys nothing: models and runtimes speak there."""
    from harness.nightly.annotate import render

    token = secrets.token_hex(16)
    return "\n".join(filter(None, (f"::stop-commands::{token}", page, f"::{token}::", render(night))))


def _append(path: str | None, text: str) -> None:
    """Append `text` to the summary of a job, where there is one. Raises StoreError."""
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise StoreError(f"$GITHUB_STEP_SUMMARY: {path}: {error.strerror or error}") from error
