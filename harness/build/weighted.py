"""Find the sizes of inputs that only a weight decides: a product's columns, a convolution's channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

KEEPS = frozenset(
    {"Abs", "Cast", "Clip", "DequantizeLinear", "Dropout", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid"}
    | {"HardSwish", "Identity", "LeakyRelu", "Log", "Neg", "QuantizeLinear", "Relu", "Selu", "Sigmoid"}
    | {"Sign", "Softmax", "Softplus", "Sqrt", "Tanh"}
)
"""Operators whose output has the shape of their first input."""

Dims = Sequence[int]


@dataclass(slots=True)
class Decided:
    """What weights decide of an input: its rank, and the sizes of axes, negative ones from the end."""

    rank: int | None = None
    sizes: dict[int, int] = field(default_factory=dict)


def decided(model: onnx.ModelProto) -> dict[str, Decided]:
    """Return what weights decide of each input of `model`, by name; inputs of which they decide nothing lack.

    An input is followed through operators that keep its shape.
    """
    graph = model.graph
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    source = {item.name: item.name for item in graph.input if item.name not in weights}
    found: dict[str, Decided] = {}
    for node in graph.node:
        first = next(iter(node.input), "")
        if node.op_type == "Constant":
            dims = [tuple(item.t.dims) for item in node.attribute if item.HasField("t")]
            weights |= dict(zip(node.output, dims, strict=False))
        elif node.op_type in KEEPS and first in source:
            source[node.output[0]] = source[first]
        elif node.op_type in KEEPS and first in weights:
            weights[node.output[0]] = weights[first]
        elif first in source and (rule := RULES.get(node.op_type)):
            item = found.setdefault(source[first], Decided())
            for rank, axis, size in rule(node, weights):
                item.rank = item.rank or rank
                item.sizes.setdefault(axis, size)
    return {name: item for name, item in found.items() if item.sizes}


Rule = Callable[["onnx.NodeProto", Mapping[str, Dims]], Iterator[tuple[int | None, int, int]]]
"""A node and the shapes of weights → the rank of its first input (None: any), an axis, and its size."""


def _weight(node: onnx.NodeProto, weights: Mapping[str, Dims], place: int) -> Dims:
    return weights.get(node.input[place], ()) if place < len(node.input) else ()


def _number(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((item.i for item in node.attribute if item.name == name), default)


def _convolution(place: int) -> Rule:
    def rule(node: onnx.NodeProto, weights: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
        if len(dims := _weight(node, weights, place)) > 2:
            yield len(dims), 1, dims[1] * _number(node, "group", 1)

    return rule


def _transposed(node: onnx.NodeProto, weights: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
    if len(dims := _weight(node, weights, 1)) > 2:
        yield len(dims), 1, dims[0]


def _product(node: onnx.NodeProto, weights: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
    if dims := _weight(node, weights, 1):
        yield None, -1, dims[-2] if len(dims) > 1 else dims[0]


def _packed(node: onnx.NodeProto, _: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
    if size := _number(node, "K", 0):
        yield None, -1, size


def _gemm(node: onnx.NodeProto, weights: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
    if len(dims := _weight(node, weights, 1)) == 2:
        yield 2, 0 if _number(node, "transA", 0) else 1, dims[1 if _number(node, "transB", 0) else 0]


def _recurrent(node: onnx.NodeProto, weights: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
    if len(dims := _weight(node, weights, 1)) == 3:
        yield 3, 2, dims[2]


def _per_channel(node: onnx.NodeProto, weights: Mapping[str, Dims]) -> Iterator[tuple[int | None, int, int]]:
    if dims := _weight(node, weights, 1):
        yield None, 1, dims[0]


RULES: Mapping[str, Rule] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    "MatMul": _product,
    "MatMulInteger": _product,
    "MatMulNBits": _packed,
    "Gemm": _gemm,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "BatchNormalization": _per_channel,
    "InstanceNormalization": _per_channel,
}
"""Operators whose weight decides a size of their first input."""
