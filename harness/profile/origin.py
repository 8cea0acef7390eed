"""What nodes of the optimized graph stand for in the source graph: by the tensors that both have.

Names of tensors survive optimization, so that a node stands for what lies in the source graph between its
outputs and the nearest tensors before them that the optimized graph has as well. A node none of whose
outputs the source graph has (a change of layout, a fusion whose last tensor was renamed) is named after one
that it has: ``NAME_nchwc`` computes what the source calls NAME; otherwise it belongs to the region of the
next node that is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from harness.profile.model import Graph, GraphNode, Place

LAYOUT = "_nchwc"


def places(optimized: Graph, source: Graph) -> dict[str, Place]:
    """Return the place of each node of the optimized graph that has a name of its own, by that name."""
    makers = {name: node for node in source.nodes for name in node.outputs if name}
    order = {id(node): at for at, node in enumerate(source.nodes)}
    ends = {id(node): _end(node, makers) for node in optimized.nodes}
    shared = {*source.inputs, *(end for names in ends.values() for end in names)}
    found: dict[str, Place] = {}
    for node in optimized.nodes:
        mine = ends[id(node)]
        nodes = sorted(_behind(mine, makers, shared), key=lambda item: order[id(item)])
        weights = {name for item in nodes for name in item.inputs if name in source.weights}
        found[node.name] = Place(
            ops=tuple(item.op for item in nodes),
            nodes=tuple(item.name for item in nodes),
            region=mine[0] if mine else "",
            weight_bytes=sum(source.weights[name] for name in weights),
        )
    names = Counter(node.name for node in optimized.nodes)
    joined = _joined(optimized, found)
    return {name: place for name, place in joined.items() if name and names[name] == 1}


def _end(node: GraphNode, makers: Mapping[str, GraphNode]) -> tuple[str, ...]:
    """Return the tensors of the source graph that a node computes."""
    named = tuple(name for name in node.outputs if name in makers)
    layout = node.name.removesuffix(LAYOUT)
    return named or ((layout,) if layout != node.name and layout in makers else ())


def _behind(ends: tuple[str, ...], makers: Mapping[str, GraphNode], shared: set[str]) -> Iterator[GraphNode]:
    """Yield the source nodes between `ends` and the nearest shared tensors before them."""
    queue, seen = list(ends), set[int]()
    while queue:
        node = makers.get(queue.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        queue += [name for name in node.inputs if name and name not in shared]


def _joined(optimized: Graph, found: Mapping[str, Place]) -> dict[str, Place]:
    """Give the nodes without a place of their own the region of the next node that reads them."""
    readers: dict[str, list[GraphNode]] = {}
    for node in optimized.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    known = dict(found)
    for node in reversed(optimized.nodes):
        if not known[node.name].region:
            nexts = [reader for name in node.outputs for reader in readers.get(name, ())]
            region = next((known[reader.name].region for reader in nexts if known[reader.name].region), "")
            known[node.name] = Place(region=region)
    # a node that a runtime put behind one of the source's own ends the same tensor in another layout
    owners: dict[str, str] = {}
    for node in optimized.nodes:
        place = known[node.name]
        if place.region and place.region in owners and place.ops:
            known[node.name] = Place(region=place.region)
        elif place.region and place.ops:
            owners[place.region] = node.name
    return known
