"""Find the operators that read dequantized values, and whether their results are quantized again."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from harness.inspect.model import Node

QUANTIZES = frozenset({"QuantizeLinear", "DequantizeLinear"})

FOLLOWS = frozenset({"Relu", "Clip", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "MaxPool"})
"""Operators that may stand between a computation and its QuantizeLinear."""


COMPUTED_IN_INT8 = frozenset(
    {"Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Mul", "AveragePool", "GlobalAveragePool"}
)
"""Operators for which it matters whether they are: what ends a net (Softmax, Gather) computes little."""

ENDS_OPEN = frozenset({"MatMul", "Gemm"})
"""Operators computed in INT8 without a QuantizeLinear behind them too: as MatMulIntegerToFloat and QGemm."""


def quantized_units(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the operators between DequantizeLinear and QuantizeLinear: a runtime may compute them in INT8.

    Products need none behind them, where both factors are dequantized.
    """
    readers, made = _readers(nodes), _dequantized(nodes)
    return (
        node
        for node in nodes
        if _reads(node, made) and (_is_quantized_again(node, readers) or _ends_open(node, readers, made))
    )


def open_units(nodes: Sequence[Node], constants: Container[str] = ()) -> Iterator[Node]:
    """Yield the operators that read dequantized values, and that a runtime computes in floating point still.

    Those of which nothing but `constants` was quantized are left to `weight_only`.
    """
    quantized = {id(node) for node in quantized_units(nodes)} | {id(n) for n in weight_only(nodes, constants)}
    made = _dequantized(nodes)
    return (
        node
        for node in nodes
        if node.op_type in COMPUTED_IN_INT8 and _reads(node, made) and id(node) not in quantized
    )


def weight_only(nodes: Sequence[Node], constants: Container[str]) -> Iterator[Node]:
    """Yield the operators of which only the weight was quantized: it is one of `constants`."""
    weights = {n.outputs[0] for n in nodes if n.op_type == "DequantizeLinear" and n.inputs[0] in constants}
    made = _dequantized(nodes)
    return (
        node
        for node in nodes
        if node.op_type in COMPUTED_IN_INT8
        and weights.intersection(node.inputs)
        and not (made - weights).intersection(node.inputs)
    )


def _dequantized(nodes: Sequence[Node]) -> frozenset[str]:
    return frozenset(name for node in nodes if node.op_type == "DequantizeLinear" for name in node.outputs)


def _reads(node: Node, made: frozenset[str]) -> bool:
    return node.op_type not in QUANTIZES and bool(made.intersection(node.inputs))


def _ends_open(node: Node, readers: Mapping[str, Sequence[Node]], made: frozenset[str]) -> bool:
    """Return whether a product needs no QuantizeLinear; an Add behind it is merged first, and bars it."""
    after = [reader.op_type for output in node.outputs for reader in readers.get(output, ())]
    return node.op_type in ENDS_OPEN and made.issuperset(filter(None, node.inputs)) and after != ["Add"]


def _readers(nodes: Sequence[Node]) -> dict[str, list[Node]]:
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return readers


def _is_quantized_again(node: Node, readers: Mapping[str, Sequence[Node]]) -> bool:
    after = [reader for output in node.outputs for reader in readers.get(output, ())]
    return bool(after) and all(
        reader.op_type == "QuantizeLinear"
        or (reader.op_type in FOLLOWS and _is_quantized_again(reader, readers))
        for reader in after
    )
