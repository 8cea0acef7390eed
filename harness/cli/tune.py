"""`harness tune`: the best settings under limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.ab import SUITES
from harness.cli.options import (
    DOCUMENT_FORMATS,
    cache_option,
    format_option,
    handed,
    print_document,
    read_fills,
    refuse_file_options,
    results_option,
    shape_options,
)
from harness.cli.save import save_suite
from harness.core.errors import InputError

if TYPE_CHECKING:
    from harness.core.suite import Plan
    from harness.tune.model import TuneResult, TuneSettings


@click.command(
    epilog="""\b
Examples:
  harness tune model.onnx
  harness tune model.onnx --slo "memory/peak <= 200 MB" --maximize throughput/samples_per_s
  harness tune model.onnx --data samples.npz --slo "accuracy/top1_delta >= -0.5%"
  harness tune suites/nightly.yaml --slo "latency/p95 <= 5 ms" --minimize memory/peak
  harness tune model.onnx --budget 60 --save-suite finalists.yaml
\b
Exit codes: 0 every model has a winner that was measured afresh and meets all limits;
1 no cell of a model meets them; 2 the input was wrong; 3 a winner was not measured
afresh, or nothing was measured; 130 interrupted: the best so far is shown.
"""
)
@click.argument("model", type=click.Path(path_type=Path), metavar="SUITE|MODEL")
@click.option(
    "--slo",
    "slos",
    multiple=True,
    metavar="LIMIT",
    help="What must hold, e.g. 'latency/p95 <= 5 ms'; may be repeated.",
)
@click.option("--minimize", metavar="METRIC", help="What to make small.  [default: latency/p50]")
@click.option("--maximize", metavar="METRIC", help="What to make large, e.g. throughput/samples_per_s.")
@click.option("--only", multiple=True, metavar="AXIS=VALUE[,VALUE]", help="Search only the cells that match.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override any key of the suite, e.g. --set axes.batch=1,8.",
)
@click.option("--data", help="Of a model file: a data catalogue name, or an .npz file.")
@shape_options
@click.option("--output", help="Of a model file: the output that counts, where there are several.")
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds of measuring.  [default: 15% of a full sweep of 96 cells or more]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws what is left to chance."
)
@click.option(
    "--save-suite",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the finalists as a suite, with the limits as gates.",
)
@click.option("--resume", is_flag=True, help="Take up the newest unfinished search of this very question.")
@results_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def tune(
    model: Path,
    save_suite: Path | None,
    resume: bool,
    results_dir: Path,
    cache_dir: Path,
    view: str,
    **choices: Any,
) -> int:
    """Find the best settings of a SUITE's models, or of a MODEL file, under limits.

    Only a fraction of the cells is measured; the winner is measured again in full, and must meet
    every limit then.
    """
    from harness.run.bench import open_bench
    from harness.show.progress import Lines
    from harness.tune.job import tune as search
    from harness.tune.view import TuneDocument

    settings = _settings(choices)
    plan = _plan(model, settings, choices)
    if save_suite and not save_suite.absolute().parent.is_dir():
        raise InputError(f"--save-suite {save_suite}: there is no folder {save_suite.parent}")
    result = search(
        plan,
        settings,
        results_dir,
        cache_dir,
        resume=resume,
        listener=Lines(),
        opening=handed("open_bench", open_bench),
        instruments=handed("instruments", None),
    )
    print_document(TuneDocument(result), view)
    click.echo(f"facts: {result.file}", err=True)
    if save_suite:
        _save(plan, result, save_suite)
    return exit_code(result)


def exit_code(result: TuneResult) -> int:
    """Give 130 where interrupted, 1 where limits rule all measured cells out, 3 without a fresh winner."""
    if result.interrupted:
        return 130
    if any(answer.winner is None and answer.nearest for answer in result.answers):
        return 1
    return 0 if result.found else 3


def _settings(choices: Mapping[str, Any]) -> TuneSettings:
    from harness.tune.model import TuneSettings
    from harness.tune.slo import parse_limits, parse_objective

    objective = parse_objective(choices["minimize"], choices["maximize"])
    return TuneSettings(objective, parse_limits(choices["slos"]), choices["budget_s"], choices["seed"])


def _plan(model: Path, settings: TuneSettings, choices: Mapping[str, Any]) -> Plan:
    """Plan a suite, or a model file over the default space. Raises InputError."""
    from harness.cli.sweep import read_shapes
    from harness.measure.cores import available_cores
    from harness.plan import is_starter, plan
    from harness.run.model_file import plan_model_file
    from harness.tune.axes import default_axes

    if model.suffix in SUITES or is_starter(model):
        refuse_file_options(choices)
        return plan(model, choices["overrides"], choices["only"])
    axes = default_axes(
        available_cores(),
        data=bool(choices["data"]),
        batches=settings.objective.metric.startswith("throughput/"),
    )
    made, assumed = plan_model_file(
        model,
        axes,
        data=choices["data"],
        shapes=read_shapes(choices["shapes"]),
        inputs=read_fills(choices["fills"]),
        output=choices["output"],
        batch_dim=choices["batch_dim"],
        custom_ops=choices["custom_ops"],
        overrides=choices["overrides"],
        only=choices["only"],
    )
    if assumed:
        click.echo(assumed, err=True)
    return made


def _save(plan: Plan, result: TuneResult, path: Path) -> None:
    """Write the finalists as a suite, its paths relative to the folder of `path`. Raises InputError."""
    from harness.plan.document import parse
    from harness.plan.files import rebase
    from harness.tune.finalists import finalists_suite

    base = Path(plan.suite.path).parent if plan.suite.path else Path.cwd()
    planned = rebase(parse(plan.suite.text, str(path)), base, path.resolve().parent)
    document = finalists_suite(planned.value, plan.cases, result)
    if document is None:
        click.echo(f"no finalists: {path} is not written", err=True)
        return
    save_suite(document, path)
    click.echo(f"finalists written to {path}", err=True)
