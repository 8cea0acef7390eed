"""What an explanation is made of: tensors that both arms have, and what differs at them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from harness.core.decision import Change, Decision


@dataclass(frozen=True, slots=True)
class Scale:
    """How a quantized tensor stands for real values: constants of the arm's own file."""

    scale: str
    zero_point: str = ""  # empty: 0
    axis: int | None = None
    origin: str = ""  # the tensor that was quantized


@dataclass(frozen=True, slots=True)
class Sight:
    """A tensor of the source graph in the graph that ran."""

    name: str  # in the source graph
    tensor: str  # in the graph that ran
    channels: int | None = None  # of one in the blocked layout: how many of its channels are real
    scale: Scale | None = None  # of a quantized one
    channels_last: bool = False


@dataclass(frozen=True, slots=True)
class SharedTensor:
    """A tensor that both graphs have."""

    name: str
    base: Sight
    head: Sight


@dataclass(frozen=True, slots=True)
class Step:
    """What an arm does to get from the nearest shared tensors to one of them."""

    ops: tuple[str, ...]  # operators of the graph that ran, in its order
    nodes: tuple[str, ...]  # their names; one without a name is called by what it computes
    inputs: tuple[str, ...]  # shared tensors, and inputs of the model, that it reads


class TensorVerdict(StrEnum):
    """How a tensor of HEAD compares with BASE's."""

    IDENTICAL = "identical"
    WITHIN = "within"
    BEYOND = "beyond"
    UNSTEADY = "unsteady"  # an arm answers the same input differently each time
    UNCOMPARED = "uncompared"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorError:
    """One tensor of HEAD against BASE's, over all samples."""

    tensor: str
    verdict: TensorVerdict
    reason: str = ""
    dtype: str = ""  # as compared: real values where it is quantized
    values: int = 0
    sqnr_db: float | None = None  # None: identical, or there is no number
    max_abs_error: float | None = None
    differing_ratio: float = 0.0  # of the values
    base_nonfinite_ratio: float = 0.0
    head_nonfinite_ratio: float = 0.0
    base: Step | None = None
    head: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsExplanation:
    """Where the numbers of two arms part: the tensors that both have, in HEAD's order."""

    case: str
    base: Mapping[str, str]  # what each arm is
    head: Mapping[str, str]
    limit_db: float
    samples: int
    data: str  # what they were fed with
    tensors: tuple[TensorError, ...]
    outputs: tuple[str, ...] = ()  # of the model
    unseen: int = 0  # shared tensors that were not looked at
    hidden: int = 0  # tensors that one arm alone has: fused away in the other
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> TensorError | None:
        """The first tensor beyond the tolerance."""
        return next((item for item in self.tensors if item.verdict is TensorVerdict.BEYOND), None)

    @property
    def compared(self) -> int:
        """How many tensors have a verdict on their values."""
        undecided = (TensorVerdict.UNCOMPARED, TensorVerdict.UNSTEADY)
        return sum(item.verdict not in undecided for item in self.tensors)

    @property
    def whole(self) -> bool:
        """Whether nothing was left out, and tensors, the model's outputs among them, have a verdict."""
        ends = [self.error_of(name) for name in self.outputs]
        undecided = (TensorVerdict.UNCOMPARED, TensorVerdict.UNSTEADY)
        decided = all(end is not None and end.verdict not in undecided for end in ends)
        return bool(self.compared) and not self.unseen and decided

    def error_of(self, tensor: str) -> TensorError | None:
        """Return what was found at a tensor; None where it was not compared, as an input of the model."""
        return next((item for item in self.tensors if item.tensor == tensor), None)

    def to_json(self) -> dict[str, Any]:
        """Return one object, its tensors in it."""
        first = self.first.tensor if self.first else None
        return {**asdict(self), "first": first, "compared": self.compared, "whole": self.whole}


@dataclass(frozen=True, slots=True)
class Piece:
    """What one arm has of a region: nodes of the graph that ran, and the tensors at its edges."""

    ops: tuple[str, ...]
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]  # in the graph that ran, without constants
    outputs: tuple[str, ...]


class RegionChange(StrEnum):
    """What is different in HEAD's piece of a region."""

    NONE = "none"  # the same operators
    LAYOUT = "layout"  # moves of values alone
    FUSION_LOST = "fusion lost"  # more nodes that compute
    FUSION_GAINED = "fusion gained"
    OPERATORS = "operators"  # as many others
    PROVIDER = "provider"


class Evidence(StrEnum):
    """What a named region rests on."""

    AB = "A/B"  # its time, in blocks of both arms in turn
    INSTRUCTIONS = "instructions"  # counted in each arm; its time alone showed nothing


MIN_EFFECT = 0.01
"""A ratio less one: smaller changes of a region name nothing."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the A/B of a region, cut out of both graphs that ran, came to."""

    latency: Decision | None = None
    base_s: float | None = None  # a call of the piece alone
    head_s: float | None = None
    base_instructions: float | None = None  # a call; None: not counted
    head_instructions: float | None = None
    reason: str = ""  # why there is none, or what is missing

    @property
    def instructions_ratio(self) -> float | None:
        """HEAD's instructions over BASE's; None where they were not counted."""
        counted = self.base_instructions and self.head_instructions is not None
        return (self.head_instructions or 0.0) / self.base_instructions if counted else None  # type: ignore[operator]

    @property
    def evidence(self) -> Evidence | None:
        """What shows a change: its time, else instructions unless its time is shown to be the same."""
        if self.latency is None or self.latency.verdict is Change.EQUIVALENT:
            return None
        if self.latency.verdict in (Change.REGRESSION, Change.IMPROVEMENT):
            return Evidence.AB
        ratio = self.instructions_ratio
        return Evidence.INSTRUCTIONS if ratio is not None and abs(ratio - 1) > MIN_EFFECT else None

    @property
    def slower(self) -> bool:
        """Whether what shows a change shows that HEAD takes longer."""
        if self.evidence is Evidence.AB and self.latency is not None:
            return self.latency.verdict is Change.REGRESSION
        return self.evidence is Evidence.INSTRUCTIONS and (self.instructions_ratio or 0.0) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What lies between tensors that both graphs have."""

    name: str  # the tensor that ends it, the last of several
    ends: tuple[str, ...]
    base: Piece
    head: Piece
    change: RegionChange
    base_s: float | None = None  # of a call, the profile's own part taken off; None: no profile
    head_s: float | None = None
    providers: tuple[str, str] = ("", "")
    proof: Proof | None = None

    @property
    def change_s(self) -> float | None:
        """How much longer HEAD takes."""
        return None if self.base_s is None or self.head_s is None else self.head_s - self.base_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeExplanation:
    """Where the time between two arms goes: regions, the largest change first."""

    case: str
    base: Mapping[str, str]  # what each arm is
    head: Mapping[str, str]
    base_p50_s: float
    head_p50_s: float
    regions: tuple[Region, ...]
    trusted: bool = True  # the control of the proof did not fire
    notes: tuple[str, ...] = ()

    @property
    def change_s(self) -> float:
        """How much longer a call of HEAD takes."""
        return self.head_p50_s - self.base_p50_s

    @property
    def unexplained_s(self) -> float:
        """The change that no region has: binding, the executor, nodes in no region, noise of the profile."""
        return self.change_s - sum(region.change_s or 0.0 for region in self.regions)

    @property
    def blamed(self) -> tuple[Region, ...]:
        """The regions of which a change was shown."""
        return tuple(item for item in self.regions if item.proof and item.proof.evidence)

    @property
    def proven(self) -> bool:
        """Whether a region was put through the A/B, to be believed or counted."""
        done = [item.proof for item in self.regions if item.proof and item.proof.latency]
        return any(self.trusted or proof.instructions_ratio is not None for proof in done)

    @property
    def slower(self) -> bool:
        """Whether a region is to blame for taking longer."""
        return any(region.proof.slower for region in self.blamed if region.proof)

    def to_json(self) -> dict[str, Any]:
        """Return one object, its regions in it."""
        plain = asdict(self)
        for region, data in zip(self.regions, plain["regions"], strict=True):
            data["change_s"] = region.change_s
            if region.proof:
                data["proof"]["evidence"] = region.proof.evidence
        blamed = [region.name for region in self.blamed]
        return {**plain, "change_s": self.change_s, "unexplained_s": self.unexplained_s, "blamed": blamed}


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes that were left out of a conversion together, and what that won."""

    nodes: tuple[str, ...]
    gain_db: float  # infinite: nothing else is converted


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityExplanation:
    """Which nodes cost a converted model its accuracy, and which to leave out of the conversion."""

    case: str
    base: Mapping[str, str]  # what each arm is
    head: Mapping[str, str]
    start_db: float  # SQNR of HEAD's output against BASE's, as it is
    bound_db: float  # that is asked for
    groups: tuple[NodeGroup, ...]  # what wins most first
    exclude: tuple[str, ...]  # the `nodes_to_exclude` that reach the bound
    reached_db: float | None  # with them; None: no groups that were found reach it
    evaluations: int  # conversions that were made and run
    cost: Decision | None = None  # in time, measured by an A/B
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return one object; what is infinite is None."""
        plain = asdict(self)
        for group in plain["groups"]:
            group["gain_db"] = _finite(group["gain_db"])
        return {**plain, **{name: _finite(plain[name]) for name in ("start_db", "reached_db")}}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


Found = TypeVar("Found", OutputsExplanation, TimeExplanation, SensitivityExplanation)


@dataclass(frozen=True, slots=True)
class Explanations(Generic[Found]):
    """What was explained, and the cases of which nothing could be."""

    found: tuple[Found, ...]
    missing: Mapping[str, str] = field(default_factory=dict)  # case -> why
    interrupted: bool = False

    def to_json(self) -> list[dict[str, Any]]:
        """Return an object a case; one without an explanation has its reason."""
        gone: list[dict[str, Any]] = [{"case": case, "reason": why} for case, why in self.missing.items()]
        return [*(item.to_json() for item in self.found), *gone]
