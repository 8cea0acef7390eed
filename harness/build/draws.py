"""Find the Dropouts of a graph that drop, so that its answers vary from call to call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

ONNX = ("", "ai.onnx")
RATIO, TRAINING = 1, 2
"""Which inputs of a Dropout say how much is dropped, and whether anything is."""


def training(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the outputs of the Dropouts that a constant sets to training mode, and none to a ratio of zero.

    What is computed or fed is not known here: whether answers vary by themselves is looked at when they are
    compared.
    """
    found = [*_dropping(model.graph.node, model.graph.initializer, {})]
    for function in model.functions:
        found += _dropping(function.node, (), {})
    return tuple(found)


def _dropping(
    nodes: Iterable[onnx.NodeProto], weights: Iterable[onnx.TensorProto], outer: Mapping[str, Any]
) -> Iterator[str]:
    """Yield those of one scope and of the graphs within it, which see its constants."""
    known = {**outer, **{tensor.name: tensor for tensor in weights}}
    for node in nodes:
        if node.op_type == "Constant" and node.domain in ONNX and len(node.output) == 1:
            held = next(iter(node.attribute), None)
            known[node.output[0]] = held and (held.f if held.name == "value_float" else held.t)
        if node.op_type == "Dropout" and node.domain in ONNX and node.output:
            ratio, mode = (_scalar(known, [*node.input, "", ""][place]) for place in (RATIO, TRAINING))
            if mode and ratio != 0:
                yield node.output[0]
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _dropping(graph.node, graph.initializer, known)


def _scalar(known: Mapping[str, Any], name: str) -> Any:
    """Return the value of a constant of one element; None where it is none, or cannot be read."""
    from onnx import numpy_helper

    held = known.get(name)
    try:
        return held if held is None or isinstance(held, float) else numpy_helper.to_array(held).item()
    except Exception:  # of more elements, in another file, or broken: ONNX Runtime says so
        return None
