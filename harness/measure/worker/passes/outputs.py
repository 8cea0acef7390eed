"""Compute the outputs that accuracy and drift are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.feeds import Dimensions, Rows, cut, sample_count
from harness.measure.worker import evaluate

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


ALONE = 4
"""Rows that are evaluated alone as well, at most."""


def run(case: Run) -> None:
    """Evaluate the request's rows and leave the arrays in a file of the worker's folder."""
    case.engine.enter("outputs")
    batch = case.request.load["batch"]
    rows, dims = case.rows(case.request.rows)
    batches = cut(rows, case.request.inputs, batch, dims)
    path = case.folder.absolute() / "outputs.npz"
    n = sample_count(rows, dims)
    alone = _alone(rows, case, dims) if batch > 1 else []
    part = evaluate.evaluate(case.engine.evaluate, batches, batch, n, path, alone)
    case.answer["outputs"].update(part)


def _alone(rows: Rows, case: Run, dims: Dimensions) -> list[Rows]:
    """Cut the first rows into batches of one; none where a row cannot be alone."""
    if not dims.driven:
        return []
    return cut(
        rows, case.request.inputs, 1, dims, min(ALONE, case.request.load["batch"], sample_count(rows, dims))
    )
