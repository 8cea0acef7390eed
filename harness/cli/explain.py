"""`harness explain`: why two arms differ."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.ab import planner_of, read_point
from harness.cli.options import (
    DOCUMENT_FORMATS,
    cache_option,
    format_option,
    handed,
    print_document,
    results_option,
    shape_options,
)
from harness.core.errors import InputError
from harness.explain.model import Explanations, Found

if TYPE_CHECKING:
    from harness.ab.plans import Arms


@click.command(
    epilog="""\b
Examples:
  harness explain suites/quickstart.yaml --head runtime=onnxruntime==1.22.1 --only model=digits_cnn
  harness explain model.onnx --base graph_opt=all --head graph_opt=basic
  harness explain old.onnx new.onnx --regions 5 --format json
  harness explain model.onnx --outputs --base precision=fp32 --head precision=int8_static --data samples.npz
  harness explain model.onnx --sensitivity --head precision=int8_static --within 30
\b
Exit codes: 0 nothing was found; 1 a region is slower, a tensor is beyond the tolerance, or no nodes to
exclude reach the bound; 2 the input was wrong; 3 a case could not be explained, or not to its end;
130 interrupted.
"""
)
@click.argument(
    "models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SUITE|MODEL [MODEL]"
)
@click.option("--outputs", is_flag=True, help="Find the first tensor whose values are beyond the tolerance.")
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Order the nodes of a converted HEAD by what excluding them wins, and find the fewest that suffice.",
)
@click.option(
    "--base", multiple=True, metavar="AXIS=VALUE", help="What BASE is, model=NAME too; may be repeated."
)
@click.option("--head", multiple=True, metavar="AXIS=VALUE", help="What HEAD is; may be repeated.")
@click.option(
    "--only", multiple=True, metavar="AXIS=VALUE[,VALUE]", help="Explain only the cases that match."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override any key of the suite.")
@click.option("--data", help="Of a model file: a data catalogue name, or an .npz file.")
@shape_options
@click.option("--batch", metavar="SIZE[,SIZE]", help="Of a model file: batch sizes, e.g. 1,8.")
@click.option("--output", help="Of a model file: the output that counts, where there are several.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    help="With --outputs: samples on which tensors are compared.  [default: 8]",
)
@click.option(
    "--regions",
    type=click.IntRange(min=0),
    help="Regions that are cut out and put through the A/B, the worst ones.  [default: 3]",
)
@click.option(
    "--instructions/--no-instructions",
    default=None,
    help="Count the instructions of these regions too.  [default: of those whose time shows nothing]",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds of the A/B for each region; with --outputs, of a case; with --sensitivity, of the search.  "
    "[default: 10; 60; 120]",
)
@click.option(
    "--within",
    "within_db",
    type=float,
    metavar="DB",
    help="With --sensitivity: the SQNR that HEAD's output is to keep.  [default: the tolerance]",
)
@click.option("--seed", type=click.IntRange(min=0), help="Draws the order of the arms.  [default: drawn]")
@results_option
@cache_option
@format_option(*DOCUMENT_FORMATS)
def explain(
    models: tuple[Path, ...],
    outputs: bool,
    sensitivity: bool,
    base: tuple[str, ...],
    head: tuple[str, ...],
    results_dir: Path,
    cache_dir: Path,
    view: str,
    **choices: Any,
) -> int:
    """Why does HEAD differ from BASE? Two settings of a SUITE or a MODEL file, or two files.

    Both graphs that really ran are cut at the tensors that both have, and compared region by region; the
    regions that changed most are cut out, fed with recorded values, and put through the A/B.

    With --outputs: the first tensor, in the order in which HEAD computes them, whose values are beyond
    the tolerance, and the error of all tensors that both arms have.

    With --sensitivity: which nodes cost a converted HEAD its accuracy, the nodes_to_exclude that keep it
    within a bound, and what they cost in time.
    """
    from harness.ab.plans import plan_arms
    from harness.install import newest

    if outputs and sensitivity:
        raise InputError("--outputs and --sensitivity are two questions: ask one")
    question = "outputs" if outputs else "sensitivity" if sensitivity else ""
    _check(question, choices)
    points = {flag: read_point(flag, texts) for flag, texts in (("--base", base), ("--head", head))}
    arms = plan_arms(
        models, points["--base"], points["--head"], planner_of(models, choices), handed("newest", newest)
    )
    if outputs:
        return _explain_outputs(arms, cache_dir, view, choices)
    if sensitivity:
        return _explain_sensitivity(arms, results_dir, cache_dir, view, choices)
    return _explain_times(arms, results_dir, cache_dir, view, choices)


OF_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "regions": ("",),
    "instructions": ("",),
    "seed": ("", "sensitivity"),
    "samples": ("outputs",),
    "within_db": ("sensitivity",),
}
"""Option -> the questions that it belongs to; "" is where the time goes."""


def _check(question: str, choices: Mapping[str, Any]) -> None:
    """Raise InputError for an option that belongs to another question."""
    for name, questions in OF_QUESTIONS.items():
        if choices[name] is not None and question not in questions:
            option = name.removesuffix("_db")
            mine = " and ".join(f"--{each}" for each in questions if each)
            wrong = f"not for --{question}" if "" in questions else f"for {mine}"
            raise InputError(f"--{option} is {wrong}")


def _seed(choices: Mapping[str, Any]) -> int:
    return secrets.randbelow(2**32) if choices["seed"] is None else int(choices["seed"])


def _explain_sensitivity(
    arms: Arms, results_dir: Path, cache_dir: Path, view: str, choices: Mapping[str, Any]
) -> int:
    from harness.explain.job import sensitivity
    from harness.explain.sensitivity_view import SensitivityDocument
    from harness.show.progress import Lines

    budget = {} if choices["budget_s"] is None else {"budget_s": choices["budget_s"]}
    found = sensitivity(
        arms.pairing,
        arms.suite,
        results_dir,
        cache_dir,
        base=arms.base,
        head=arms.head,
        bound_db=choices["within_db"],
        seed=_seed(choices),
        listener=Lines(),
        **budget,
    )
    print_document(SensitivityDocument(found), view)
    return exit_code(found, bad=any(item.reached_db is None for item in found.found), whole=True)


def _explain_times(
    arms: Arms, results_dir: Path, cache_dir: Path, view: str, choices: Mapping[str, Any]
) -> int:
    from harness.explain.job import ProofSettings, times
    from harness.explain.time_view import TimesDocument
    from harness.show.progress import Lines

    asked = {name: choices[name] for name in ("regions", "budget_s") if choices[name] is not None}
    found = times(
        arms.pairing,
        arms.suite,
        results_dir,
        cache_dir,
        ProofSettings(**asked, instructions=choices["instructions"], seed=_seed(choices)),
        base=arms.base,
        head=arms.head,
        listener=Lines(),
    )
    print_document(TimesDocument(found), view)
    whole = choices["regions"] == 0 or all(item.proven for item in found.found)
    return exit_code(found, bad=any(item.slower for item in found.found), whole=whole)


def _explain_outputs(arms: Arms, cache_dir: Path, view: str, choices: Mapping[str, Any]) -> int:
    from harness.explain.job import outputs
    from harness.explain.view import OutputsDocument
    from harness.show.progress import Lines

    found = outputs(
        arms.pairing,
        arms.suite,
        cache_dir,
        base=arms.base,
        head=arms.head,
        **{name: choices[name] for name in ("samples", "budget_s") if choices[name] is not None},
        listener=Lines(),
    )
    print_document(OutputsDocument(found), view)
    whole = all(item.whole for item in found.found)
    return exit_code(found, bad=any(item.first for item in found.found), whole=whole)


def exit_code(found: Explanations[Found], *, bad: bool, whole: bool) -> int:
    """Give 130 where interrupted, 1 where `bad` was found, 3 where not all was explained, else 0."""
    if found.interrupted:
        return 130
    if bad:
        return 1
    return 3 if found.missing or not found.found or not whole else 0
