"""`harness plan`: what a suite comes to."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import DOCUMENT_FORMATS, format_option, plan_options, print_document, results_option

BARE = ("json", "csv")
"""Views of the cases alone."""


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
    from harness.build import default_cache_dir
    from harness.core.case import thaw
    from harness.inspect.job import lint_notes
    from harness.plan import estimate
    from harness.plan import plan as make_plan
    from harness.run.inputs import check_inputs
    from harness.show.plan import PlanDocument

    made = make_plan(suite, overrides=overrides, only=only)
    check_inputs(made.cases)
    libraries = made.cases[0].session.custom_ops if made.cases else ()
    notes = lint_notes(made.suite.models, default_cache_dir(), thaw(libraries)) if view not in BARE else {}
    known = store.durations(results_dir, made.suite.name) if (results_dir / "runs").is_dir() else {}
    print_document(PlanDocument(made, estimate(made, known), notes), view)
    return 0
