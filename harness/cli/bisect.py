"""`harness bisect`: the first bad version."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.bisect.model import Over, Scan, Search, SearchOutcome, Step
from harness.cli.options import (
    DOCUMENT_FORMATS,
    Command,
    cache_option,
    format_option,
    handed,
    parse_optional_effect,
    print_document,
    refuse_file_options,
    results_option,
    shape_options,
)
from harness.cli.sweep import CHOICES, plan_of_file
from harness.core.errors import InputError
from harness.core.listener import Listener
from harness.core.metrics import COUNTED
from harness.show.escape import visible

if TYPE_CHECKING:
    from harness.bisect.job import Candidates
    from harness.core.suite import Plan

SUITES = (".yaml", ".yml")
AXES = tuple(axis for axis in CHOICES if axis != "runtime")


def _axis_options(command: Command) -> Command:
    for axis in reversed(AXES):
        text = f"The one value of that axis. {CHOICES[axis]}"
        command = click.option(f"--{axis.replace('_', '-')}", axis, metavar="VALUE", help=text)(command)
    return command


@click.command(
    epilog="""\b
Examples:
  harness bisect model.onnx
  harness bisect model.onnx --good 1.20.1 --bad 1.32.0 --intra-threads 1
  harness bisect model.onnx --metric accuracy/max_abs_error --tolerance 1e-3
  harness bisect model.onnx --metric accuracy/top1 --data samples.npz
  harness bisect model.onnx --over quantizer --precision int8_dynamic --metric model/int8_operators
  harness bisect suites/nightly.yaml --only model=digits_cnn,precision=int8_static --only batch=1
  harness bisect monday.onnx tuesday.onnx wednesday.onnx --resume
\b
Exit codes: 0 no version is worse; 1 the first bad version was found, fixed since or not; 2 the input
was wrong; 3 nothing could be decided, or the control of an A/B fired; 130 interrupted.
"""
)
@click.argument(
    "models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SUITE|MODEL [MODEL...]"
)
@click.option("--good", metavar="VERSION", help="Where to begin.  [default: the oldest that runs here]")
@click.option("--bad", metavar="VERSION", help="Where to end.  [default: the newest released]")
@click.option(
    "--distribution", default="onnxruntime", show_default=True, help="Whose released versions are searched."
)
@click.option(
    "--over",
    type=click.Choice([item.value for item in Over]),
    default=Over.RUNTIME.value,
    show_default=True,
    help="Whether these versions run the model, or convert it to its precision.",
)
@click.option(
    "--metric",
    default="latency/p50",
    show_default=True,
    help="latency/p50 or p95, memory/peak, instructions/call, accuracy/top1, mae, agreement, cosine, "
    "sqnr_db, max_abs_error, model/size, nodes or int8_operators, or status: the first version that cannot "
    "run the model.",
)
@click.option(
    "--min-effect",
    metavar="RATIO",
    callback=parse_optional_effect,
    help="Bad is what is slower, bigger or takes more instructions, by more.  "
    "[default: half of what lies between the ends, 1% at least]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="LOSS",
    help="Bad is what loses more accuracy.  [default: half of what lies between the ends, rounding at least]",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds of blocks for each A/B at most: as many as show twice what counts as bad.",
)
@click.option(
    "--scan",
    is_flag=True,
    help="Of speed and memory: look at the newest patch of every minor release first, so that what was "
    "fixed since is found too.  Exact questions look at every version anyway.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Draws the order of the arms.  [default: drawn]")
@_axis_options
@click.option("--data", help="A data catalogue name, or an .npz file with one array for each input.")
@shape_options
@click.option("--output", help="The output that counts, where there are several.")
@click.option("--only", multiple=True, metavar="AXIS=VALUE", help="Of a suite: the case to search with.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override any key.")
@click.option("--resume", is_flag=True, help="Take up the newest unfinished search of this kind.")
@results_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def bisect(
    models: tuple[Path, ...], results_dir: Path, cache_dir: Path, view: str, resume: bool, **choices: Any
) -> int:
    """Find the first version that is slower, bigger or less accurate.

    With one MODEL (or a SUITE of which one case is left): among the released versions of ONNX
    Runtime. With several: among these files, the oldest first.
    """
    from harness.ab.model import DEFAULT_S, ABSettings
    from harness.bisect.job import bisect as search_for
    from harness.bisect.view import BisectionDocument

    metric = choices["metric"]
    search = handed("bisect", search_for)(
        _lineup(models, choices),
        metric,
        results_dir,
        cache_dir,
        limit=_limit(metric, choices["min_effect"], choices["tolerance"]),
        settings=ABSettings(
            budget_s=min(DEFAULT_S, choices["budget_s"]),
            most_s=choices["budget_s"],
            seed=secrets.randbelow(2**32) if choices["seed"] is None else choices["seed"],
        ),
        scan=Scan.MINORS if choices["scan"] else Scan.HALVES,
        resume=resume,
        listener=BisectLines(metric),
    )
    print_document(BisectionDocument(search), view)
    click.echo(f"steps: {search.file}", err=True)
    return exit_code(search)


def exit_code(search: Search) -> int:
    """Give 130 where interrupted, 3 where undecided or not trusted, 1 where a version is bad, else 0."""
    if search.finding is None:
        return 130
    if search.finding.outcome is SearchOutcome.UNDECIDED or not search.trusted:
        return 3
    return 0 if search.finding.outcome is SearchOutcome.NO_DIFFERENCE else 1


class BisectLines(Listener):
    """Print a line on standard error whenever a step ends."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._number = 0

    def start_step(self, number: int, version: str, against: str) -> None:
        """Keep which step it is."""
        self._number = number

    def end_step(self, step: Step) -> None:
        """Print how it ended."""
        from harness.bisect.view import describe

        click.echo(f"[{self._number}] {visible(describe(step, self._metric))}", err=True)


def _limit(metric: str, min_effect: float | None, tolerance: float | None) -> float | None:
    """Return what counts as bad, by the option that belongs to the metric. Raises InputError."""
    from harness.bisect.degradation import TIMED

    timed = metric in (*TIMED, *COUNTED)
    if (tolerance if timed else min_effect) is not None:
        raise InputError(f"--metric {metric} takes {'--min-effect' if timed else '--tolerance'}")
    return min_effect if timed else tolerance


def _lineup(models: tuple[Path, ...], choices: Mapping[str, Any]) -> Candidates:
    from harness.bisect.job import over_models, over_runtimes
    from harness.install import released
    from harness.plan import is_starter

    if len(models) == 1:
        (path,) = models
        return over_runtimes(
            _plan(path, choices),
            path,
            choices["distribution"],
            choices["good"],
            choices["bad"],
            over=Over(choices["over"]),
            released=handed("released", released),
        )
    if choices["over"] != Over.RUNTIME:
        raise InputError("--over is for versions; of several files, the first one is good")
    if choices["good"] or choices["bad"]:
        raise InputError("--good and --bad are for versions of a runtime; of files, the first one is good")
    if suites := [path for path in models if path.suffix in SUITES or is_starter(path)]:
        raise InputError(f"{suites[0]}: expected one suite, or model files only")
    printed: set[str] = set()
    return over_models({path: _plan(path, choices, printed) for path in models})


def _plan(path: Path, choices: Mapping[str, Any], printed: set[str] | None = None) -> Plan:
    """Make the plan of a suite or of a model file; `printed` is `plan_of_file`'s. Raises InputError."""
    from harness.plan import is_starter, plan

    if path.suffix in SUITES or is_starter(path):
        refuse_file_options(choices, AXES)
        return plan(path, choices["overrides"], choices["only"])
    return plan_of_file(path, choices, only=choices["only"], printed=printed)
