"""What a profile is asked, what was seen of a graph, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class By(StrEnum):
    """What a row of the table is."""

    NODE = "node"
    OP = "op"
    REGION = "region"


class RoofSource(StrEnum):
    """Where roofs come from."""

    KEPT = "kept"  # the cache; measured where it has none
    MEASURE = "measure"
    NONE = "none"


class Kernel(StrEnum):
    """The type in which a node computes: which roof it has."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Element type, by ONNX's name in lower case, and sizes of a tensor."""

    dtype: str
    dims: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many there are."""
        return math.prod(self.dims)


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of a graph; names of tensors, empty where an input is left out."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    domain: str = ""  # "" for ONNX's own
    attributes: Mapping[str, Any] = field(default_factory=dict)  # numbers and texts, and lists of them


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph as it is written in a file; nodes of its subgraphs are in `inner` alone."""

    nodes: tuple[GraphNode, ...]
    inputs: tuple[str, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)  # initializer -> bytes
    outputs: tuple[str, ...] = ()
    inner: tuple[GraphNode, ...] = ()
    inner_bytes: int = 0  # of initializers of the subgraphs
    tensors: Mapping[str, Tensor] = field(default_factory=dict)  # initializers, those of subgraphs too


@dataclass(frozen=True, slots=True)
class Bias:
    """What the profile adds to a node, as a chain of nodes that do next to nothing shows.

    `recorded_s` of each node of the chain on average, `true_s` of it without a profile, so that
    `per_node_s` is in every recorded time; `slowdown_s` is what a profile makes a call longer by, a node.
    """

    nodes: int
    recorded_s: float
    true_s: float
    slowdown_s: float

    @property
    def per_node_s(self) -> float:
        """What a recorded time of one node holds that it does not take without a profile."""
        return self.recorded_s - self.true_s

    @property
    def around_s(self) -> float:
        """What a profile takes around the recorded time of a node: of the control flow that it runs in."""
        return max(0.0, self.slowdown_s - self.per_node_s)


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """What an addition over a working set of so many bytes moves in a second."""

    working_set_bytes: int
    bytes_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofs:
    """What this runtime reaches on these cores at most: matrix products by type, additions by working set."""

    machine: str
    runtime: str
    provider: str
    threads: int
    cores: tuple[int, ...]
    measured_at: str  # ISO, UTC
    flops_per_s: Mapping[Kernel, float]
    bandwidths: tuple[Bandwidth, ...]  # the smallest working set first
    missing: Mapping[Kernel, str] = field(default_factory=dict)  # type -> why it has no roof


@dataclass(frozen=True, slots=True)
class Work:
    """What one execution of a node has to do; None with the `reason` where that is not known."""

    flops: float | None
    moved_bytes: int | None
    kernel: Kernel | None = None
    reason: str = ""


class Bound(StrEnum):
    """What keeps an operator from being faster than its roof."""

    COMPUTE = "compute"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Limit:
    """The least time in which the roofs let some work be done."""

    seconds: float
    bound: Bound | None  # None: nothing has to be done


@dataclass(frozen=True, slots=True)
class Place:
    """What a node of the optimized graph stands for in the source graph."""

    ops: tuple[str, ...] = ()  # operators of the source, in its order; none: the runtime added the node
    nodes: tuple[str, ...] = ()  # their names
    region: str = ""  # the tensor of the source graph that ends it
    weight_bytes: int = 0  # constants that the source nodes read


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """A node, all nodes of an operator, or all of a region, in a warm call.

    `median_s`, `low_s` and `high_s` (quartiles) are as recorded, whole microseconds a node. `own_s` is the
    mean of the middle half of the calls, the profile's own part taken off, and `share` that over the sum
    of all rows.
    """

    name: str
    op: str  # operators, the most frequent first
    provider: str
    nodes: int
    times: float  # executions in a call
    median_s: float
    low_s: float
    high_s: float
    own_s: float
    share: float
    uncertain: bool  # the profile's own part is more than a tenth of what was recorded
    source: str  # what it stands for
    inputs: tuple[str, ...] = ()  # of a node: shapes, as measured
    outputs: tuple[str, ...] = ()
    output_bytes: int | None = None
    weight_bytes: int | None = None
    flops: float | None = None  # in a call; None: not all of its nodes are counted
    moved_bytes: int | None = None  # inputs and outputs once
    uncounted: str = ""  # why
    roof_s: float | None = None  # the least time that the roofs allow
    bound: Bound | None = None  # by what most of that is set

    @property
    def flops_per_s(self) -> float | None:
        """What it computed in a second of its own time."""
        return self.flops / self.own_s if self.flops is not None and self.own_s else None

    @property
    def bytes_per_s(self) -> float | None:
        """What it had to move in a second of its own time."""
        return self.moved_bytes / self.own_s if self.moved_bytes is not None and self.own_s else None

    @property
    def intensity(self) -> float | None:
        """FLOP a byte; None where nothing has to move."""
        return self.flops / self.moved_bytes if self.flops is not None and self.moved_bytes else None

    @property
    def roof_share(self) -> float | None:
        """The least time over the measured one; None where nothing has to be done."""
        return self.roof_s / self.own_s if self.roof_s and self.own_s else None

    def to_json(self) -> dict[str, Any]:
        """Return one object, what follows from its numbers in it."""
        names = ("flops_per_s", "bytes_per_s", "intensity", "roof_share")
        return {**asdict(self), **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True, slots=True)
class Span:
    """A node in the last profiled call: its first time there, and what all its times took."""

    name: str
    op: str
    provider: str
    thread: int
    begun_us: int  # since the call's begin
    us: int
    source: str  # what it stands for


@dataclass(frozen=True, slots=True)
class LiveTensor:
    """A tensor that lives at the fullest moment."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Which tensors a call holds at its fullest moment, beside what was measured."""

    activation_bytes: int  # of all that live then
    at: str  # the node that runs then
    alive: tuple[LiveTensor, ...]  # the largest first
    weight_bytes: int  # of the graph that ran, those of every branch and body too
    arena_peak_bytes: int | None = None  # measured in the runtime's arena
    added_bytes: int | None = None  # measured: the peak of the calls less what was there before the session
    uncounted: int = 0  # nodes that ran and whose outputs are not in the plan

    @property
    def overhead_bytes(self) -> int | None:
        """What was added beside weights and activations: prepacked copies, the graph, the arena's slack."""
        return (
            None if self.added_bytes is None else self.added_bytes - self.weight_bytes - self.activation_bytes
        )


@dataclass(frozen=True, slots=True)
class AboveRoof:
    """A node that was faster than its roof allows: its count or its roof is wrong."""

    name: str
    op: str
    roof_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """How near a call is to what this machine reaches."""

    flops: float  # of the counted nodes, in a call
    moved_bytes: int
    counted_share: float  # of all nodes' time
    counted_s: float  # own time of the nodes that have a roof
    roof_s: float | None = None  # the least time of these; None without roofs
    uncounted: Mapping[str, str] = field(default_factory=dict)  # operator -> why, the longest first
    above: tuple[AboveRoof, ...] = ()

    @property
    def roof_share(self) -> float | None:
        """The least time over the measured one, of the nodes that have both."""
        return self.roof_s / self.counted_s if self.roof_s is not None and self.counted_s else None


class HelpKind(StrEnum):
    """What could make a call shorter."""

    FUSE = "fuse"  # a pattern that the runtime can compute as one node was left
    LOWER_PRECISION = "lower precision"
    FEWER_MOVES = "fewer moves"  # nodes that only move values or change their layout
    FASTER_KERNEL = "faster kernel"  # an operator that is far from its roof
    FEWER_THREADS = "fewer threads"  # nodes that are too short to be shared out
    LESS_BESIDE = "less beside the nodes"  # binding, the executor, waiting threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """One thing that would help, and the most that it could: bounds overlap, and do not add up."""

    kind: HelpKind
    target: str  # operator or pattern; empty for a whole call
    nodes: int
    own_s: float  # of these nodes
    bound_s: float  # a call can be shorter by this at most
    call_share: float  # that over the call
    bound: Bound | None = None
    to: str = ""  # the precision


@dataclass(frozen=True, slots=True)
class Fusion:
    """Source operators that the runtime computes as one node: so many times."""

    source: tuple[str, ...]
    op: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftPattern:
    """Nodes of the graph that ran which other sessions compute as one: a pattern that no fusion took."""

    pattern: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where the time of one case goes."""

    case: str
    runtime: str
    machine: str
    by: By
    p50_s: float  # of a call without a profile
    profiled_p50_s: float  # of a call with one
    calls: int
    bias: Bias
    rows: tuple[ProfileRow, ...]  # the longest first
    memory: MemoryPlan | None = None
    spans: tuple[Span, ...] = ()  # of the last call, in the order in which they began
    roofs: Roofs | None = None
    roofs_reason: str = ""  # why there are none
    roofline: Roofline | None = None
    helps: tuple[Help, ...] = ()  # the most first
    fusions: tuple[Fusion, ...] = ()
    left: tuple[LeftPattern, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sum_s(self) -> float:
        """All nodes together, the profile's own part taken off."""
        return sum(row.own_s for row in self.rows)

    @property
    def rest_s(self) -> float:
        """What a call takes beside its nodes; below 0 they ran slower with the profile."""
        return self.p50_s - self.sum_s

    def to_json(self) -> dict[str, Any]:
        """Return one object, its rows in it."""
        plain = asdict(self)
        plain["bias"]["per_node_s"] = self.bias.per_node_s
        if self.memory is not None:
            plain["memory"]["overhead_bytes"] = self.memory.overhead_bytes
        plain["rows"] = [row.to_json() for row in self.rows]
        if self.roofline is not None:
            plain["roofline"]["roof_share"] = self.roofline.roof_share
        return {**plain, "sum_s": self.sum_s, "rest_s": self.rest_s}


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of a plan, and the cases that have none."""

    profiles: tuple[Profile, ...]
    missing: Mapping[str, str] = field(default_factory=dict)  # case -> why

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a case and node, operator or region."""
        return [
            {
                "case": profile.case,
                **row.to_json(),
                "inputs": " ".join(row.inputs),
                "outputs": " ".join(row.outputs),
            }
            for profile in self.profiles
            for row in profile.rows
        ]

    def frame(self) -> pd.DataFrame:
        """Give a pandas DataFrame of `rows`."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_json(self) -> list[dict[str, Any]]:
        """Return an object a case; one without a profile has its reason."""
        gone: Sequence[dict[str, Any]] = [{"case": case, "reason": why} for case, why in self.missing.items()]
        return [*(profile.to_json() for profile in self.profiles), *gone]
