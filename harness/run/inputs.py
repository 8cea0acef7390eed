"""Ask for what the inputs of model files need and nobody says: all at once, before anything is measured.

Of a source that is no file (torch, zoo) the inputs are known once it is built: its record then says so.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.build import files
from harness.build.cut import part
from harness.build.reading import read_model
from harness.core.case import Case, DataRef, Frozen, Model, thaw
from harness.core.errors import CaseError, Failed, InputError
from harness.core.feeds import (
    SOLE,
    TEXT,
    add_up,
    ask_for_argument,
    ask_for_rank,
    ask_for_text,
    batch_dimensions,
    dimension_names,
    guesses,
    is_open,
    needs_value,
    not_bound,
    with_overrides,
    wrong_values,
)
from harness.core.form import Form
from harness.core.inputs import Input


def check_inputs(cases: Iterable[Case], form: Form = Form.COMMAND) -> None:
    """Raise InputError where a model file has dimensions that nothing binds, or text that nobody gives.

    Likewise where it is cut at a tensor that it does not have.
    """
    asked = dict.fromkeys((case.artifact.model, case.load.shapes.options) for case in cases)
    read: dict[tuple[str, Frozen], tuple[Input, ...]] = {}
    problems: list[str] = []
    for model, options in asked:
        if model.source.kind != "onnx":
            continue
        key = (str(thaw(model.source.options)["path"]), model.cut)
        if not Path(key[0]).is_file():
            continue  # the plan says so
        try:
            if key not in read:
                read[key] = _read(Path(key[0]), thaw(model.cut))
            problem = _problem(model, {**thaw(model.shapes), **thaw(options)}, read[key], form)
        except Failed as error:
            problem = str(error)
        except (CaseError, OSError):
            continue  # the build says what is wrong with the file
        if problem:
            problems.append(f"{model.name}: {problem}")
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))


def _read(path: Path, wanted: Mapping[str, Sequence[str]]) -> tuple[Input, ...]:
    """Return the inputs of a file, or of the part that is `wanted` of it.

    Raises Failed where it is no model, its external data is not there, or it has no such part.
    """
    model = files.parse(path)
    files.check_data(path, model)
    if not wanted:
        return read_model(model).inputs
    try:
        return read_model(part(model, wanted)).inputs
    except Failed as error:
        raise Failed(f"cut: {error}") from error


def _problem(model: Model, shapes: Mapping[str, int], inputs: Sequence[Input], form: Form) -> str:
    """Return what is asked for; empty where all is known."""
    given = data_names(model.data, inputs) if model.data else frozenset()
    if model.cut and model.data:  # what its tensors hold is recorded
        given = frozenset(item.name for item in inputs)
    text = [item for item in inputs if item.dtype == TEXT and item.name not in given]
    if text:
        return "; ".join(ask_for_text(item, form) for item in text)
    known_inputs = with_overrides(inputs, thaw(model.inputs))
    if wrong := wrong_values(known_inputs, shapes):
        return wrong
    if unknown := [item for item in known_inputs if needs_value(item)]:
        return "; ".join(ask_for_argument(item, form=form) for item in unknown)
    try:
        driven = batch_dimensions(inputs, shapes, model.batch_dim)
    except CaseError as error:
        return str(error)
    if asked := [item for item in known_inputs if item.name not in given and is_open(item, shapes)]:
        return "; ".join(ask_for_rank(item, form) for item in asked)
    open_ = guesses([item for item in inputs if item.name not in given], shapes)
    left = [item.name for item in open_ if item.name not in driven]
    names = {item.name: dimension_names(item, shapes) for item in inputs}
    known = {size for item in inputs if item.name in given for size in names[item.name]}
    left = [name for name in left if name not in known and name not in add_up(left, shapes)]
    return not_bound(left, inputs, shapes, form) if left else ""


def data_names(data: DataRef, inputs: Sequence[Input]) -> frozenset[str]:
    """Return the inputs that `data` has arrays for, as far as its table of contents tells."""
    everything = frozenset(item.name for item in inputs)
    if data.kind != "npz":
        return everything
    try:
        with zipfile.ZipFile(data.location) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return everything  # what reads it says what is wrong
    sole = len(inputs) == 1 and SOLE in names
    return everything if sole else everything & names
