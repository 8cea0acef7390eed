"""A suite as the loops use it: what to measure, how, and what to allow.

Written by `harness.plan` out of YAML; frozen from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.core.passes import SWITCHES
from harness.core.sampling import Sampling

if TYPE_CHECKING:  # a worker reads this file, and has no cases
    from harness.core.case import Case, Model


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured beside latency, and on which cores."""

    passes: Mapping[str, bool] = field(default_factory=dict)  # key of a pass -> wanted; else its default
    cores: tuple[int, ...] | None = None  # None: chosen from the cpuset and the threads
    inputs: int = 4  # distinct inputs in rotation
    seed: int = 0
    accuracy_samples: int = 512  # labelled samples evaluated, at most
    drift_samples: int = 32  # random samples compared where there is no data
    strict_provider: bool = False  # nodes on another provider make the case failed
    telemetry: bool = False  # let the runtime start its telemetry (ORT 1.29 on)

    def wants(self, key: str) -> bool:
        """Return whether the pass of this key runs."""
        return self.passes.get(key, SWITCHES[key])

    def with_passes(self, **passes: bool) -> Measure:
        """Return the same with these passes on or off."""
        return replace(self, passes={**self.passes, **passes})

    def to_json(self) -> dict[str, Any]:
        """Write all of it as plain data, every switch by its own key."""
        plain = asdict(self)
        return {**SWITCHES, **plain.pop("passes"), **plain}


@dataclass(frozen=True, slots=True)
class Gate:
    """What a metric may do. Ratios are plain numbers (3% is 0.03)."""

    metric: str
    max_increase: float | None = None  # relative, against `against`
    max_drop: float | None = None  # relative, against `against`
    min: float | None = None
    max: float | None = None
    case: Mapping[str, Any] = field(default_factory=dict)  # as in skip.when; empty: every case
    against: str = "previous"  # "previous" | "anchor"; of use with max_increase and max_drop only
    confirm: bool = False  # of use with these alone too: an A/B decides what stored numbers fail


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite, read and checked."""

    name: str
    path: str
    models: tuple[Model, ...]
    sampling: Sampling = field(default_factory=Sampling)
    measure: Measure = Measure()
    gates: tuple[Gate, ...] = ()
    baseline: Mapping[str, Any] = field(
        default_factory=dict
    )  # axis -> value; the case that deltas are shown against
    text: str = ""  # the YAML after `extends` and `--set`, as stored with the run
    description: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """A cell that is not measured, and why."""

    case: Case
    because: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a suite comes to: the cases in the order in which they run, and the skips."""

    suite: Suite
    cases: tuple[Case, ...]
    skips: tuple[Skip, ...] = ()
