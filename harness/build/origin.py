"""How the original of a converted model answers, kept beside the file that was made of it.

`Built.origin` says what is there, as plain data::

    {"rows": "own" | "data" | "recorded"   which rows the original answered; recorded: its tensors
                                           are the inputs of a part of it,
     "file": "facts/origin.npz"            its answers, an array an output, row by row,
     "counts": name                        the output that counts; empty: the first,
     "unavailable": why                    there are no answers; empty: there are
     own or recorded    "name", "calibration", "evaluation" (files), "samples", "labelled", "sha256"}

The answers are those to the rows that a case is evaluated on, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build.cache import FACTS, combine
from harness.build.data import permute
from harness.core.artifact import Built, Dataset
from harness.core.hashing import hash_file

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, "np.ndarray[Any, Any]"]

ANSWERS, EVALUATION, CALIBRATION = (f"{FACTS}/{name}.npz" for name in ("origin", "evaluation", "calibration"))
_PATHS = ("file", "evaluation", "calibration")


def keep_answers(answers: Arrays, folder: Path) -> dict[str, Any]:
    """Keep the answers to rows that lie elsewhere."""
    return {"file": _save(answers, folder, ANSWERS)}


def keep_rows(name: str, rows: Arrays, answers: Arrays, calibration: int, folder: Path) -> dict[str, Any]:
    """Keep rows of the source's own, their labels under ``y`` among them, and the answers.

    They are split as a user's file is: a sample is calibrated on or evaluated, never both.
    """
    joined = {f"in.{key}": value for key, value in rows.items()}
    joined |= {f"out.{key}": value for key, value in answers.items()}
    parts = permute(joined, calibration)
    kept = keep_parts(name, _named(parts[0], "in."), _named(parts[1], "in."), folder)
    return {**kept, "file": _save(_named(parts[1], "out."), folder, ANSWERS)}


def keep_parts(name: str, calibration: Arrays, evaluation: Arrays, folder: Path) -> dict[str, Any]:
    """Keep rows that are split already, their labels under ``y`` among them."""
    files = {
        "calibration": _save(calibration, folder, CALIBRATION),
        "evaluation": _save(evaluation, folder, EVALUATION),
    }
    return {
        **files,
        "name": name,
        "samples": len(next(iter(evaluation.values()))),
        "labelled": "y" in evaluation,
        "sha256": combine({key: hash_file(folder / file) for key, file in files.items()}),
    }


def _named(arrays: Arrays, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def _save(arrays: Arrays, folder: Path, name: str) -> str:
    import numpy as np

    (folder / FACTS).mkdir(exist_ok=True)
    # text as text, not as objects: nothing is pickled
    plain = {key: value.astype(str) if value.dtype == object else value for key, value in arrays.items()}
    np.savez(folder / name, **plain)  # type: ignore[arg-type]
    return name


def resolve_origin(origin: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths absolute, of an entry that lies in `folder`."""
    return {key: str(folder / value) if key in _PATHS else value for key, value in origin.items()}


def own_data(built: Built) -> Dataset | None:
    """Return the rows that came with the source; None where it gave none."""
    origin = built.origin
    if "evaluation" not in origin:
        return None
    keys = ("name", "calibration", "evaluation", "samples", "labelled", "sha256")
    return Dataset(**{key: origin[key] for key in keys})


def read_origin(built: Built) -> dict[str, np.ndarray[Any, Any]]:
    """Read the original's answers by output; empty where there are none."""
    if "file" not in built.origin:
        return {}
    import numpy as np

    with np.load(built.origin["file"], allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
