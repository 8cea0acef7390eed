"""Read the arrays of an .npz file, whoever wrote it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,  # encrypted
    NotImplementedError,  # another compression
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged or foreign archive raises."""


def read_arrays(path: str | Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read every array of the file. Raises InputError where it is no archive of plain arrays."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable .npz of plain arrays: {reason}") from error
