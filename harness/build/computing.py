"""Find the floating-point types that operators compute on, which stored constants do not show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

FLOATS = ("float16", "bfloat16", "float32", "float64")

_MOVES = frozenset(
    {
        *(
            "Identity",
            "Transpose",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
            "Flatten",
            "Slice",
            "Expand",
            "Dropout",
        ),
        *("Gather", "GatherElements", "GatherND", "Concat", "Split", "Tile", "Pad"),
    }
)
"""What computes nothing: a constant behind it is still that constant, or a part of it."""

_CASTS = frozenset({"Cast", "CastLike", "DequantizeLinear"})
"""What gives the values of its first input in another type."""

_NO_FLOATS = frozenset(
    {
        *("Shape", "Size", "ArgMax", "ArgMin", "NonZero", "Equal", "Less", "LessOrEqual", "Greater"),
        *("GreaterOrEqual", "Not", "And", "Or", "Xor", "IsNaN", "IsInf"),
        *("QuantizeLinear", "DynamicQuantizeLinear"),
    }
)
"""What gives integers or truth values, whatever it reads."""


def computing_types(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> dict[str, int]:
    """Count the elements of all constants by the floating-point type in which operators read them.

    A cast on the way counts: FP16 weights that are cast to FP32 are read as
    FP32. Where no operator reads a constant, operators are counted instead. The
    types of every floating type are in the answer, 0 where it is unused.
    """
    graph = _Types(model)
    for node in nodes:
        graph.read(node)
    counted = graph.elements if graph.elements.total() else graph.operators
    return {name: counted.get(name, 0) for name in FLOATS if name in counted or name in graph.stored}


def tensor_types(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> dict[str, str]:
    """Return the element types of tensors, as far as operators hand them on."""
    graph = _Types(model)
    for node in nodes:
        graph.read(node)
    return graph.types


class _Types:
    """Element types of tensors by name, and how many elements those have that are constants."""

    def __init__(self, model: onnx.ModelProto) -> None:
        from harness.build.reading import type_name

        self._name = type_name
        self.types = {
            value.name: type_name(value.type.tensor_type.elem_type)
            for value in model.graph.input
            if value.type.HasField("tensor_type")
        }
        self.sizes: dict[str, int] = {}
        self.elements: Counter[str] = Counter()
        self.operators: Counter[str] = Counter()
        self.stored: set[str] = set()
        for tensor in model.graph.initializer:
            self._store(tensor.name, tensor)

    def _store(self, name: str, tensor: onnx.TensorProto) -> None:
        self.types[name] = self._name(tensor.data_type)
        self.sizes[name] = math.prod(tensor.dims)
        self.stored.add(self.types[name])

    def read(self, node: onnx.NodeProto) -> None:
        """Note what a node reads, and the type of what it gives."""
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                for tensor in graph.initializer:
                    self._store(tensor.name, tensor)
        if node.op_type in ("Constant", "ConstantOfShape"):
            self._constant(node)
            return
        made = next((self.types[name] for name in node.input if self.types.get(name) in FLOATS), None)
        moved = node.op_type in _MOVES or node.op_type in _CASTS
        if node.op_type == "Cast":
            made = self._name(next((item.i for item in node.attribute if item.name == "to"), 0))
        elif node.op_type == "CastLike":
            made = self.types.get(node.input[1]) if len(node.input) > 1 else None
        elif not moved and made is not None:
            self.operators[made] += 1
            for name in node.input:
                if name in self.sizes and self.types[name] in FLOATS:
                    self.elements[self.types[name]] += self.sizes[name]
        if made is None or node.op_type in _NO_FLOATS:
            return
        for name in node.output:
            self.types[name] = made
            known = [self.sizes[item] for item in node.input if self._is_float_constant(item)]
            if node.op_type in _CASTS:
                known = [self.sizes[item] for item in node.input[:1] if item in self.sizes]
            if moved and known:
                self.sizes[name] = sum(known)

    def _is_float_constant(self, name: str) -> bool:
        return name in self.sizes and self.types.get(name) in FLOATS

    def _constant(self, node: onnx.NodeProto) -> None:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                self._store(node.output[0], attribute.t)
            elif attribute.name in ("value_float", "value_floats"):
                self.types[node.output[0]] = "float32"
                self.sizes[node.output[0]] = len(attribute.floats) or 1
        if node.op_type == "ConstantOfShape":
            self.types.setdefault(node.output[0], "float32")
