"""`harness sweep`: measure one model file without writing a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import (
    RECORD_FORMATS,
    Command,
    cache_option,
    format_option,
    read_fills,
    results_option,
    shape_options,
)
from harness.cli.save import save_suite
from harness.core.errors import InputError

if TYPE_CHECKING:
    from harness.core.suite import Plan

CHOICES = {
    "opset": "Operator set versions, e.g. 17,21.",
    "precision": "fp32, fp16, bf16, int8_dynamic, int8_static, int4, uint4.",
    "runtime": "current, or a requirement such as onnxruntime==1.22.1.",
    "provider": "cpu, cuda, tensorrt, openvino, dml, coreml.",
    "graph_opt": "disable, basic, extended, all.",
    "execution_mode": "sequential or parallel.",
    "intra_threads": "Threads within an operator; 0: the cores available.",
    "inter_threads": "Threads across operators.",
    "batch": "Batch sizes, e.g. 1,8,32.",
    "io": "iobinding or run.",
}
"""The axes that make sense on a command line; --set reaches the others."""


def axis_options(command: Command) -> Command:
    """Add an option an axis."""
    for axis, text in reversed(CHOICES.items()):
        flag = f"--{axis.replace('_', '-')}"
        command = click.option(flag, axis, metavar="VALUE[,VALUE]", help=text)(command)
    return command


@click.command(
    epilog="""\b
Examples:
  harness sweep model.onnx
  harness sweep model.onnx --batch 1,8 --intra-threads 1,2 --graph-opt disable,all
  harness sweep model.onnx --precision fp32,int8_static --data samples.npz
  harness sweep bert.onnx --shape sequence=128 --batch 1,8 --save-suite suites/bert.yaml
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@axis_options
@click.option("--data", help="A data catalogue name, or an .npz file with one array for each input.")
@shape_options
@click.option("--output", help="The output that counts, where there are several.")
@click.option("--seconds", type=float, help="Seconds of timed calls a case.  [default: 1]")
@click.option("--processes", type=int, help="Fresh worker processes a case.  [default: 1]")
@click.option("--strict-provider", is_flag=True, help="Fail a case whose nodes run on another provider.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override any key.")
@click.option(
    "--save-suite", type=click.Path(path_type=Path, dir_okay=False), help="Write the suite as YAML."
)
@click.option("--resume", is_flag=True, help="Take up the newest unfinished sweep of this very plan.")
@results_option
@cache_option
@format_option(*RECORD_FORMATS)
def sweep(
    model: Path,
    save_suite: Path | None,
    resume: bool,
    results_dir: Path,
    cache_dir: Path,
    view: str,
    **choices: Any,
) -> int:
    """Measure the file MODEL over the axes given, through the same runner as a suite."""
    from harness.cli.run import measure_and_print
    from harness.inspect.job import lint_notes
    from harness.show.escape import visible

    sampling = {key: choices[key] for key in ("seconds", "processes")}
    plan = plan_of_file(model, choices, sampling=sampling, strict_provider=choices["strict_provider"])
    for lines in lint_notes(plan.suite.models, cache_dir, choices["custom_ops"]).values():
        for line in lines:
            click.echo(f"lint: {visible(line)}", err=True)
    if save_suite:
        _save(plan.suite.text, save_suite)
    return measure_and_print(plan, results_dir, cache_dir, view, resume=resume)


def plan_of_file(
    model: Path,
    choices: Mapping[str, Any],
    *,
    overrides: Sequence[str] | None = None,
    only: Sequence[str] = (),
    printed: set[str] | None = None,
    **how: Any,
) -> Plan:
    """Plan a model file by options of the command line, as text: axes, --data, --shape, --output, --set.

    What `choices` does not have was not asked for. Prints what was assumed, unless
    it is in `printed`, to which it is added. Raises InputError.
    """
    from harness.run.model_file import plan_model_file

    plan, assumed = plan_model_file(
        model,
        {axis: _values(choices[axis]) for axis in CHOICES if choices.get(axis)},
        data=choices.get("data") or None,
        shapes=read_shapes(choices.get("shapes", ())),
        inputs=read_fills(choices.get("fills", ())),
        output=choices.get("output") or None,
        batch_dim=choices.get("batch_dim"),
        custom_ops=choices.get("custom_ops") or (),
        overrides=choices["overrides"] if overrides is None else overrides,
        only=only,
        **how,
    )
    printed = set() if printed is None else printed
    if assumed and assumed not in printed:
        click.echo(assumed, err=True)
        printed.add(assumed)
    return plan


def read_shapes(texts: Sequence[str]) -> dict[str, int]:
    """Read ``NAME=SIZE`` options; ``INPUT=SIZE,SIZE`` are the sizes of its axes. Raises InputError."""
    return {name: size for text in texts for name, size in _shape(text)}


def _shape(text: str) -> list[tuple[str, int]]:
    name, _, written = text.partition("=")
    sizes = written.split(",")
    if not name or not all(size.isdecimal() for size in sizes):
        raise InputError(f"--shape {text}: expected NAME=SIZE such as sequence=128, or x=1,3,224 of an input")
    if len(sizes) == 1:
        return [(name, int(written))]
    return [(f"{name}[{axis}]", int(size)) for axis, size in enumerate(sizes)]


def _values(text: str) -> list[str | int]:
    return [int(item) if item.isdecimal() else item for item in (part.strip() for part in text.split(","))]


def _save(text: str, path: Path) -> None:
    """Write the suite planned here, its paths relative to the folder of `path`. Raises InputError."""
    from harness.plan.document import parse
    from harness.plan.files import rebase

    planned = rebase(parse(text, str(path)), Path.cwd(), path.resolve().parent)
    save_suite(planned.value, path)
    click.echo(f"suite written to {path}", err=True)
