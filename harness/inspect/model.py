"""What a model file is: its interface, its graph, its weights, and what lint finds in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

Dimension = int | str | None
"""A fixed size, the name of a symbolic dimension, or None for one without a name."""


MOVES = frozenset(
    {
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Flatten",
        "Concat",
        "Split",
        "Slice",
        "Gather",
        "Identity",
    }
    | {"Expand", "Tile", "Pad", "Shape", "Size", "Constant", "ConstantOfShape", "Cast", "If", "Loop", "Scan"}
)
"""Operators that move values, and compute nothing."""


@dataclass(frozen=True, slots=True)
class Value:
    """An input or an output of the graph."""

    name: str
    kind: str  # "tensor", "sequence", "optional", "map", "sparse_tensor"; "" where the file does not state it
    dtype: str  # numpy's name, "object" for strings
    dims: tuple[Dimension, ...] | None  # None: the file states no shape


@dataclass(frozen=True, slots=True)
class Weight:
    """A constant tensor of the model, wherever it is written."""

    name: str
    dtype: str
    dims: tuple[int, ...]
    size_bytes: int
    denormal: int = 0  # values that are not zero and smaller than the smallest normal one
    nonfinite: int = 0  # NaN and Inf
    read: bool = True  # False: its values were not looked at (external and missing, or beyond the limit)


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the graph, of a subgraph or of a function of the model."""

    op_type: str
    domain: str  # "" for ONNX's own
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]  # numbers and texts; of a tensor its `Weight`
    depth: int = 0  # 0: of the main graph

    @property
    def name(self) -> str:
        """The operator with its domain, as ONNX Runtime writes it."""
        return f"{self.domain}:{self.op_type}" if self.domain else self.op_type


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Everything read from a model file."""

    path: str
    size_bytes: int  # of the file alone
    ir_version: int
    opsets: Mapping[str, int]  # domain -> version; "" is ONNX's own
    producer: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    weights: tuple[Weight, ...]  # initializers
    fed_weights: tuple[str, ...] = ()  # initializers that are inputs as well
    external: Mapping[str, int | None] = field(default_factory=dict)  # file -> bytes; None: it is missing
    metadata: Mapping[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()  # operators that the model defines itself
    training: tuple[str, ...] = ()  # outputs of the Dropouts that drop

    @property
    def opset(self) -> int:
        """The version of ONNX's own operator set; 0 where the model imports none."""
        return self.opsets.get("", 0)


class Severity(StrEnum):
    """What a finding costs."""

    BREAKS = "breaks"  # some runtime, conversion or batch will not work
    SLOW = "slow"  # it costs time or memory
    UNSURE = "unsure"  # numbers of it need care: they vary, or mean something else


@dataclass(frozen=True, slots=True)
class Lint:
    """One thing in a model that costs or breaks something."""

    rule: str
    severity: Severity
    found: str  # what, and how many
    why: str  # what it costs or breaks
    todo: str  # what to do about it


@dataclass(frozen=True, slots=True)
class LevelFusions:
    """What one level of optimization makes of the graph, as the runtime that is installed does it here."""

    level: str
    nodes: int = 0  # of the optimized graph
    fused: Mapping[str, int] = field(default_factory=dict)  # "source operators → operator" -> nodes
    left: Mapping[str, int] = field(default_factory=dict)  # pattern that no fusion took -> times
    reason: str = ""  # why it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A model file, summed up."""

    facts: ModelFacts
    oldest_runtime: str  # the oldest minor release that takes IR version and opset; "" where none is known
    operators: Mapping[str, int]  # most frequent first
    weights: Mapping[str, tuple[int, int, int]]  # element type -> (tensors, elements, bytes)
    computes: Mapping[str, int]  # precision -> operators that compute in it
    subgraphs: int  # nodes in subgraphs
    custom: Mapping[str, int]  # operator of a domain that ONNX Runtime does not bring -> nodes
    lint: tuple[Lint, ...]
    open_sizes: tuple[str, ...]  # dimensions of inputs without a size, as `--shape` takes them
    command: tuple[str, ...]  # the command line that measures it
    fusions: tuple[LevelFusions, ...] = ()  # only where they were asked for

    def to_json(self) -> dict[str, Any]:
        """Return one object; the nodes are summed up in `operators`."""
        facts = asdict(self.facts)
        for bulky in ("nodes", "weights"):
            del facts[bulky]
        return {
            **facts,
            "opset": self.facts.opset,
            "oldest_runtime": self.oldest_runtime,
            "operators": dict(self.operators),
            "weights": {
                dtype: {"tensors": tensors, "elements": elements, "bytes": size}
                for dtype, (tensors, elements, size) in self.weights.items()
            },
            "computes": dict(self.computes),
            "subgraph_nodes": self.subgraphs,
            "custom_operators": dict(self.custom),
            "lint": [asdict(item) for item in self.lint],
            "open_sizes": list(self.open_sizes),
            "command": list(self.command),
            "fusions": [asdict(item) for item in self.fusions],
        }
