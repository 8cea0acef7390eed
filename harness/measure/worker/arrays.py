"""Read the arrays of an .npz file."""

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
