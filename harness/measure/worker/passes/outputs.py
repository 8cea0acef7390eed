"""Compute the outputs that accuracy and drift are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.feeds import Dimensions, Rows, cut, sample_count
from harness.measure.worker import evaluate

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


ALONE = 4
"""Rows that are evaluated by themselves as well, at most."""


def run(case: Run) -> None:
    """Evaluate the request's rows and leave the arrays in a file of the worker's folder."""
    case.engine.enter("outputs")
    batch = case.request.load["batch"]
    rows, dims = case.rows(case.request.rows)
    batches = cut(rows, case.request.inputs, batch, dims)
    path = case.folder.absolute() / "outputs.npz"
    n = sample_count(rows, dims)
    probe = _probe(rows, case, dims) if batch > 1 else evaluate.NO_PROBE
    part = evaluate.evaluate(case.engine.evaluate, batches, batch, n, path, probe)
    case.answer["outputs"].update(part, types=dict(case.engine.foreign_types()))


def _probe(rows: Rows, case: Run, dims: Dimensions) -> evaluate.BatchProbe:
    """Cut the first rows into feeds that show whether each is answered for itself."""
    inputs, batch = case.request.inputs, case.request.load["batch"]
    count = min(ALONE, batch, sample_count(rows, dims))
    held = [name for name, axis in dims.axes.items() if axis is not None and name in rows]
    if all(_alike(rows[name][:batch]) for name in held):
        return evaluate.BatchProbe(unavailable="every row of the batch holds the same values")
    copies = (
        cut({**rows, **{name: rows[name][k : k + 1] for name in held}}, inputs, batch, dims, 1)[0]
        for k in range(count)
    )
    return evaluate.BatchProbe(cut(rows, inputs, 1, dims, count) if dims.driven else (), copies)


def _alike(rows: np.ndarray) -> bool:
    """Return whether all rows are the same."""
    return len(rows) < 2 or bool(np.all(rows[1:] == rows[:1]))
