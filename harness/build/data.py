"""Split labelled data into a part to calibrate on and a part to evaluate on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import cache
from harness.build.arrays import available_bytes, declared_bytes, read_arrays
from harness.build.versions import own_code, versions
from harness.core.artifact import Built, Dataset
from harness.core.case import DataRef
from harness.core.errors import CaseError, Failed, InputError
from harness.core.feeds import LABELS
from harness.core.hashing import hash_file
from harness.core.plugins import CATALOGUE
from harness.core.registry import closest
from harness.core.units import format_bytes

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, "np.ndarray[Any, Any]"]

Split = Callable[[Arrays, int], tuple[Arrays, Arrays]]

KIND = "data"
SEED = 0
LARGE_BYTES = 2**26
COPIES = 3
"""A file is in memory so many times while it is split: as read, as shuffled, as written."""

CALIBRATION_SHARE = 5
"""At most one sample in so many is calibrated on."""


@dataclass(frozen=True, slots=True)
class Catalogued:
    """A data set that ships with a package: the file it lies in, and how it is split.

    `split` takes the arrays and how many samples are to be calibrated on; it
    returns the calibration part and the evaluation part.
    """

    path: Path
    split: Split


def load_data(ref: DataRef, cache_dir: Path, *, large_bytes: int = LARGE_BYTES) -> Dataset:
    """Return the data that `ref` names, split, on disk and ready to feed.

    A sample is calibrated on or evaluated, never both. Of a user's file,
    ``ref.calibration`` samples (a fifth at most) drawn by a seeded permutation
    are calibrated on; a catalogued set has a split of its own. A file of more than
    `large_bytes` is read by another process. Raises InputError naming the file, the
    array and what was expected.
    """
    try:
        return _load(ref, cache_dir, large_bytes)
    except OSError as error:
        raise InputError(f"{error.filename or ref.location}: {error.strerror or error}") from error


def _load(ref: DataRef, cache_dir: Path, large_bytes: int) -> Dataset:
    if ref.kind == "catalogue":
        if ref.location not in CATALOGUE:
            raise InputError(f"unknown data set {ref.location!r}: {closest(ref.location, CATALOGUE)}")
        catalogued: Catalogued = CATALOGUE.resolve(ref.location)
        path, name, split = catalogued.path, ref.location, catalogued.split
    else:
        path, split = Path(ref.location), permute
        name = path.name
    if not path.is_file():
        raise InputError(f"{path}: no such file; data is an .npz, or one of: {', '.join(CATALOGUE)}")
    recipe = {
        "sha256": hash_file(path),
        "catalogue": ref.kind == "catalogue",
        "calibration": ref.calibration,
        "versions": versions("numpy"),
        "code": own_code(),
    }

    def make(folder: Path) -> Mapping[str, Any]:
        if split is permute and declared_bytes(path) > large_bytes:
            return _split_apart(path, ref.calibration, folder)
        return _write(*split(read(path), ref.calibration), folder)

    entry = cache.fetch(cache_dir, KIND, recipe, make)
    return Dataset(
        name=name,
        calibration=str(entry.folder / "calibration.npz"),
        evaluation=str(entry.folder / "evaluation.npz"),
        samples=entry.content["samples"],
        labelled=entry.content["labelled"],
        sha256=entry.sha256,
    )


def identify_data(ref: DataRef) -> str:
    """Identify data by the hash of its file; where there is none, by its name or by why."""
    known = ref.kind == "catalogue" and ref.location in CATALOGUE
    path = CATALOGUE.resolve(ref.location).path if known else Path(ref.location)
    try:
        content = hash_file(path)
    except OSError as error:
        content = f"{ref.location}: {error.strerror}"
    return f"{ref.kind} {content} {ref.calibration}"


def load_labels(where: str, data: Dataset, built: Built) -> np.ndarray[Any, Any] | None:
    """Return the labels of the evaluation part: its ``y``, unless that is an input of the model.

    `where` names the data. Raises Failed where they are not one finite value a sample.
    """
    if not data.labelled or LABELS in {item.name for item in built.inputs}:
        return None
    import numpy as np

    with np.load(data.evaluation, allow_pickle=False) as arrays:
        labels: np.ndarray[Any, Any] = arrays[LABELS]
    if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] != 1):
        shape = ", ".join(str(size) for size in ("n", *labels.shape[1:]))
        raise Failed(f"{where}: labels 'y' have shape ({shape}); expected one a sample: (n,)")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise Failed(f"{where}: labels 'y' hold NaN or infinity; expected finite values")
    return labels


def _split_apart(path: Path, calibration: int, folder: Path) -> Mapping[str, Any]:
    """Let another process read a large file: one that does not fit ends that process, not the run."""
    from harness.build import process

    request = {"step": "split", "path": str(path), "calibration": calibration, "target": str(folder)}
    try:
        return process.run(request)
    except CaseError as error:
        reason = str(error)
        raise InputError(reason if str(path) in reason else f"{path}: cannot be read: {reason}") from error


def split_file(path: Path, calibration: int, folder: Path) -> Mapping[str, Any]:
    """Read, split and write a user's file. Raises InputError."""
    return _write(*permute(read(path), calibration), folder)


def _write(calibration: Arrays, evaluation: Arrays, folder: Path) -> Mapping[str, Any]:
    import numpy as np

    np.savez(folder / "calibration.npz", **calibration)  # type: ignore[arg-type]
    np.savez(folder / "evaluation.npz", **evaluation)  # type: ignore[arg-type]
    return {"samples": len(next(iter(evaluation.values()))), "labelled": LABELS in evaluation}


def permute(arrays: Arrays, calibration: int) -> tuple[Arrays, Arrays]:
    """Shuffle, seeded, and set some samples apart: files are often sorted by class."""
    import numpy as np

    count = len(next(iter(arrays.values())))
    order = np.random.default_rng(SEED).permutation(count)
    cut = min(calibration, max(1, count // CALIBRATION_SHARE))
    return (
        {name: array[order[:cut]] for name, array in arrays.items()},
        {name: array[order[cut:]] for name, array in arrays.items()},
    )


def read(path: Path, available: Callable[[], int | None] = available_bytes) -> Arrays:
    """Read an .npz of samples. Raises InputError naming the array and what was expected of it."""
    needed = COPIES * declared_bytes(path)
    if (there := available()) is not None and needed > there:
        raise InputError(
            f"{path}: splitting it takes {format_bytes(needed)} of memory, {format_bytes(there)} are there"
        )
    arrays = read_arrays(path)
    _check(path, arrays)
    return arrays


def _check(path: Path, arrays: Arrays) -> None:
    import numpy as np

    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InputError(f"{path}: {name!r} is no array; expected nothing but .npy members")
    if not set(arrays) - {LABELS}:
        raise InputError(
            f"{path}: no array for a model input; expected one under its name, or 'x' for a sole input"
        )
    for name, array in arrays.items():
        if array.dtype.kind not in ("fiub" if name == LABELS else "fiubUS"):
            text = "" if name == LABELS else " or text"
            raise InputError(f"{path}: {name!r} is of type {array.dtype}; expected numbers{text}")
        if array.ndim == 0:
            raise InputError(f"{path}: {name!r} is a scalar; expected samples on its first axis")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in lengths.items())
        raise InputError(f"{path}: arrays differ in their number of samples ({listed})")
    if min(lengths.values()) < 2:
        raise InputError(f"{path}: {min(lengths.values())} samples; expected 2 at least")
