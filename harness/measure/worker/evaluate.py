"""Compute the outputs that accuracy and drift are judged by, and leave them in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.feeds import Rows

MAX_VALUES = 1 << 26
"""Values kept of one case, all outputs together; counted in values, so that a case and its FP32
reference stop at the same row."""

AGAIN = 2
"""How often the first input is evaluated again, once all others were in between."""

MISSING = "not in every call"
"""Of a part of a sequence whose length changes."""

Result = Mapping[str, np.ndarray | str]
Evaluate = Callable[[Rows], Result]


@dataclass(frozen=True, slots=True)
class BatchProbe:
    """Feeds that show whether the batch axis holds samples, one a row, the first rows first.

    `alone` holds each row as a batch of one; empty where the model's batch is fixed. `copies` holds
    each row as a batch of itself. `unavailable` says why the rows would show nothing.
    """

    alone: Iterable[Rows] = ()
    copies: Iterable[Rows] = ()
    unavailable: str = ""


NO_PROBE = BatchProbe()


def evaluate(
    run: Evaluate,
    batches: Sequence[Rows],
    batch: int,
    rows: int,
    path: Path,
    probe: BatchProbe = NO_PROBE,
    max_values: int = MAX_VALUES,
) -> dict[str, Any]:
    """Run `batches`, which hold `rows` samples, and save the outputs to `path`.

    An output that has the batch on one axis, and whose shape is the same in
    every call, is kept as one array of rows, the padding cut off. Any other (the
    boxes that a detector found) is kept a call at a time, flattened:
    [calls, values], or one row of values where the calls differ in size.
    The rows of `probe` are kept beside the same rows of the first batch; rows
    alone show which axis is the batch's (else it is axis 0). Returns the part
    ``outputs``.
    """
    results: list[Result] = []
    kept = 0
    for feed in batches:
        results.append(run(feed))
        kept += sum(value.size for value in results[-1].values() if not isinstance(value, str))
        if kept >= max_values:
            break
    repeat = _repeat(results[0], [run(batches[0]) for _ in range(AGAIN)])
    by_row, found = _by_row(run, probe, results[0], batch)
    rows = min(rows, len(results) * batch)
    saved: dict[str, np.ndarray] = {}
    per_call, unavailable = [], {}
    for name in results[0]:
        values = [result.get(name, MISSING) for result in results]
        arrays = [value for value in values if not isinstance(value, str)]
        axis = found.get("axes", {}).get(name, 0)
        if len(arrays) < len(values):
            unavailable[name] = next(value for value in values if isinstance(value, str))
        elif arrays[0].shape[axis : axis + 1] == (batch,) and len({array.shape for array in arrays}) == 1:
            saved[name] = np.concatenate([np.moveaxis(array, axis, 0) for array in arrays])[:rows]
        else:
            saved[name] = _per_call(arrays)
            per_call.append(name)
    files = {str(index): array for index, array in enumerate(saved.values())}
    for index, (ours, together) in enumerate(by_row.values()):
        files |= {f"alone.{index}": ours, f"together.{index}": together}
    np.savez(path, **files)  # type: ignore[arg-type]
    return {
        "file": str(path),
        "names": list(saved),
        "rows": rows,
        "batch": batch,
        "per_call": per_call,
        "unavailable": unavailable,
        "repeat": repeat,
        "alone": {**found, "names": list(by_row)} if found else {},
        "nonfinite_inputs": _nonfinite(batches[: len(results)]),
    }


def _per_call(arrays: Sequence[np.ndarray]) -> np.ndarray:
    flat = [array.reshape(-1) for array in arrays]
    return np.stack(flat) if len({len(array) for array in flat}) == 1 else np.concatenate(flat)


def _repeat(first: Result, again: Sequence[Result]) -> dict[str, Any]:
    """Return whether the same input had the same answer, bit by bit, and the largest difference by output.

    None stands for a difference that no number expresses: of shape, of strings, of NaN.
    """
    differences: dict[str, float | None] = {}
    for name, value in first.items():
        if isinstance(value, str):
            continue
        others = [other.get(name, MISSING) for other in again]
        if all(_same(value, other) for other in others):
            continue
        found = [_largest(value, other) for other in others if not _same(value, other)]
        differences[name] = None if None in found else max(item for item in found if item is not None)
    return {"calls": 1 + len(again), "equal": not differences, "max_abs_diff": differences}


def _same(value: np.ndarray, other: np.ndarray | str) -> bool:
    if isinstance(other, str) or value.shape != other.shape or value.dtype != other.dtype:
        return False
    if value.dtype.kind == "f":
        return value.tobytes() == other.tobytes() or bool(np.array_equal(value, other, equal_nan=True))
    return bool(np.array_equal(value, other))


def _largest(value: np.ndarray, other: np.ndarray | str) -> float | None:
    if isinstance(other, str) or value.shape != other.shape or value.dtype.kind not in "fiub":
        return None
    with np.errstate(invalid="ignore"):
        difference = np.abs(value.astype(np.float64) - other.astype(np.float64))
    finite = difference[np.isfinite(difference)]
    return float(finite.max()) if finite.size and finite.max() > 0 else None


def _by_row(
    run: Evaluate, probe: BatchProbe, together: Result, batch: int
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, Any]]:
    """Evaluate the rows of `probe`; give them beside the same rows of a batch, and the axis of the batch.

    Where the model refuses a row alone, a batch of copies of it takes its place.
    """
    if probe.unavailable:
        return {}, {"rows": 0, "axes": {}, "unavailable": probe.unavailable}
    refused = ""
    for how, feeds, axis_of in (("alone", probe.alone, _batch_axis), ("copies", probe.copies, _same_axis)):
        try:
            results = [run(feed) for feed in feeds]
        except Exception as error:  # a model may take its own batch only
            refused = f"{type(error).__name__}: {error}"[:200]
            continue
        if results:
            found, axes = _rows_of(results, together, batch, axis_of)
            return found, {"how": how, "rows": len(results), "axes": axes, "unavailable": ""}
    return {}, {"rows": 0, "axes": {}, "unavailable": refused} if refused else {}


def _rows_of(
    results: Sequence[Result], together: Result, batch: int, axis_of: Callable[..., int | None]
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, int]]:
    """Return the first row of each of `results` beside row k of the batch, and the axis of the batch."""
    found, axes = {}, {}
    for name, whole in together.items():
        single = [result.get(name, MISSING) for result in results]
        arrays = [item for item in single if not isinstance(item, str)]
        if isinstance(whole, str) or len(arrays) < len(single):
            continue
        axis = axis_of(whole.shape, arrays[0].shape, batch)
        if axis is None or len({array.shape for array in arrays}) > 1:
            continue
        axes[name] = axis
        rows = np.concatenate([np.moveaxis(array, axis, 0)[:1] for array in arrays])
        found[name] = (rows, np.moveaxis(whole, axis, 0)[: len(rows)])
    return found, axes


def _batch_axis(together: tuple[int, ...], single: tuple[int, ...], batch: int) -> int | None:
    """Return the one axis that is the batch's size of rows together, and 1 of a row alone."""
    if len(together) != len(single):
        return None
    differ = [axis for axis, sizes in enumerate(zip(together, single, strict=True)) if sizes[0] != sizes[1]]
    if len(differ) == 1 and (together[differ[0]], single[differ[0]]) == (batch, 1):
        return differ[0]
    return None


def _same_axis(together: tuple[int, ...], copies: tuple[int, ...], batch: int) -> int | None:
    """Return the first axis of the batch's size, where both have the same shape."""
    return together.index(batch) if together == copies and batch in together else None


def _nonfinite(batches: Sequence[Rows]) -> dict[str, tuple[int, int]]:
    """Count the NaN and Inf that inputs hold, of how many elements; inputs without are not there."""
    found = {}
    for name in batches[0] if batches else ():
        arrays = [np.asarray(feed[name]) for feed in batches]
        if arrays[0].dtype.kind == "f":
            bad = sum(int(np.count_nonzero(~np.isfinite(array))) for array in arrays)
            if bad:
                found[name] = (bad, sum(array.size for array in arrays))
    return found
