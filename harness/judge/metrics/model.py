"""The model file."""

from __future__ import annotations

from harness.core.record import Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric


def model(facts: Facts) -> dict[str, Metric]:
    """Judge the size on disk, external data included."""
    return {"model/size": metric("model/size", facts.built.size_bytes, n=1)}
