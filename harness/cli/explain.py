"""`harness explain`: why two arms differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.ab import planner_of, read_point
from harness.cli.options import DOCUMENT_FORMATS, cache_option, format_option, print_document, shape_options
from harness.core.errors import InputError
from harness.explain.model import Explanations


@click.command(
    epilog="""\b
Examples:
  harness explain model.onnx --outputs --base precision=fp32 --head precision=int8_static --data samples.npz
  harness explain model.onnx --outputs --base graph_opt=disable --head graph_opt=all
  harness explain old.onnx new.onnx --outputs --format json
\b
Exit codes: 0 nothing was found; 1 a tensor is beyond the tolerance; 2 the input was wrong;
3 a case could not be explained, or not to its end; 130 interrupted.
"""
)
@click.argument(
    "models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SUITE|MODEL [MODEL]"
)
@click.option("--outputs", is_flag=True, help="Find the first tensor whose values are beyond the tolerance.")
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
    default=8,
    show_default=True,
    help="Samples on which tensors are compared.",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds a case.",
)
@cache_option
@format_option(*DOCUMENT_FORMATS)
def explain(
    models: tuple[Path, ...],
    outputs: bool,
    base: tuple[str, ...],
    head: tuple[str, ...],
    cache_dir: Path,
    view: str,
    **choices: Any,
) -> int:
    """Why does HEAD differ from BASE? Two settings of a SUITE or a MODEL file, or two files.

    With --outputs: the first tensor, in the order in which HEAD computes them, whose values are beyond
    the tolerance, and the error of all tensors that both arms have.
    """
    from harness.ab.plans import plan_arms
    from harness.explain.job import outputs as explain_tensors
    from harness.explain.view import OutputsDocument
    from harness.show.progress import Lines

    if not outputs:
        raise InputError("say what to explain: --outputs")
    points = {flag: read_point(flag, texts) for flag, texts in (("--base", base), ("--head", head))}
    arms = plan_arms(models, points["--base"], points["--head"], planner_of(models, choices))
    found = explain_tensors(
        arms.pairing,
        arms.suite,
        cache_dir,
        base=arms.base,
        head=arms.head,
        samples=choices["samples"],
        budget_s=choices["budget_s"],
        listener=Lines(),
    )
    print_document(OutputsDocument(found), view)
    return exit_code(found)


def exit_code(found: Explanations) -> int:
    """Give 130 where interrupted, 1 where something was found, 3 where not all was looked at, else 0."""
    if found.interrupted:
        return 130
    if any(item.first for item in found.found):
        return 1
    return 3 if found.missing or not found.found or any(item.unseen for item in found.found) else 0
