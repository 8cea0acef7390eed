"""Compute the outputs that accuracy and drift are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.feeds import cut, sample_count
from harness.measure.worker import evaluate

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


def run(case: Run) -> None:
    """Evaluate the request's rows and leave the arrays in a file of the worker's folder."""
    case.engine.enter("outputs")
    batch = case.request.load["batch"]
    rows, dims = case.rows(case.request.rows)
    batches = cut(rows, case.request.inputs, batch, dims)
    path = case.folder.absolute() / "outputs.npz"
    n = sample_count(rows, dims)
    case.answer["outputs"].update(evaluate.evaluate(case.engine.evaluate, batches, batch, n, path))
