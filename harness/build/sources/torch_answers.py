"""Let a torch module answer the rows that the file exported of it will be evaluated on.

Imported in the build's own process only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from harness.build.arrays import read_arrays
from harness.build.check import first_line
from harness.build.origin import keep_answers
from harness.build.reading import read_onnx
from harness.core.feeds import Dimensions, Rows, bind_dimensions, cut, data_rows, random_rows, sample_count
from harness.core.feeds import with_overrides as overridden
from harness.core.suite import Measure

if TYPE_CHECKING:
    from harness.build.sources.torch_export import Example

BATCH = 16
"""Rows that a module with a free batch answers at a time."""

ALONE = 32
"""Rows that it answers by themselves as well, at most: one that mixes them has no answer to a row."""


def keep(example: Example, path: Path, rows: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Keep the answers as `harness.build.origin` has them, or why there are none.

    Of rows without data the seed and the sizes are kept: rows of others are others.
    """
    measure = Measure()
    kept = {"rows": "data"} if rows.get("path") else {"rows": "random", "seed": measure.seed}
    kept["shapes"] = rows["shapes"]
    try:
        answers = answer(example, path, rows, measure)
    except MemoryError:
        raise
    except Exception as error:  # the module's own, or rows that do not fit: the file is good all the same
        why = f"the module gave no answers to them: {type(error).__name__}: {first_line(error)}"
        return {**kept, "unavailable": why}
    return {**kept, **keep_answers(answers, folder), "counts": ""}


def answer(example: Example, path: Path, asked: Mapping[str, Any], measure: Measure) -> dict[str, Any]:
    """Return the module's outputs under the names that the file gives them, the batch first.

    An output without the batch on its first axis is left out. Raises ValueError
    where file and module have not the same inputs and outputs, and what the module raises.
    """
    import numpy as np

    reading = read_onnx(path)
    inputs = overridden(reading.inputs, asked["inputs"])
    if {item.name for item in inputs} != set(example.inputs):
        raise ValueError(f"the file has inputs {', '.join(item.name for item in inputs)}")
    rows, dims = draw(inputs, asked, measure)
    count = sample_count(rows, dims)
    found = _calls(example, cut(rows, inputs, dims.batch, dims))
    names = reading.outputs
    if {len(values) for values in found} != {len(names)}:
        raise ValueError(f"it gives {len(found[0])} tensors, the file {len(names)}")
    by_name = dict(zip(names, zip(*found, strict=True), strict=True))
    answers = {
        name: np.concatenate([value.numpy() for value in values])[:count]
        for name, values in by_name.items()
        if all(value.dim() and len(value) == dims.batch for value in values)
    }
    if dims.driven:
        alone = _calls(example, cut(rows, inputs, 1, dims, min(count, ALONE)))
        for at, name in enumerate(names):
            rest = answers.get(name, ())
            if any(
                not _close(values[at].numpy(), rest[row : row + 1])
                for row, values in enumerate(alone)
                if len(rest)
            ):
                raise ValueError(f"it answers a row otherwise alone than beside others ({name})")
    return answers


def _calls(example: Example, feeds: list[Rows]) -> list[list[torch.Tensor]]:
    with torch.no_grad():
        return [
            _call(example, {name: torch.from_numpy(value) for name, value in feed.items()}) for feed in feeds
        ]


def _close(ours: Any, theirs: Any) -> bool:
    """Return whether answers are alike but for rounding."""
    import numpy as np

    if ours.shape != theirs.shape:
        return False
    scale = np.max(np.abs(theirs), initial=0.0)
    return bool(np.allclose(ours, theirs, rtol=0, atol=1e-3 * scale, equal_nan=True))


def draw(inputs: Any, asked: Mapping[str, Any], measure: Measure) -> tuple[Rows, Dimensions]:
    """Return the rows that a worker feeds to such a file, and how its dimensions are bound."""
    data, name, count = None, "data", measure.drift_samples
    if asked.get("path"):
        data, _ = data_rows(name, read_arrays(asked["path"]), inputs, measure.accuracy_samples)
    own = bind_dimensions(inputs, None, asked["shapes"], asked["batch_dim"], data, name)
    batch = BATCH if own.driven else None
    dims = bind_dimensions(inputs, batch, asked["shapes"], asked["batch_dim"], data, name)
    n = count if data is None else sample_count(data, dims)
    absent = [item for item in inputs if data is None or item.name not in data]
    return {**random_rows(absent, n, dims, measure.seed), **(data or {})}, dims


def _call(example: Example, feed: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """Call the module by name, and by place where its parameters have no names; give all tensors in order."""
    from torch.utils import _pytree

    ordered = {name: feed[name] for name in example.inputs}
    try:
        made = example.module(**ordered)
    except TypeError:
        made = example.module(*ordered.values())
    return [value for value in _pytree.tree_leaves(made) if isinstance(value, torch.Tensor)]
