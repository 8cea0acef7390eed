"""Compute the outputs that accuracy and drift are judged by, and leave them in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.feeds import Rows

MAX_VALUES = 1 << 26
"""Values kept of one case, all outputs together; counted in values, so that a case and its FP32
twin stop at the same row."""

Evaluate = Callable[[Rows], Mapping[str, np.ndarray | str]]


def evaluate(
    run: Evaluate,
    batches: Sequence[Rows],
    batch: int,
    rows: int,
    path: Path,
    max_values: int = MAX_VALUES,
) -> dict[str, Any]:
    """Run `batches`, which hold `rows` samples, and save the outputs to `path`.

    An output whose axis 0 is the batch, and whose shape is the same in every
    call, is kept as one array of rows, the padding cut off. Any other (the
    boxes that a detector found) is kept a call at a time, flattened:
    [calls, values], or one row of values where the calls differ in size.
    Returns the part ``outputs``.
    """
    results: list[Mapping[str, np.ndarray | str]] = []
    kept = 0
    for feed in batches:
        results.append(run(feed))
        kept += sum(value.size for value in results[-1].values() if not isinstance(value, str))
        if kept >= max_values:
            break
    rows = min(rows, len(results) * batch)
    saved: dict[str, np.ndarray] = {}
    per_call, unavailable = [], {}
    for name in results[0]:
        values = [result[name] for result in results]
        arrays = [value for value in values if not isinstance(value, str)]
        if len(arrays) < len(values):
            unavailable[name] = next(value for value in values if isinstance(value, str))
        elif arrays[0].shape[:1] == (batch,) and len({array.shape for array in arrays}) == 1:
            saved[name] = np.concatenate(arrays)[:rows]
        else:
            saved[name] = _per_call(arrays)
            per_call.append(name)
    np.savez(path, **{str(index): array for index, array in enumerate(saved.values())})  # type: ignore[arg-type]
    return {
        "file": str(path),
        "names": list(saved),
        "rows": rows,
        "batch": batch,
        "per_call": per_call,
        "unavailable": unavailable,
    }


def _per_call(arrays: Sequence[np.ndarray]) -> np.ndarray:
    flat = [array.reshape(-1) for array in arrays]
    return np.stack(flat) if len({len(array) for array in flat}) == 1 else np.concatenate(flat)
