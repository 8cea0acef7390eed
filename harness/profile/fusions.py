"""Which nodes stand for several of the source graph, and which patterns no fusion took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.profile.model import Fusion, Graph, GraphNode, LeftPattern, Place

SCALES = frozenset({"Add", "Div", "Mul", "Where", "Cast", "Reshape"})
"""What may lie between the scores of an attention and their Softmax."""


def fusions(optimized: Graph, places: Mapping[str, Place]) -> tuple[Fusion, ...]:
    """Return what became one node, the most frequent first."""
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for node in optimized.nodes:
        place = places.get(node.name)
        if place is not None and len(place.ops) > 1:
            found.setdefault((place.ops, node.op), []).append(node.name)
    made = (Fusion(source, op, tuple(nodes)) for (source, op), nodes in found.items())
    return tuple(sorted(made, key=lambda item: -len(item.nodes)))


def left(graph: Graph) -> tuple[LeftPattern, ...]:
    """Return each place where a known pattern is still several nodes, in the order of the graph."""
    walk = _Walk(graph)
    return tuple(
        LeftPattern(name, tuple(node.name or node.op for node in nodes))
        for first in graph.nodes
        for name, find in _PATTERNS
        if (nodes := find(walk, first))
    )


class _Walk:
    """Steps from a node to the only one that reads it, or to what it reads."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.makers = {name: node for node in graph.nodes for name in node.outputs if name}
        self.readers: dict[str, list[GraphNode]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def after(self, node: GraphNode) -> GraphNode | None:
        """Return the only reader of a node's first output, where that is no output of the graph."""
        name = node.outputs[0] if node.outputs else ""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.graph.outputs else None

    def before(self, node: GraphNode) -> Iterator[GraphNode]:
        """Yield the nodes that make a node's inputs."""
        yield from (self.makers[name] for name in node.inputs if name in self.makers)

    def chain(self, node: GraphNode, *ops: Sequence[str]) -> list[GraphNode] | None:
        """Return the nodes that follow one another from `node` on, each of the operators named."""
        found = [node]
        for wanted in ops:
            following = self.after(found[-1])
            if following is None or following.op not in wanted:
                return None
            found.append(following)
        return found


def _then(first: Sequence[str], *ops: Sequence[str]) -> Callable[[_Walk, GraphNode], list[GraphNode] | None]:
    return lambda walk, node: walk.chain(node, *ops) if node.op in first else None


def _matmul_add(walk: _Walk, node: GraphNode) -> list[GraphNode] | None:
    """A product and a constant bias."""
    found = walk.chain(node, ("Add",)) if node.op == "MatMul" else None
    return found if found and any(name in walk.graph.weights for name in found[1].inputs) else None


def _attention(walk: _Walk, node: GraphNode) -> list[GraphNode] | None:
    """A Softmax between two products."""
    if node.op != "Softmax" or (last := walk.after(node)) is None or last.op not in ("MatMul", "FusedMatMul"):
        return None
    between: list[GraphNode] = []
    queue = list(walk.before(node))
    while queue:
        maker = queue.pop(0)
        if maker.op in ("MatMul", "FusedMatMul"):
            return [maker, *reversed(between), node, last]
        if maker.op in SCALES and len(between) < len(SCALES):
            between.append(maker)
            queue += walk.before(maker)
    return None


def _qdq(walk: _Walk, node: GraphNode) -> list[GraphNode] | None:
    """An operator that reads dequantized values alone, and whose result is quantized again."""
    makers = list(walk.before(node))
    following = walk.after(node)
    reads = bool(makers) and all(maker.op == "DequantizeLinear" for maker in makers)
    quantized = following is not None and following.op == "QuantizeLinear"
    inside = node.op not in ("QuantizeLinear", "DequantizeLinear")
    return [*makers, node, following] if inside and reads and quantized and following else None


_PATTERNS: tuple[tuple[str, Callable[[_Walk, GraphNode], list[GraphNode] | None]], ...] = (
    ("Conv+BatchNormalization", _then(("Conv", "FusedConv"), ("BatchNormalization",))),
    ("Conv+Relu", _then(("Conv",), ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "HardSigmoid"))),
    ("MatMul+Add", _matmul_add),
    ("Gelu", _then(("Erf",), ("Add",), ("Mul",))),
    ("LayerNormalization", _then(("Pow",), ("ReduceMean",), ("Add",), ("Sqrt",), ("Div",))),
    ("Attention", _attention),
    ("Q/DQ", _qdq),
)
