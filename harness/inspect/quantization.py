"""Find the operators that read dequantized values, and whether their results are quantized again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.inspect.model import Node

QUANTIZES = frozenset({"QuantizeLinear", "DequantizeLinear"})

FOLLOWS = frozenset({"Relu", "Clip", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "MaxPool"})
"""Operators that may stand between a computation and its QuantizeLinear."""


def quantized_units(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the operators between DequantizeLinear and QuantizeLinear: a runtime may compute them in INT8."""
    readers = _readers(nodes)
    return (node for node in _dequantized(nodes) if _is_quantized_again(node, readers))


def open_units(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the operators that read dequantized values and whose result is not quantized again."""
    readers = _readers(nodes)
    return (node for node in _dequantized(nodes) if not _is_quantized_again(node, readers))


def _dequantized(nodes: Sequence[Node]) -> Iterator[Node]:
    made = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.outputs}
    return (node for node in nodes if node.op_type not in QUANTIZES and made.intersection(node.inputs))


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
