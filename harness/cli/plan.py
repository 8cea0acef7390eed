"""`harness plan`: what a suite comes to."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DOCUMENT_FORMATS, format_option, plan_options, print_document, results_option


@click.command(
    epilog="""\b
Examples:
  harness plan suites/quickstart.yaml
  harness plan suites/nightly.yaml --only model=digits_cnn --set axes.batch=1,8
  harness plan suites/nightly.yaml --format json | jq length
"""
)
@plan_options
@results_option
@format_option(*DOCUMENT_FORMATS)
def plan(suite: Path, overrides: tuple[str, ...], only: tuple[str, ...], results_dir: Path, view: str) -> int:
    """Show the cases of SUITE, what would be built, what is skipped and how long it takes."""
    from harness import store
    from harness.plan import estimate
    from harness.plan import plan as make_plan
    from harness.run.inputs import check_inputs
    from harness.show.plan import PlanDocument

    made = make_plan(suite, overrides=overrides, only=only)
    check_inputs(made.cases)
    known = store.durations(results_dir, made.suite.name) if (results_dir / "runs").is_dir() else {}
    print_document(PlanDocument(made, estimate(made, known)), view)
    return 0
