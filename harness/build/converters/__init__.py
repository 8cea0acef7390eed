"""What runs in the process of a tool: the user's function, the converter, and the original's own answers.

That process has the standard library, the tool with all that it needs, and this
package: nothing of the environment. A new converter is a file here with a
function ``convert(example, wanted)`` and `Takes`, a row in `harness.core.tools.TOOLS`, and a line in
`harness.core.plugins.SOURCES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, "np.ndarray[Any, Any]"]

INPUT = "x"
"""What the input of a model is called that takes one matrix."""


class Takes(Enum):
    """How a converted model takes rows; each converter has one, ``TAKES``."""

    COLUMNS = "columns"  # one matrix, or an input a column of a table; float32, int64, truth, text
    MATRIX = "matrix"  # one matrix of float32, also of a table
    TENSORS = "tensors"  # arrays of any shape, of their own types


@dataclass(frozen=True, slots=True)
class Example:
    """What the user's function returned, and the rows that the original is to answer.

    `given` is what the original takes, `rows` the same as the converted model takes it.
    """

    model: Any
    given: Any
    rows: Arrays
    labels: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written: where, at which opset, by which options of the source."""

    path: Path
    opset: int
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Converted:
    """What a converter did, beside the file that it wrote.

    `answers` are the original's, by the output of the file that gives the same;
    `counts` names the output that counts, empty: the first. `labels` are as that
    output gives them.
    """

    answers: Arrays
    counts: str = ""
    labels: np.ndarray[Any, Any] | None = None
    notes: tuple[str, ...] = ()
    unavailable: str = ""  # why there are no answers
    opset_passed: int | None = None  # to the converter; None: the one that is wanted
