"""Find what a quantizer left as it was in a model, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.build.reading import walk

if TYPE_CHECKING:
    import onnx

WEIGHTED = ("Conv", "MatMul", "Gemm", "LSTM", "ConvTranspose", "GRU", "Attention", "Gather")
"""Operators whose weights a quantizer converts."""

COMPUTING = frozenset(WEIGHTED) - {"Gather"}
"""Of these, what computes: a Gather may as well pick a size out of a shape."""

BETWEEN = frozenset({"Cast", "Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Mul", "Constant"})


LACKS = {"int8_static": {"LSTM", "GRU", "Attention"}, "int8_dynamic": {"GRU", "ConvTranspose"}}
"""Of these, what a quantizer has no rule for."""


def why(model: onnx.ModelProto, kind: str = "") -> str:
    """Return in words what keeps the weights of `model` from being converted to `kind`."""
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
    kinds = {node.op_type for node in top}
    if kinds <= LACKS.get(kind, set()):
        others = [other for other in LACKS if other != kind and not kinds <= LACKS[other]]
        hint = f"; try {others[0]}" if others else ""
        return f"the quantizer has no rule for {', '.join(sorted(kinds))}{hint}"
    if causes["a constant"]:
        return "the quantizer left out every operator with weights; look at op_types and nodes_to_exclude"
    listed = ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
    return f"no weight of its {len(top)} operators is a constant: {listed}"


FLOATING = (1, 10, 11, 16)
"""ONNX's numbers of float32, float16, float64 and bfloat16."""


def left(model: onnx.ModelProto) -> str:
    """Return which operators of a quantized `model` still have a constant weight in floating point.

    ``MatMul 3 (2 of them in subgraphs)``; empty where there are none.
    """
    floating = {
        tensor.name
        for graph in _graphs(model.graph)
        for tensor in graph.initializer
        if tensor.data_type in FLOATING
    }
    found = [node for node in walk(model) if _has_weight(node, floating)]
    if not found:
        return ""
    inside = len(found) - sum(_has_weight(node, floating) for node in model.graph.node)
    counts = Counter(node.op_type for node in found).most_common()
    where = f" ({inside} of them in subgraphs)" if inside else ""
    return ", ".join(f"{name} {count}" for name, count in counts) + where


def _has_weight(node: onnx.NodeProto, constants: set[str]) -> bool:
    return node.op_type in COMPUTING and not constants.isdisjoint(node.input[1:2])


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for item in node.attribute:
            for inner in (*([item.g] if item.HasField("g") else []), *item.graphs):
                yield from _graphs(inner)
