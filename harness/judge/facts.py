"""Everything known of one case before any arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.artifact import Built
from harness.core.case import Case
from harness.core.record import Observation

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one case is judged by.

    `outputs` and `reference_outputs` hold one array an output, in the order of
    `output_names`, samples on the first axis and no padding; they are None
    where there are none, and `outputs_reason` and `reference_reason` say why.
    `cores` are the cores that the workers were to run on, `passes` what the
    first worker was asked for. `brief` says that few calls were timed on
    purpose, because the case is timed elsewhere.
    """

    case: Case
    built: Built
    observations: tuple[Observation, ...]  # a worker process each
    output_names: tuple[str, ...] = ()
    outputs: tuple[Array, ...] | None = None
    outputs_reason: str = ""
    reference_outputs: tuple[Array, ...] | None = None
    reference_reason: str = ""
    reference: str = ""  # the reference's key
    reference_kind: str = "fp32 twin"  # what the reference is: FP32, or the model's own unoptimized session
    reference_precision: str = "fp32"
    reference_varies: float | None = None  # as `harness.judge.outputs.Outputs.varies`
    alone: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)  # rows alone, the same together
    per_call: frozenset[str] = frozenset()  # outputs without a row a sample
    output_types: Mapping[str, str] = field(default_factory=dict)  # as `harness.judge.outputs.Outputs.types`
    labels: Array | None = None
    source_outputs: tuple[Array, ...] | None = None  # the original's answers to the same rows, and more rows
    source_names: tuple[str, ...] = ()
    source_reason: str = ""  # why there are none, or why they do not count
    strict_provider: bool = False
    passes: tuple[str, ...] = ("timing",)
    cores: tuple[int, ...] = ()  # empty: not pinned
    brief: bool = False

    @property
    def output(self) -> str | None:
        """The output that counts: as the suite says, else as the source does; None: the first."""
        return self.case.artifact.model.output or self.built.counts

    @property
    def random_inputs(self) -> bool:
        """Whether the inputs were drawn, for want of data."""
        return self.case.artifact.model.data is None and "evaluation" not in self.built.origin

    @property
    def timings(self) -> tuple[Mapping[str, Any], ...]:
        """The timing part of every process that was timed."""
        return tuple(item.timing for item in self.observations if item.timing.get("samples_ns"))

    def calls(self) -> list[NDArray[np.float64]]:
        """Return every timed call in seconds, one array a process."""
        return [np.asarray(timing["samples_ns"], np.float64) / 1e9 for timing in self.timings]
