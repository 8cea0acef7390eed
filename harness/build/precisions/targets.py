"""Check the nodes and operators that a suite names against those of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness.core.errors import Failed
from harness.core.registry import closest

if TYPE_CHECKING:
    import onnx


def check_nodes(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Raise Failed with the closest node where one that is named is not there."""
    present = {node.name for node in model.graph.node if node.name}
    for name in names:
        if name not in present:
            raise Failed(f"nodes_to_exclude: no node {name!r} in the model; {closest(name, present)}")


def check_operators(model: onnx.ModelProto, option: str, names: Sequence[str], known: Iterable[str]) -> None:
    """Raise Failed where an operator is neither in the model nor one that the converter knows.

    One that only other models have is fine: suites name operators for all of theirs.
    """
    present = {node.op_type for node in model.graph.node}
    for name in names:
        if name not in present and name not in known:
            raise Failed(f"{option}: no {name!r} in the model; {closest(name, present)}")
