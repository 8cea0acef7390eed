"""The process of a tool: call the user's function, convert what it returns, let the original answer."""

from __future__ import annotations

import importlib
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build.check import first_line
from harness.build.converters import INPUT, Converted, Example, Takes, Wanted
from harness.build.process import answer
from harness.build.reads import record_reads
from harness.build.user_function import call, find_function
from harness.core.errors import Failed, HarnessError, Unsupported

if TYPE_CHECKING:
    import numpy as np

ARRAYS = "arrays.npz"
"""Rows (``in.NAME``), answers (``out.NAME``) and labels (``y``), for the build to split and keep."""

KEYS = ("model", "inputs", "labels")


def main(folder: str) -> None:
    """Do what ``request.json`` in `folder` asks for."""
    answer(Path(folder), convert)


def convert(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the model, and the arrays beside it; return notes, which output counts, and what was read."""
    import numpy as np

    kind, target, folder = request["kind"], request["target"], Path(request["folder"])
    with record_reads(Path(request["own"]), folder, Path(request["site"])) as reads:
        converter = importlib.import_module(f"harness.build.converters.{request['converter']}")
        takes = converter.TAKES
        random.seed(0)
        np.random.seed(0)
        if hasattr(converter, "seed"):
            converter.seed()
        example = read(target, kind, call(find_function(target, kind), target, kind), takes)
        if request["rows"] is not None:
            example = on_rows(example, Path(request["rows"]), takes)
        wanted = Wanted(folder / "model.onnx", request["opset"], request["options"])
        try:
            done: Converted = converter.convert(example, wanted)
        except (HarnessError, MemoryError):
            raise
        except Exception as error:  # a converter raises what it likes
            text = f"{type(error).__name__}: {first_line(error)}"
            raise Unsupported(f"{request['who']} cannot convert it: {text}") from error
    arrays = {f"in.{name}": value for name, value in example.rows.items()}
    arrays |= {f"out.{name}": value for name, value in done.answers.items()}
    if done.labels is not None:
        arrays["in.y"] = done.labels
    plain = {name: value.astype(str) if value.dtype == object else value for name, value in arrays.items()}
    np.savez(folder / ARRAYS, **plain)  # type: ignore[arg-type]
    return {
        "counts": done.counts,
        "notes": list(done.notes),
        "opset_passed": done.opset_passed or request["opset"],
        "unavailable": done.unavailable,
        "reads": dict(reads),
    }


def read(target: str, kind: str, made: Any, takes: Takes) -> Example:
    """Read (model, inputs), (model, inputs, labels), or a mapping with these keys. Raises Failed."""
    import numpy as np

    expected = f"{kind} source: {target} must return (model, inputs) or (model, inputs, labels)"
    if isinstance(made, tuple) and len(made) in (2, 3):
        made = dict(zip(KEYS, made, strict=False))
    if not isinstance(made, Mapping):
        raise Failed(f"{expected}, got {type(made).__name__}")
    if unknown := sorted(set(made) - set(KEYS)):
        raise Failed(f"{expected}, or a mapping of {', '.join(KEYS)}; got {unknown[0]!r}")
    model, inputs, labels = (made.get(key) for key in KEYS)
    if model is None or inputs is None:
        raise Failed(f"{expected}; the {'model' if model is None else 'inputs'} is None")
    try:
        rows = as_rows(inputs, expected, takes)
    except (ValueError, TypeError) as error:  # of what is no array at all
        raise Failed(f"{expected}; the inputs are no arrays: {first_line(error)}") from error
    labels = None if labels is None else np.asarray(labels).reshape(-1)
    sizes = {name: len(value) for name, value in rows.items()} | (
        {} if labels is None else {"y": len(labels)}
    )
    if len(set(sizes.values())) != 1 or min(sizes.values()) < 2:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise Failed(f"{expected}, all of as many rows, two at least; got {listed}")
    return Example(model, as_given(inputs, rows), rows, labels)


def as_given(inputs: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    """Give what the original takes: its own types, and the values that the converted model gets.

    A tree decides otherwise about 0.1 than about the nearest float32.
    """
    import numpy as np

    if hasattr(inputs, "columns"):
        doubles = [name for name, kind in inputs.dtypes.items() if kind == np.float64]
        return inputs.astype(dict.fromkeys(doubles, np.float32)).astype(dict.fromkeys(doubles, np.float64))
    if isinstance(inputs, Mapping):
        return next(iter(rows.values())) if len(rows) == 1 else rows
    array = np.asarray(inputs)
    return array.astype(np.float32).astype(np.float64) if array.dtype == np.float64 else array


def as_rows(inputs: Any, expected: str, takes: Takes) -> dict[str, np.ndarray[Any, Any]]:
    """Give what the converted model takes: one array, an input a column of a table, or arrays by name.

    What is float64 is given as float32, which converted models compute in. Raises Failed.
    """
    import numpy as np

    if hasattr(inputs, "columns") and takes is Takes.COLUMNS:
        found = {str(name): inputs[[name]].to_numpy() for name in inputs.columns}
    elif isinstance(inputs, Mapping):
        found = {str(name): np.asarray(value) for name, value in inputs.items()}
    else:
        found = {INPUT: np.asarray(inputs)}
    for name, value in found.items():
        if value.ndim < 1 or value.dtype.kind not in "fiubUSO":
            raise Failed(f"{expected}; input {name!r} is {value.dtype} of shape {value.shape}")
        try:
            found[name] = value.astype(as_type(value.dtype, takes), copy=False)
        except (ValueError, TypeError) as error:
            raise Failed(f"{expected}; it takes one matrix of numbers: {first_line(error)}") from error
    if takes is Takes.MATRIX and [value.ndim for value in found.values()] != [2]:
        raise Failed(f"{expected}; it takes one matrix of numbers, got {len(found)} arrays")
    return found


def as_type(given: np.dtype[Any], takes: Takes) -> np.dtype[Any]:
    """Return the type in which a converted model gets what is given as another."""
    import numpy as np

    if takes is Takes.MATRIX or (given.kind == "f" and (takes is Takes.COLUMNS or given.itemsize == 8)):
        return np.dtype(np.float32)
    return np.dtype(np.int64) if given.kind in "iu" and takes is Takes.COLUMNS else given


def on_rows(example: Example, path: Path, takes: Takes) -> Example:
    """Let the original answer the rows of a suite's data in place of its own. Raises Failed."""
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "y"}
    if len(example.rows) == 1 and len(arrays) == 1:
        arrays = {next(iter(example.rows)): next(iter(arrays.values()))}
    if set(arrays) != set(example.rows):
        raise Failed(f"the data has {', '.join(arrays)}; the model takes {', '.join(example.rows)}")
    rows = as_rows(arrays, str(path), takes)
    given: Any = next(iter(rows.values())) if len(rows) == 1 else rows
    if hasattr(example.given, "columns"):
        table = given.T if takes is Takes.MATRIX else [rows[str(name)] for name in example.given.columns]
        columns = dict(zip(example.given.columns, (item.reshape(-1) for item in table), strict=True))
        given = type(example.given)(columns).astype(example.given.dtypes.to_dict())
    return Example(example.model, given, rows)
