"""Find why a quantizer found nothing to convert in a model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.build.reading import walk

if TYPE_CHECKING:
    import onnx

WEIGHTED = ("Conv", "MatMul", "Gemm", "LSTM", "ConvTranspose", "GRU", "Attention", "Gather")
"""Operators whose weights a quantizer converts."""

COMPUTING = frozenset(WEIGHTED) - {"Gather"}
"""Of these, what computes: a Gather may as well pick a size out of a shape."""

BETWEEN = frozenset({"Cast", "Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Mul", "Constant"})


def why(model: onnx.ModelProto) -> str:
    """Return in words what keeps the weights of `model` from being converted."""
    top = [node for node in model.graph.node if node.op_type in WEIGHTED]
    heavy = sum(node.op_type in COMPUTING for node in top)
    inside = sum(node.op_type in COMPUTING for node in walk(model)) - heavy
    if not heavy and inside:
        return f"its {inside} operators with weights are in subgraphs, which the quantizer does not enter"
    if not top:
        return f"it has none of {', '.join(WEIGHTED[:4])}"
    weights = {tensor.name for tensor in model.graph.initializer}
    made = {name: node.op_type for node in model.graph.node for name in node.output}
    causes: Counter[str] = Counter()
    for node in top:
        for name in node.input[1:2]:
            if name in weights:
                causes["a constant"] += 1
            elif made.get(name) in BETWEEN:
                causes[f"behind {made[name]}"] += 1
            else:
                causes["computed"] += 1
    if causes["a constant"]:
        return "the quantizer left out every operator with weights; look at op_types and nodes_to_exclude"
    listed = ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
    return f"no weight of its {len(top)} operators is a constant: {listed}"
