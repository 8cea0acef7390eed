"""Check the nodes and operators that a suite names against those of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.errors import Failed
from harness.tables import closest

if TYPE_CHECKING:
    import onnx


def exclude(
    model: onnx.ModelProto, nodes: Sequence[str], op_types: Sequence[str], key: str = "op_types_to_exclude"
) -> None:
    """See that every node and operator named is there. Raises Failed with the closest one that is."""
    names = {node.name for node in model.graph.node if node.name}
    for name in nodes:
        if name not in names:
            raise Failed(f"nodes_to_exclude: no node {name!r} in the model; {_some(name, names)}")
    present = {node.op_type for node in model.graph.node}
    for op_type in op_types:
        if op_type not in present:
            raise Failed(f"{key}: no {op_type!r} in the model; {closest(op_type, present)}")


def _some(name: str, names: set[str], limit: int = 300) -> str:
    text = closest(name, names)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
