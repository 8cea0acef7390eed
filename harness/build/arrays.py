"""Read the arrays of an .npz file, whoever wrote it."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.core.errors import InputError
from harness.core.units import format_bytes

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
    struct.error,
    MemoryError,
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


def declared_bytes(path: Path) -> int:
    """Sum up what the arrays of an .npz take, reading their headers alone. Raises InputError.

    An array that declares another size than its file holds is refused: numpy would allocate what it declares.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not an .npz, or a part of one; expected one array for each model input")
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    total += _declared(path, member, file)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable .npz of plain arrays: {reason}") from error
    return total


def stubs(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Give one element for each array of an .npz, of its type and with its axes, reading headers alone.

    Raises InputError where it is no archive of plain arrays.
    """
    import numpy as np

    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    shape, _, dtype = _header(file)
                found[name.removesuffix(".npy")] = np.zeros((1,) * len(shape), dtype)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable .npz of plain arrays: {reason}") from error
    return found


def _declared(path: Path, member: zipfile.ZipInfo, file: IO[bytes]) -> int:
    if not member.filename.endswith(".npy"):
        return member.file_size
    try:
        shape, _, dtype = _header(file)
    except NotImplementedError:
        return member.file_size
    declared, held = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if declared != held and not dtype.hasobject:
        name = member.filename.removesuffix(".npy")
        raise InputError(
            f"{path}: {name!r} declares {format_bytes(declared)}, {format_bytes(max(held, 0))} are there"
        )
    return int(member.file_size)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type of an array. Raises NotImplementedError for a version that is not known."""
    import numpy as np

    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise NotImplementedError(f"version {version[0]}.{version[1]} of the .npy format")
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = readers[version](file)
    return found


def available_bytes() -> int | None:
    """Return the memory that can be had without swapping, in a container too; None if unknown."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        found.append(limit - int((group / "memory.current").read_text()))
    return max(min(found), 0) if found else None
