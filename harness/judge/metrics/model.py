"""The model file."""

from __future__ import annotations

from harness.core.record import Metric
from harness.core.vocabulary import is_quantized
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing


def model(facts: Facts) -> dict[str, Metric]:
    """Judge the size on disk, external data included, and count nodes and operators."""
    operators = facts.built.operators
    quantized = sum(nodes for operator, nodes in operators.items() if is_quantized(operator))
    counts = {
        "model/nodes": (sum(operators.values()), "the operators of the file are not known"),
        "model/operators": (len(operators), "the operators of the file are not known"),
        "model/int8_operators": (quantized, "no operator of the file is quantized"),
    }
    return {
        "model/size": metric("model/size", facts.built.size_bytes, n=1),
        **{
            name: metric(name, value, n=1) if value else missing(name, reason)
            for name, (value, reason) in counts.items()
        },
    }
