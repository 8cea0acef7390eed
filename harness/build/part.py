"""Take a part of a model out as a model of its own, and record what its inputs hold in the whole one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.arrays import read_arrays
from harness.build.check import first_line
from harness.build.cut import cut, part
from harness.build.origin import keep_parts
from harness.core import feeds
from harness.core.artifact import Built
from harness.core.errors import Failed
from harness.core.feeds import LABELS, Rows

if TYPE_CHECKING:
    import numpy as np
    import onnx

MOST_BYTES = 2**29
"""What is recorded at most of the evaluated rows: the first ones."""

WHOLE = "whole.onnx"


def write(base: Path, wanted: Mapping[str, Sequence[str]], target: Path) -> onnx.ModelProto:
    """Write what lies between the tensors that are `wanted`; return it. Raises Failed."""
    made = part(files.parse(base), wanted)
    _save(made, base, target)
    return made


def record(
    base: Built,
    made: onnx.ModelProto,
    data: Mapping[str, Any],
    counts: str | None,
    folder: Path,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Keep what the inputs of the part hold when the whole model is fed with `data`; return where, and notes.

    `data` has a ``name``, and the paths of its ``calibration`` and ``evaluation``. Labels go with it where
    `counts`, the part's output that counts, is an output of the whole model. Raises CaseError, InputError.
    """
    names = [item.name for item in made.graph.input]
    model = files.parse(Path(base.path))
    whole = cut(model, [item.name for item in base.inputs], names)
    _save(whole, Path(base.path), folder / WHOLE)
    labelled = (counts or made.graph.output[0].name) in base.outputs
    try:
        kept: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
        for name in ("calibration", "evaluation"):
            kept[name] = _recorded(base, folder / WHOLE, names, data, name, labelled)
    finally:
        for path in folder.glob(f"{WHOLE}*"):
            path.unlink()
    origin = keep_parts(f"tensors of {data['name']}", kept["calibration"], kept["evaluation"], folder)
    first, given = origin["samples"], _rows_of(read_arrays(data["evaluation"]))
    notes = (f"recorded: the first {first} of {given} evaluated rows",) if first < given else ()
    return {**origin, "rows": "recorded", "unavailable": "the model is a part of another"}, notes


def _save(model: onnx.ModelProto, base: Path, target: Path) -> None:
    """Write a model that refers to the external data of `base`, with that alone which it needs."""
    from onnx.external_data_helper import load_external_data_for_model

    for location in files.external_files(model):
        files.locate(base, location)
    load_external_data_for_model(model, str(base.parent))
    files.save(model, target)


def _recorded(
    base: Built, whole: Path, names: Sequence[str], data: Mapping[str, Any], name: str, labelled: bool
) -> dict[str, np.ndarray[Any, Any]]:
    """Run the whole model on one part of the data; return each tensor, a row a sample, and the labels."""
    import numpy as np

    where = str(data["name"])
    rows, labels = feeds.data_rows(where, read_arrays(data[name]), base.inputs)
    dims = feeds.bind_dimensions(base.inputs, None, {}, data["batch_dim"], rows, where)
    count = feeds.sample_count(rows, dims)
    found: dict[str, list[np.ndarray[Any, Any]]] = {tensor: [] for tensor in names}
    taken = size = 0
    for answer in _run(whole, names, feeds.cut(rows, base.inputs, dims.batch, dims)):
        for tensor, value in zip(names, answer, strict=True):
            if value.ndim == 0 or len(value) != dims.batch:
                raise Failed(
                    f"tensor {tensor!r} has shape {value.shape} for {dims.batch} sample of {where}: "
                    f"its first axis is not the samples, so it cannot be fed; take data out, or cut elsewhere"
                )
            found[tensor].append(value)
            size += value.nbytes
        taken += dims.batch
        if size > MOST_BYTES:
            break
    kept = {tensor: np.concatenate(values)[: min(taken, count)] for tensor, values in found.items()}
    if labelled and labels is not None and LABELS not in names:
        kept[LABELS] = labels[: min(taken, count)]
    return kept


def _run(whole: Path, names: Sequence[str], batches: Sequence[Rows]) -> Iterator[list[Any]]:
    """Run the model at a path, unoptimized. Raises Failed in the runtime's words."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(whole), options, providers=["CPUExecutionProvider"])
        for batch in batches:
            yield session.run(list(names), batch)
    except Exception as error:  # the runtime raises classes of its own
        if isinstance(error, Failed):
            raise
        raise Failed(f"the whole model does not run on the data: {first_line(error)}") from error


def _rows_of(arrays: Mapping[str, np.ndarray[Any, Any]]) -> int:
    return len(next(iter(arrays.values())))
