"""Models of one node, for the tests of several rooms."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper


def value(name: str, shape: list[str | int], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def make_model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: Any = (),
    *,
    opset: int = 17,
    ir_version: int = 8,
    domains: tuple[str, ...] = (),
    **facts: Any,
) -> onnx.ModelProto:
    """A model of these nodes that every ONNX Runtime from 1.17 on reads, unless told otherwise."""
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, **facts)


def relu(**facts: Any) -> onnx.ModelProto:
    """``y = max(x, 0)``, [N, 4]."""
    node = helper.make_node("Relu", ["x"], ["y"])
    return make_model([node], [value("x", ["N", 4])], [value("y", ["N", 4])], **facts)


def scaled(scale: float) -> onnx.ModelProto:
    """``y = scale * x``, [N, 4]."""
    weights = [helper.make_tensor("s", TensorProto.FLOAT, [], [scale])]
    node = helper.make_node("Mul", ["x", "s"], ["y"])
    return make_model([node], [value("x", ["N", 4])], [value("y", ["N", 4])], weights)
