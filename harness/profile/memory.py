"""Plan the memory of a call: which tensors live at once, by the order in which the nodes ran."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.profile.model import Graph, GraphNode, LiveTensor, MemoryPlan

WIDTHS = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
    "int32": 4, "uint32": 4, "float": 4, "int64": 8, "uint64": 8, "double": 8,
}  # fmt: skip
"""Bytes of an element, by the profile's own names of types."""

VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
"""Operators whose output is their first input, in the same place."""


def plan(
    profile: Mapping[str, Any],
    graph: Graph,
    *,
    peak: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> MemoryPlan | None:
    """Return what lives at the fullest moment; None where no node of the profile is in the graph.

    A tensor lives from the node that makes it to the last one that reads it; outputs of the graph live to the
    end, its inputs are the caller's. `peak` and `before` are readings of the resident size: in the calls, and
    before there was a session.
    """
    named = {node.name: node for node in graph.nodes if node.name}
    ran = [(node, named[node["name"]]) for node in profile["nodes"] if node["name"] in named]
    if not ran:
        return None
    homes = _homes([node for _, node in ran])
    sizes, unknown = _sizes(ran, homes)
    ends = _ends([node for _, node in ran], graph, homes)
    begins = {
        homes.get(name, name): at for at, (_, node) in reversed(list(enumerate(ran))) for name in node.outputs
    }
    live = [
        sorted((name for name in sizes if begins[name] <= at <= ends[name]), key=lambda name: -sizes[name])
        for at in range(len(ran))
    ]
    fullest = max(range(len(ran)), key=lambda at: sum(sizes[name] for name in live[at]))
    arena = [node["mem_in_use_peak"] for node in profile["nodes"] if "mem_in_use_peak" in node]
    readings = [(reading or {}).get("bytes") for reading in (peak, before)]
    return MemoryPlan(
        activation_bytes=sum(sizes[name] for name in live[fullest]),
        at=ran[fullest][0]["name"],
        alive=tuple(LiveTensor(name, sizes[name]) for name in live[fullest]),
        weight_bytes=sum(graph.weights.values()) + graph.inner_bytes,
        arena_peak_bytes=max(arena) if arena else None,
        added_bytes=None if readings[0] is None or readings[1] is None else readings[0] - readings[1],
        uncounted=unknown + len(profile["nodes"]) - len(ran),
    )


def _homes(nodes: Sequence[GraphNode]) -> dict[str, str]:
    """Return the tensor in whose place each view lies."""
    homes: dict[str, str] = {}
    for node in nodes:
        if node.op in VIEWS and node.inputs:
            homes[node.outputs[0]] = homes.get(node.inputs[0], node.inputs[0])
    return homes


def _sizes(
    ran: Sequence[tuple[Mapping[str, Any], GraphNode]], homes: Mapping[str, str]
) -> tuple[dict[str, int], int]:
    """Return the bytes of each tensor that a node makes, and how many nodes have outputs of unknown size."""
    sizes: dict[str, int] = {}
    unknown = 0
    for seen, node in ran:
        made = [name for name in node.outputs if name]
        shapes = seen["outputs"]
        if len(shapes) != len(made) or any(item["dtype"] not in WIDTHS for item in shapes):
            unknown += 1
            continue
        for name, item in zip(made, shapes, strict=True):
            if name not in homes:
                sizes[name] = math.prod(item["dims"]) * WIDTHS[item["dtype"]]
    return sizes, unknown


def _ends(nodes: Sequence[GraphNode], graph: Graph, homes: Mapping[str, str]) -> dict[str, int]:
    """Return the place of the last node that each tensor must live for."""
    ends: dict[str, int] = {}
    for at, node in enumerate(nodes):
        for name in (*node.outputs, *node.inputs):
            ends[homes.get(name, name)] = at
    for name in graph.outputs:
        ends[homes.get(name, name)] = len(nodes) - 1
    return ends
