"""Read the arrays of an .npz file, and those within what a model gives."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import InputError


def read_arrays(path_npz: str) -> dict[str, NDArray[Any]]:
    """Read every array of the file. Raises InputError where it is no archive of plain arrays."""
    from zipfile import BadZipFile  # most workers draw their inputs: they start sooner without

    try:
        with np.load(path_npz, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{path_npz}: not a readable .npz of plain arrays: {error}") from error


MAX_PARTS = 64
"""Tensors of a sequence that are kept apart; a longer one is kept as all of its elements in a row."""


def as_arrays(name: str, value: Any) -> dict[str, NDArray[Any] | str]:
    """Give the arrays that an output holds, by name; where there is none, why.

    A sequence gives its tensors as ``name[0]``, ``name[1]``, ...; a map its values by sorted key; a
    sequence of maps with the same keys, as classifiers give, a row a map.
    """
    if isinstance(value, np.ndarray):
        return {name: value.astype(str) if value.dtype == object else value}
    if isinstance(value, str):  # why it was not read
        return {name: value}
    if value is None:
        return {name: "an optional without a value"}
    if isinstance(value, dict):
        return {name: _as_row(value)}
    if not isinstance(value, list):
        return {name: f"not a tensor but a {type(value).__name__}"}
    if not value:
        return {name: "a sequence without elements"}
    if all(isinstance(item, dict) for item in value):
        same = len({tuple(sorted(item)) for item in value}) == 1
        return {name: np.stack([_as_row(item) for item in value]) if same else "maps of unlike keys"}
    if not all(isinstance(item, np.ndarray) for item in value):
        return {name: np.asarray(value)} if all(isinstance(item, str) for item in value) else {name: "mixed"}
    if len(value) > MAX_PARTS:
        return as_arrays(name, np.concatenate([item.reshape(-1) for item in value]))
    parts = [as_arrays(f"{name}[{index}]", item) for index, item in enumerate(value)]
    return {key: array for part in parts for key, array in part.items()}


def _as_row(values: dict[Any, Any]) -> NDArray[Any]:
    return np.asarray([values[key] for key in sorted(values)])
