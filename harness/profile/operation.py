"""What a node read and made when it ran: the shapes of its profile, completed by those of the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.profile.model import Graph, GraphNode, Tensor

BITS = {
    "bool": 8, "int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "float16": 16, "bfloat16": 16,
    "int32": 32, "uint32": 32, "float": 32, "int64": 64, "uint64": 64, "double": 64,
    "int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "complex64": 64, "complex128": 128,
    "float8e4m3fn": 8, "float8e4m3fnuz": 8, "float8e5m2": 8, "float8e5m2fnuz": 8,
}  # fmt: skip
"""Bits of an element."""


class Uncounted(Exception):
    """Why a node has no count."""


def size_bytes(tensor: Tensor) -> int:
    """Return the bytes that a tensor takes. Raises Uncounted where its type has no fixed width."""
    if tensor.dtype not in BITS:
        raise Uncounted(f"a tensor of {tensor.dtype or 'unknown type'} has no fixed size")
    return -(-tensor.elements * BITS[tensor.dtype] // 8)


@dataclass(frozen=True, slots=True)
class Operation:
    """One node as it ran. An input or output that is left out, or not known, is None."""

    op: str
    domain: str | None = None  # None: not known
    inputs: tuple[Tensor | None, ...] = ()
    outputs: tuple[Tensor | None, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()  # inputs that are given, and whose shape is not known

    def read(self, number: int) -> Tensor:
        """Return an input. Raises Uncounted where it is not known."""
        if tensor := self.optional(number):
            return tensor
        raise Uncounted(f"the shape of its input {number} is not known")

    def optional(self, number: int) -> Tensor | None:
        """Return an input, None where it is left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def made(self, number: int = 0) -> Tensor:
        """Return an output. Raises Uncounted where it is not known."""
        tensor = self.outputs[number] if number < len(self.outputs) else None
        if tensor is None:
            raise Uncounted(f"the shape of its output {number} is not known")
        return tensor

    def number(self, name: str) -> int:
        """Return an attribute that has to be there. Raises Uncounted."""
        if name not in self.attributes:
            raise Uncounted(f"its attribute {name} is not known")
        return int(self.attributes[name])


def operations(profile: Mapping[str, Any], graph: Graph | None) -> tuple[Operation, ...]:
    """Return each node of a profile, in its order, with what the graph that ran knows of it."""
    nodes = (*graph.nodes, *graph.inner) if graph else ()
    names = Counter(node.name for node in nodes)
    known = {node.name: node for node in nodes if node.name and names[node.name] == 1}
    weights = graph.tensors if graph else {}
    return tuple(_operation(ran, known.get(ran["name"]), weights) for ran in profile["nodes"])


def _operation(ran: Mapping[str, Any], node: GraphNode | None, weights: Mapping[str, Tensor]) -> Operation:
    """Put both together.

    The profile leaves out inputs that are not given, and weights that the runtime has packed in advance: the
    graph has their shapes. Without a node of the graph, the profile's shapes are taken as they are.
    """
    seen = [Tensor(item["dtype"], tuple(item["dims"])) for item in ran["inputs"]]
    outputs = tuple(Tensor(item["dtype"], tuple(item["dims"])) for item in ran["outputs"])
    if node is None:
        return Operation(ran["op"], None, tuple(seen), outputs)
    found = _aligned(seen, node.inputs, weights)
    unknown = tuple(at for at, name in enumerate(node.inputs) if name and found[at] is None)
    made = [outputs[at] if at < len(outputs) else None for at in range(sum(map(bool, node.outputs)))]
    placed = iter(made)
    ordered = tuple(next(placed) if name else None for name in node.outputs)
    return Operation(ran["op"], node.domain, tuple(found), ordered, node.attributes, unknown)


def _aligned(
    seen: Sequence[Tensor], names: Sequence[str], weights: Mapping[str, Tensor]
) -> list[Tensor | None]:
    """Give each named input its shape: of weights the graph's, of the rest the next one that was recorded."""
    left = list(seen)
    open_inputs = sum(bool(name) and name not in weights for name in names)
    found: list[Tensor | None] = []
    for name in names:
        if not name:
            found.append(None)
        elif name in weights:
            if left and len(left) > open_inputs and left[0] == weights[name]:
                left.pop(0)
            found.append(weights[name])
        else:
            open_inputs -= 1
            found.append(left.pop(0) if left else None)
    return found
