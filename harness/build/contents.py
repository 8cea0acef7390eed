"""Find what the numbers of an output are, where their type says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.build.computing import FLOATS, tensor_types
from harness.core.artifact import INDICES, LABELS, QUANTITIES

if TYPE_CHECKING:
    import onnx

INTEGERS = frozenset({"int32", "int64", "uint32", "uint64"})
"""Types that are taken for labels; all others are taken for quantities."""

_LABELS = frozenset({"ArgMax", "ArgMin"})

_INDICES = {"TopK": {1}, "NonZero": {0}, "NonMaxSuppression": {0}, "Unique": {1, 2, 3}}
"""Operator -> those of its outputs that say where elements are."""

_MOVES = frozenset(
    {
        *("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Gather"),
        *("Expand", "Tile", "Pad", "GatherND", "GatherElements", "Floor", "Round", "Ceil"),
    }
)
"""What hands on the elements of its first input."""

_COMPUTES = frozenset(
    {"Add", "Sub", "Mul", "Div", "Clip", "Max", "Min", "Neg", "Abs", "Concat", "Sum", "Where"}
)
"""What computes on integers, or puts several tensors of them together."""


def contents(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> dict[str, str]:
    """Return the outputs whose type does not show what they hold: output -> LABELS, QUANTITIES or INDICES.

    Integers that were rounded from real numbers (coordinates, counts of seconds) are
    quantities, which differ by more or less; what an ArgMax gives is labels, in floats and bytes too.
    Places of elements (of the largest, of those that are kept) are indices: where two values are
    nearly the same, their places swap.
    """
    made = {name: node for node in nodes for name in node.output}
    types: Mapping[str, str] = {}
    ones = _ones(model, nodes)

    def is_index(node: onnx.NodeProto, name: str) -> bool:
        of_one = node.op_type == "TopK" and not ones.isdisjoint(node.input[1:2])  # as an ArgMax gives
        return not of_one and list(node.output).index(name) in _INDICES.get(node.op_type, ())

    found = {}
    for output in model.graph.output:
        if not output.type.HasField("tensor_type"):
            continue
        types = types or tensor_types(model, nodes)
        if _comes_of(output.name, made, is_index):
            found[output.name] = INDICES
        elif _declared(output) not in INTEGERS:
            if _comes_of(output.name, made, _is_label):
                found[output.name] = LABELS
        elif _is_rounded(output.name, made, types):
            found[output.name] = QUANTITIES
    return found


def _declared(output: onnx.ValueInfoProto) -> str:
    from harness.build.reading import type_name

    return type_name(output.type.tensor_type.elem_type)


def _is_label(node: onnx.NodeProto, output: str) -> bool:
    return node.op_type in _LABELS


def _ones(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> frozenset[str]:
    """Return the constants that hold one integer, which is 1."""
    from onnx import TensorProto, numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes:
        if node.op_type == "Constant":
            held = [item.t for item in node.attribute if item.name == "value"]
            tensors |= dict(zip(node.output, held, strict=False))
    small = {
        name: numpy_helper.to_array(tensor)
        for name, tensor in tensors.items()
        if tensor.data_type == TensorProto.INT64
        and list(tensor.dims) in ([], [1])
        and not tensor.external_data
    }
    return frozenset(name for name, array in small.items() if array.ravel().tolist() == [1])


def _comes_of(
    name: str, made: Mapping[str, onnx.NodeProto], source: Callable[[onnx.NodeProto, str], bool]
) -> bool:
    """Return whether a tensor is an output of what `source` knows, moved or cast at most."""
    seen = set[str]()
    while name in made and name not in seen:
        seen.add(name)
        if source(made[name], name):
            return True
        if made[name].op_type not in _MOVES or not made[name].input:
            return False
        name = made[name].input[0]
    return False


def _is_rounded(name: str, made: Mapping[str, onnx.NodeProto], types: Mapping[str, str]) -> bool:
    """Return whether integers were cast from real numbers on the way."""
    todo, seen = [name], set[str]()
    while todo:
        name = todo.pop()
        if name in seen or name not in made:
            continue
        seen.add(name)
        node = made[name]
        if node.op_type == "Cast" and types.get(node.input[0]) in FLOATS:
            if not _comes_of(node.input[0], made, _is_label):
                return True
        elif node.op_type in _COMPUTES:
            todo += node.input
        elif node.op_type in _MOVES:
            todo += node.input[:1]
    return False
