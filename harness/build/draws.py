"""Find what in a graph draws random numbers, so that answers vary from call to call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.core.vocabulary import RANDOM

if TYPE_CHECKING:
    import onnx

RATIO, TRAINING = 1, 2
"""Which inputs of a Dropout say how much is dropped, and whether anything is."""


def draws(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> tuple[str, ...]:
    """Name the operators that draw random numbers, a Dropout in training mode among them; sorted."""
    found = RANDOM & {node.op_type for node in nodes}
    return tuple(sorted(found | ({"Dropout"} if training(model, nodes) else set())))


def training(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> tuple[str, ...]:
    """Return the first output of every Dropout that may drop: no constant says that it does not."""
    dropouts = [node for node in nodes if node.op_type == "Dropout" and "".join(node.input[TRAINING:])]
    values = _scalars(model, nodes) if dropouts else {}

    def drops(node: onnx.NodeProto) -> bool:
        return all(values.get(node.input[place], True) for place in (RATIO, TRAINING) if node.input[place])

    return tuple(node.output[0] for node in dropouts if drops(node))


def _scalars(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> dict[str, float]:
    """Return the constants of one value by their names."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes:
        if node.op_type == "Constant":
            held = [item.t for item in node.attribute if item.name == "value"]
            tensors |= dict(zip(node.output, held, strict=False))
    return {
        name: numpy_helper.to_array(tensor).item()
        for name, tensor in tensors.items()
        if list(tensor.dims) in ([], [1]) and not tensor.external_data
    }
