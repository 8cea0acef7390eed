"""What an explanation is made of: tensors that both arms have, and what differs at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


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

    def error_of(self, tensor: str) -> TensorError | None:
        """Return what was found at a tensor; None where it was not compared, as an input of the model."""
        return next((item for item in self.tensors if item.tensor == tensor), None)

    def to_json(self) -> dict[str, Any]:
        """Return one object, its tensors in it."""
        return {**asdict(self), "first": self.first.tensor if self.first else None}


@dataclass(frozen=True, slots=True)
class Explanations:
    """What was explained, and the cases of which nothing could be."""

    found: tuple[OutputsExplanation, ...]
    missing: Mapping[str, str] = field(default_factory=dict)  # case -> why
    interrupted: bool = False

    def to_json(self) -> list[dict[str, Any]]:
        """Return an object a case; one without an explanation has its reason."""
        gone = [{"case": case, "reason": why} for case, why in self.missing.items()]
        return [*(item.to_json() for item in self.found), *gone]
