"""Find what the numbers of an output are, where their type says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.build.computing import FLOATS, tensor_types
from harness.core.artifact import LABELS, QUANTITIES

if TYPE_CHECKING:
    import onnx

INTEGERS = frozenset({"int32", "int64", "uint32", "uint64"})
"""Types that are taken for labels; all others are taken for quantities."""

_LABELS = frozenset({"ArgMax", "ArgMin"})

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
    """Return the outputs whose type does not show what they hold: output -> LABELS or QUANTITIES.

    Integers that were rounded from real numbers (coordinates, counts of seconds) are
    quantities, which differ by more or less; what an ArgMax gives is labels, in floats and bytes too.
    """
    made = {name: node for node in nodes for name in node.output}
    types: Mapping[str, str] = {}
    found = {}
    for output in model.graph.output:
        if not output.type.HasField("tensor_type"):
            continue
        types = types or tensor_types(model, nodes)
        if _declared(output) not in INTEGERS:
            if _is_label(output.name, made):
                found[output.name] = LABELS
        elif _is_rounded(output.name, made, types):
            found[output.name] = QUANTITIES
    return found


def _declared(output: onnx.ValueInfoProto) -> str:
    from harness.build.reading import type_name

    return type_name(output.type.tensor_type.elem_type)


def _is_label(name: str, made: Mapping[str, onnx.NodeProto]) -> bool:
    """Return whether a tensor is what an ArgMax gave, moved or cast at most."""
    seen = set[str]()
    while name in made and name not in seen:
        seen.add(name)
        if made[name].op_type in _LABELS:
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
            if not _is_label(node.input[0], made):
                return True
        elif node.op_type in _COMPUTES:
            todo += node.input
        elif node.op_type in _MOVES:
            todo += node.input[:1]
    return False
