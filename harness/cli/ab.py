"""`harness ab`: two arms of the same cases, in turn."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from harness.ab.model import (
    ASKED,
    CAP_ASKED_S,
    CAP_S,
    DEFAULT_S,
    ABResult,
    ABSettings,
    choose_budget,
    split_metrics,
)
from harness.cli.options import (
    DOCUMENT_FORMATS,
    cache_option,
    format_option,
    handed,
    parse_effect,
    parse_optional_effect,
    print_document,
    refuse_file_options,
    results_option,
    shape_options,
)
from harness.cli.sweep import plan_of_file
from harness.core.case import AXES
from harness.core.decision import Change, DecisionSource
from harness.core.errors import InputError
from harness.core.metrics import COUNTED
from harness.core.registry import closest
from harness.core.report import unevaluated

if TYPE_CHECKING:
    from harness.ab.plans import Planner, Point

SUITES = (".yaml", ".yml")
MEMORY = "memory/peak"


@click.command(
    epilog="""\b
Examples:
  harness ab old.onnx new.onnx
  harness ab model.onnx --base graph_opt=disable --head graph_opt=all
  harness ab suites/quickstart.yaml --head runtime=onnxruntime==1.22.1
  harness ab suites/nightly.yaml --base precision=fp32 --head precision=int8_static --format json
  harness ab model.onnx --head intra_threads=2 --min-effect 0.3% --budget 30 --metric latency/p50
  harness ab old.onnx new.onnx --metric instructions/call --min-effect 0.1%
\b
Exit codes: 0 nothing is worse; 1 a regression, or a gate failed; 2 the input was wrong;
3 the control fired, so nothing is to be trusted, or nothing is worse but an arm failed,
nothing was measured or a gate has no data; 130 interrupted.
"""
)
@click.argument(
    "models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SUITE|MODEL [MODEL]"
)
@click.option(
    "--base", multiple=True, metavar="AXIS=VALUE", help="What BASE is, model=NAME too; may be repeated."
)
@click.option("--head", multiple=True, metavar="AXIS=VALUE", help="What HEAD is; may be repeated.")
@click.option(
    "--only", multiple=True, metavar="AXIS=VALUE[,VALUE]", help="Compare only the cases that match."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override any key of the suite.")
@click.option("--data", help="Of a model file: a data catalogue name, or an .npz file.")
@shape_options
@click.option("--batch", metavar="SIZE[,SIZE]", help="Of a model file: batch sizes, e.g. 1,8.")
@click.option("--output", help="Of a model file: the output that counts, where there are several.")
@click.option(
    "--min-effect",
    default="1%",
    show_default=True,
    metavar="RATIO",
    callback=parse_effect,
    help="The least change of interest: smaller ones raise no alarm.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice(ASKED),
    default=ABSettings().metrics,
    metavar="METRIC",
    help="What to decide on; may be repeated. One metric asks for fewer blocks; "
    f"{' and '.join(COUNTED)} for none, and for valgrind.  [default: "
    f"{', '.join(ABSettings().metrics)}]",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds of blocks a case; with --see, at most. The control takes about as much again, once a "
    f"job.  [default: {DEFAULT_S:g}, and up to {CAP_S:g} where twice the minimum effect does not show]",
)
@click.option(
    "--see",
    metavar="RATIO",
    callback=parse_optional_effect,
    help="Run until so small a change is visible, e.g. 2%, as the first blocks spread; --budget is the cap "
    f"({CAP_ASKED_S:g} s unless given).",
)
@click.option(
    "--alpha",
    default="1%",
    show_default=True,
    metavar="RATIO",
    callback=parse_effect,
    help="Chance of a false regression in the whole job; labelled answers have as much again.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Draws the order of the arms.  [default: drawn, and reported]"
)
@results_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def ab(
    models: tuple[Path, ...],
    base: tuple[str, ...],
    head: tuple[str, ...],
    results_dir: Path,
    cache_dir: Path,
    view: str,
    **choices: Any,
) -> int:
    """Is HEAD worse than BASE? Two settings of a SUITE or a MODEL file, or two files.

    Both arms take turns on the same cores, in pairs of fresh processes, until it is decided or the
    budget is spent.
    """
    from harness.ab.job import run_ab
    from harness.ab.plans import plan_arms
    from harness.ab.view import ABDocument
    from harness.install import newest
    from harness.show.progress import Lines

    if not choices["alpha"]:
        raise InputError("--alpha: expected a ratio above 0, such as 1%")
    seed = secrets.randbelow(2**32) if choices["seed"] is None else choices["seed"]
    metrics = split_metrics(choices["metrics"])
    min_effect, see = choices["min_effect"], choices["see"]
    if see is not None and see <= min_effect:
        raise InputError("--see: expected more than --min-effect: what is smaller raises no alarm")
    budget = choose_budget(choices["budget_s"], see)
    settings = ABSettings(
        min_effect, choices["alpha"], budget.budget_s, seed, *metrics, see=budget.see, most_s=budget.most_s
    )
    points = {flag: read_point(flag, texts) for flag, texts in (("--base", base), ("--head", head))}
    arms = plan_arms(
        models, points["--base"], points["--head"], planner_of(models, choices), handed("newest", newest)
    )
    asked = click.get_current_context().get_parameter_source("metrics") is not ParameterSource.DEFAULT
    if asked and MEMORY in settings.metrics and not arms.memory:
        raise InputError(f"--metric {MEMORY}: the suite leaves memory out; add --set measure.memory=true")
    result = handed("run_ab", run_ab)(
        arms.pairing,
        arms.suite,
        settings,
        results_dir,
        cache_dir,
        base=arms.base,
        head=arms.head,
        listener=Lines(),
    )
    print_document(ABDocument(result), view)
    click.echo(f"raw samples: {result.file}", err=True)
    return exit_code(result)


def exit_code(result: ABResult) -> int:
    """Give the exit code.

    130 where interrupted, 3 where untrusted, 1 where HEAD is worse, 3 where an arm failed, nothing was
    measured, a count that was asked for cannot be compared or a gate has no data, else 0.
    """
    if result.interrupted:
        return 130
    if not result.trusted:
        return 3
    if result.worse:
        return 1
    counts = [row for row in result.comparisons if row.metric in result.settings.counted]
    counted = all(row.decision.verdict is not Change.INCONCLUSIVE for row in counts)
    timed = [row for row in result.comparisons if row.decision.source is DecisionSource.AB]
    measured = bool(counts) or any(row.base is not None for row in timed)
    complete = (
        measured and counted and result.failed.keys() <= result.unsupported and not unevaluated(result.gates)
    )
    return 0 if complete else 3


def read_point(flag: str, texts: Sequence[str]) -> Point:
    """Read ``axis=value`` options. Raises InputError."""
    point: dict[str, str] = {}
    for text in texts:
        axis, _, value = text.partition("=")
        if not axis or not value:
            raise InputError(f"{flag} {text}: expected AXIS=VALUE, such as graph_opt=all")
        if axis not in ("model", *AXES):
            raise InputError(f"{flag} {text}: unknown axis {axis!r}: {closest(axis, ('model', *AXES))}")
        if point.setdefault(axis, value) != value:
            raise InputError(f"{flag} has {axis} twice: an arm has one value of each axis")
    return point


def planner_of(models: Sequence[Path], choices: Mapping[str, Any]) -> Callable[[Path], Planner]:
    """Return how plans of a suite or a model file are made. Raises InputError."""
    from harness.plan import is_starter, plan

    suites = [path for path in models if path.suffix in SUITES or is_starter(path)]
    if len(models) > 2 or (suites and len(models) > 1):
        raise InputError("expected one suite, one model file, or two model files")
    overrides, only = choices["overrides"], choices["only"]
    if suites:
        refuse_file_options(choices)
        return lambda path: lambda more, narrow: plan(path, [*overrides, *more], [*only, *narrow])
    printed: set[str] = set()  # an arm is planned more than once
    return lambda path: (
        lambda more, narrow: plan_of_file(
            path, choices, overrides=[*overrides, *more], only=[*only, *narrow], printed=printed
        )
    )
