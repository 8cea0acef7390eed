"""Cut both graphs that ran at the tensors that both have, and see what lies between them in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from harness.build.cut import reads
from harness.explain.model import Piece, RegionChange, SharedTensor

if TYPE_CHECKING:
    import onnx

LAYOUT_OPS = frozenset({"Transpose", "ReorderInput", "ReorderOutput"})
"""Operators that move values and compute none."""

FEW_SHARED = 0.5
"""Share of the smaller graph's tensors below which names are not enough."""


class _Groups:
    """Sets that grow together."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Return what stands for the set of `name`."""
        root = name
        while self.parent.setdefault(root, root) != root:
            root = self.parent[root]
        while self.parent[name] != root:
            self.parent[name], name = root, self.parent[name]
        return root

    def join(self, names: Iterable[str]) -> None:
        """Make one set of those of `names`."""
        first, *rest = names
        for name in rest:
            self.parent[self.find(name)] = self.find(first)


def pieces(
    base: onnx.GraphProto, head: onnx.GraphProto, shared: Sequence[SharedTensor]
) -> list[tuple[tuple[str, ...], Piece, Piece]]:
    """Return the regions in HEAD's order: the shared tensors that end each, and what it is in base and head.

    Nodes that lead to no shared tensor are in no region.
    """
    groups = _Groups()
    sides = [
        _ends(base, {item.base.tensor: item.name for item in shared}),
        _ends(head, {item.head.tensor: item.name for item in shared}),
    ]
    for ends in sides:
        for names in filter(None, ends):
            groups.join(sorted(names))
    members: dict[str, list[str]] = {}
    for item in shared:
        members.setdefault(groups.find(item.name), []).append(item.name)
    tensors = {item.name: (item.base.tensor, item.head.tensor) for item in shared}
    nodes: list[dict[str, list[int]]] = [{}, {}]
    for side, ends in enumerate(sides):
        for at, names in enumerate(ends):
            if names:
                nodes[side].setdefault(groups.find(next(iter(names))), []).append(at)
    first = {root: places[0] for root, places in nodes[1].items()}
    ordered = sorted(members, key=lambda root: first.get(root, len(head.node)))
    return [
        (
            tuple(members[root]),
            _piece(base, nodes[0].get(root, []), [tensors[name][0] for name in members[root]]),
            _piece(head, nodes[1].get(root, []), [tensors[name][1] for name in members[root]]),
        )
        for root in ordered
    ]


def _ends(graph: onnx.GraphProto, names: Mapping[str, str]) -> list[frozenset[str]]:
    """Return, for each node, the shared tensors that it leads to without passing another one."""
    readers: dict[str, list[int]] = {}
    for at, node in enumerate(graph.node):
        for name in reads(node):
            readers.setdefault(name, []).append(at)
    found: list[frozenset[str]] = [frozenset()] * len(graph.node)
    for at in reversed(range(len(graph.node))):
        ends = set[str]()
        for tensor in graph.node[at].output:
            if tensor in names:
                ends.add(names[tensor])
            else:
                ends.update(*(found[reader] for reader in readers.get(tensor, ())))
        found[at] = frozenset(ends)
    return found


def _piece(graph: onnx.GraphProto, places: Sequence[int], outputs: Sequence[str]) -> Piece:
    nodes = [graph.node[at] for at in places]
    made = {name for node in nodes for name in node.output}
    constants = {item.name for item in graph.initializer}
    inputs = dict.fromkeys(
        name for node in nodes for name in sorted(reads(node)) if name not in made and name not in constants
    )
    return Piece(
        ops=tuple(node.op_type for node in nodes),
        nodes=tuple(node.name for node in nodes),
        inputs=tuple(inputs),
        outputs=tuple(name for name in outputs if name in made),
    )


def change_of(base: Piece, head: Piece, providers: tuple[frozenset[str], frozenset[str]]) -> RegionChange:
    """Return what kind of change lies between two pieces of the same region."""
    if providers[0] and providers[1] and providers[0] != providers[1]:
        return RegionChange.PROVIDER
    ops = Counter(base.ops), Counter(head.ops)
    if ops[0] == ops[1]:
        return RegionChange.NONE
    computing = [Counter({op: n for op, n in each.items() if op not in LAYOUT_OPS}) for each in ops]
    if computing[0] == computing[1]:
        return RegionChange.LAYOUT
    sizes = [each.total() for each in computing]
    if sizes[0] == sizes[1]:
        return RegionChange.OPERATORS
    return RegionChange.FUSION_LOST if sizes[1] > sizes[0] else RegionChange.FUSION_GAINED


def node_names(graph: onnx.GraphProto) -> set[str]:
    """Name the nodes of a graph, those of bodies of control flow included."""
    found = {node.name for node in graph.node}
    for node in graph.node:
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                found |= node_names(body)
    return found


def fused(profiled: Mapping[str, Mapping[str, Any]], names: Collection[str]) -> frozenset[str]:
    """Return the providers that ran nodes which the graph has not: each in place of several that it has.

    The CPU's does not do that: its further nodes are those of bodies of control flow.
    """
    ran = {
        str(node["provider"]).removesuffix("ExecutionProvider")
        for name, node in profiled.items()
        if name not in names and not str(node["op"]).startswith("Memcpy")
    }
    return frozenset(ran - {"CPU"})


def span(
    piece: Piece, times: Mapping[str, float], providers: Mapping[str, str], fusing: frozenset[str]
) -> tuple[float | None, frozenset[str]]:
    """Return what a piece takes, and who runs it; no time without a profile, or as part of another node.

    `fusing` are the providers that ran several nodes as one: such nodes have no time of their own.
    """
    on = frozenset(providers[name] for name in piece.nodes if name in providers)
    if fusing and any(name not in times for name in piece.nodes):
        return None, on | fusing
    if not times:
        return None, on
    return sum(times.get(name, 0.0) for name in piece.nodes), on


def align(
    base: onnx.GraphProto,
    head: onnx.GraphProto,
    shapes: tuple[Mapping[str, tuple[int, ...]], Mapping[str, tuple[int, ...]]],
) -> dict[str, str]:
    """Match tensors of two exports by operators and shapes, in order; return HEAD's names -> BASE's."""
    signatures = [
        [(node.op_type, tuple(shapes[side].get(name) for name in node.output)) for node in graph.node]
        for side, graph in enumerate((base, head))
    ]
    found: dict[str, str] = {}
    matcher = SequenceMatcher(a=signatures[0], b=signatures[1], autojunk=False)
    for ours, theirs, size in matcher.get_matching_blocks():
        for step in range(size):
            pairs = zip(base.node[ours + step].output, head.node[theirs + step].output, strict=True)
            found |= {theirs_name: name for name, theirs_name in pairs if name and theirs_name}
    return found
