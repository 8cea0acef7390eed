"""Export a torch module to ONNX, by either of torch's exporters.

Imported in the build's own process only.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.build import files
from harness.build.capture_log import capture_log
from harness.build.check import check, first_line
from harness.build.opset import reason
from harness.build.reading import opset_of
from harness.build.sources import Asked, Written
from harness.build.sources.torch_answers import keep
from harness.build.user_function import call, find_function
from harness.core.errors import Failed, Unsupported
from harness.core.plugins import EXPORTERS
from harness.core.registry import closest

KEYS = (
    *("module", "inputs", "input_names", "output_names", "dynamic_shapes"),
    *("custom_translation_table", "custom_opsets"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A module and what its export needs.

    `inputs` holds an example tensor for each input by name; `dynamic_shapes`
    names each input's symbolic axes, ``{"ids": {0: "batch", 1: "sequence"}}``. Of operators that torch does
    not know how to write, `custom_translation_table` tells dynamo, and a symbolic function that the user's
    code registers tells torchscript, with the versions of its domains in `custom_opsets`.
    """

    module: torch.nn.Module
    inputs: Mapping[str, torch.Tensor]
    output_names: list[str] | None
    dynamic_shapes: Mapping[str, Mapping[int, str]]
    custom_translation_table: Mapping[Any, Any] | None = None
    custom_opsets: Mapping[str, int] | None = None


def export(target: str, asked: Asked, folder: Path) -> Written:
    """Write ``model.onnx``.

    Raises Failed for a mistake of the user's module, Unsupported where the exporter cannot.
    """
    exporter = asked.exporter or next(iter(EXPORTERS))
    write: Callable[..., None] = EXPORTERS.resolve(exporter)
    options = dict(asked.exporter_options)
    example = _example(target, options.pop("dynamic_shapes", None))
    _try(target, example)
    path = folder / files.MODEL
    try:
        with torch.no_grad(), capture_log("onnxscript", logging.WARNING) as logged:
            write(example, asked.opset, path, **options)
    except Exception as error:  # an exporter raises whatever its translation of some operator does
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
            raise Failed(f"{exporter} could not finish: {_cause(error)}") from error
        raise Unsupported(f"{exporter} cannot export it: {_cause(error)}") from error
    _strip(path)
    because = f" ({reason(logged[-1])})" if logged else ""
    if asked.opset not in (None, have := opset_of(files.parse(path))):
        raise Unsupported(f"asked for opset {asked.opset}; {exporter} gave {have}{because}")
    try:
        check(path)
    except Failed as error:
        raise Unsupported(f"{exporter} wrote a file that is {error}{because}") from error
    found = files.external_files(files.parse(path))
    origin = keep(example, path, asked.rows, folder) if asked.rows else {}
    provenance = {"exporter": exporter, **({"external_data": found} if found else {})}
    return Written(files.MODEL, provenance, origin=origin)


def dynamo(
    example: Example,
    opset: int | None,
    path: Path,
    *,
    optimize: bool = True,
    external_data: bool | None = None,
) -> None:
    """Export by ``torch.export``; an opset that it cannot reach is left at 18, without an error."""
    size = sum(tensor.nbytes for tensor in example.module.state_dict().values())
    torch.onnx.export(
        example.module,
        args=(),
        kwargs=dict(example.inputs),
        f=path,
        dynamo=True,
        opset_version=opset,
        output_names=example.output_names,
        dynamic_shapes={name: dict(axes) for name, axes in example.dynamic_shapes.items()} or None,
        external_data=size > files.LARGE_BYTES if external_data is None else external_data,
        optimize=optimize,
        custom_translation_table=dict(example.custom_translation_table or {}) or None,
        verbose=False,
    )


def torchscript(example: Example, opset: int | None, path: Path, *, constant_folding: bool = True) -> None:
    """Export by tracing."""
    parameters = list(inspect.signature(example.module.forward).parameters)
    ordered = sorted(example.inputs, key=parameters.index)
    torch.onnx.export(
        example.module,
        args=tuple(example.inputs[name] for name in ordered),
        f=str(path),
        dynamo=False,
        opset_version=opset,
        input_names=ordered,
        output_names=example.output_names,
        dynamic_axes={name: dict(axes) for name, axes in example.dynamic_shapes.items()},
        do_constant_folding=constant_folding,
        custom_opsets=dict(example.custom_opsets or {}) or None,
    )


def _example(target: str, shapes: Mapping[str, Mapping[str, str]] | None = None) -> Example:
    """Call the user's function, seeded, and read what it returns; `shapes` go before its own."""
    function = find_function(target, "torch")
    torch.manual_seed(0)
    made = call(function, target, "torch")
    return _read(target, made, shapes)


def _try(target: str, example: Example) -> None:
    """Call the module as it is: what it raises itself is no limit of an exporter. Raises Failed."""
    try:
        with torch.no_grad():
            try:
                example.module(**example.inputs)
            except TypeError:  # its parameters may have no names to call them by
                example.module(*example.inputs.values())
    except Exception as error:  # the user's own code
        raise Failed(
            f"torch source: the module of {target} raised {type(error).__name__}: {first_line(error)}"
        ) from error


def _read(target: str, made: Any, asked: Mapping[str, Mapping[str, str]] | None = None) -> Example:
    """Read a pair (module, example inputs), or a mapping or object with the attributes of `KEYS`."""
    if isinstance(made, tuple) and len(made) == 2:
        made = {"module": made[0], "inputs": made[1]}
    given = type(made).__name__
    if not isinstance(made, Mapping):
        made = {key: getattr(made, key) for key in KEYS if hasattr(made, key)}
    if unknown := sorted(set(made) - set(KEYS)):
        raise Failed(
            f"torch source: {target} returned an unknown key {unknown[0]!r}: {closest(unknown[0], KEYS)}"
        )
    module, inputs = made.get("module"), made.get("inputs")
    if not isinstance(module, torch.nn.Module) or inputs is None:
        raise Failed(f"torch source: {target} must return (module, example inputs), got {given}")
    named = _name(module, inputs, made.get("input_names"))
    shapes = made.get("dynamic_shapes")
    if asked is not None:
        shapes = _asked_shapes(asked, named)
    elif shapes is None:
        shapes = {name: {0: "batch"} for name, tensor in named.items() if tensor.dim() > 0}
    outputs = made.get("output_names")
    return Example(
        module.eval(),
        _widen(named, shapes),
        list(outputs) if outputs else None,
        shapes,
        made.get("custom_translation_table"),
        made.get("custom_opsets"),
    )


def _asked_shapes(
    asked: Mapping[str, Mapping[str, str]], inputs: Mapping[str, torch.Tensor]
) -> dict[str, dict[int, str]]:
    """Read the symbolic axes that a suite names. Raises Failed where an input has none such."""
    for name, axes in asked.items():
        if name not in inputs:
            raise Failed(f"dynamic_shapes: no input {name!r}: {closest(name, inputs)}")
        if missing := [axis for axis in axes if int(axis) >= inputs[name].dim()]:
            raise Failed(
                f"dynamic_shapes: input {name!r} has {inputs[name].dim()} axes, none is {missing[0]}"
            )
    return {name: {int(axis): size for axis, size in axes.items()} for name, axes in asked.items()}


def _name(module: torch.nn.Module, inputs: Any, names: Any) -> dict[str, torch.Tensor]:
    """Give every example input the name of the parameter that takes it."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    values = inputs if isinstance(inputs, tuple | list) else (inputs,)
    names = names or list(inspect.signature(module.forward).parameters)[: len(values)]
    return dict(zip(names, values, strict=True))


def _widen(
    inputs: Mapping[str, torch.Tensor], shapes: Mapping[str, Mapping[int, str]]
) -> dict[str, torch.Tensor]:
    """Double symbolic axes of size 1: torch.export takes a size of 0 or 1 for a constant."""
    widened = dict(inputs)
    for name, axes in shapes.items():
        for axis in axes:
            if widened[name].shape[axis] == 1:
                widened[name] = torch.cat([widened[name]] * 2, dim=axis)
    return widened


def _strip(path: Path) -> None:
    """Drop what names the machine's files (stack traces), so that bytes are the same everywhere."""
    import onnx

    from harness.build.reading import walk

    model = files.parse(path)
    for node in walk(model):
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        value.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    model.ClearField("metadata_props")
    onnx.save(model, path)


def _cause(error: BaseException) -> str:
    """Return the innermost reason, in one line: exporters wrap theirs in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {first_line(error)}"
