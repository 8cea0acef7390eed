"""What a build leaves behind: files, and what was read back from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.core.inputs import Input
from harness.core.vocabulary import RANDOM

LABELS, QUANTITIES, INDICES = "labels", "quantities", "indices"
"""What the numbers of an output are: one of several answers, or more and less of something."""


@dataclass(frozen=True, slots=True)
class Built:
    """One artifact on disk and what it truly is, as read back from the file."""

    path: str
    sha256: str
    size_bytes: int  # external data included
    opset: int
    precision: str  # what the file contains: "fp32", "fp16", "int8", ...
    operators: Mapping[str, int]  # operator type -> nodes in the file
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    provenance: Mapping[str, Any] = field(
        default_factory=dict
    )  # source hash, exporter, versions, calibration
    notes: tuple[str, ...] = ()  # what every reader must know of how it was made
    engine: str = "ort"  # which engine runs it: "ort" | "fake"
    classes: Mapping[str, int] = field(default_factory=dict)  # output that ends in a softmax -> its axis
    holds: Mapping[str, str] = field(
        default_factory=dict
    )  # output -> LABELS | QUANTITIES | INDICES, against its type
    random_weights: bool = False  # its answers mean nothing
    custom_domains: tuple[str, ...] = ()  # of operators that ONNX Runtime does not bring
    training: bool = False  # a Dropout of it drops
    origin: Mapping[str, Any] = field(
        default_factory=dict
    )  # how the original answers: `harness.build.origin`

    @property
    def counts(self) -> str | None:
        """The output that counts where a suite names none; None: the first."""
        return self.origin.get("counts") or None

    @property
    def draws(self) -> tuple[str, ...]:
        """Operators that draw random numbers, a Dropout that drops among them."""
        return tuple(sorted((RANDOM & self.operators.keys()) | ({"Dropout"} if self.training else set())))

    def to_json(self) -> dict[str, Any]:
        """Plain data, as stored in a record and in the cache."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Built:
        """Inverse of `to_json`."""
        inputs = tuple(Input.from_json(item) for item in data["inputs"])
        return Built(
            **{
                **data,
                "inputs": inputs,
                "outputs": tuple(data["outputs"]),
                "notes": tuple(data["notes"]),
                "custom_domains": tuple(data.get("custom_domains", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data on disk, split: no sample is both calibrated on and evaluated.

    Both files are .npz with one array for each model input under its name
    (or ``x`` for a sole input), first axis samples; labels under ``y``, where
    the model has no input of that name.
    """

    name: str
    calibration: str  # path
    evaluation: str  # path
    samples: int  # in the evaluation part
    labelled: bool  # it has a ``y``
    sha256: str  # of the whole data and the split
