"""What a bisection asks, what each of its steps showed, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from harness.core.decision import Change, Decision, DecisionSource


class StepVerdict(StrEnum):
    """The verdict of a step on a version."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"  # it cannot be had, or cannot run the model
    UNDECIDED = "undecided"  # the comparison showed nothing; the reason says why


class SearchOutcome(StrEnum):
    """How a search ends."""

    FOUND = "found"
    NO_DIFFERENCE = "no difference"  # the newest usable version is not worse than the oldest
    UNDECIDED = "undecided"
    FIXED = "fixed"  # the newest version is not worse than the oldest, others in between are


class Scan(StrEnum):
    """Which versions are looked at beside the ends."""

    HALVES = "halves"  # those that halving asks for, where the newest is worse
    MINORS = "minors"  # the newest patch of every minor release first
    ALL = "all"


class Over(StrEnum):
    """Which versions of ONNX Runtime are searched."""

    RUNTIME = "runtime"  # of what runs the model
    QUANTIZER = "quantizer"  # of what converts it to its precision


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of bad versions, as far as versions were tested."""

    last_good: str
    first_bad: str
    last_bad: str
    fixed_in: str | None  # None: the newest version tested is bad


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: from which version on is `metric` of `case` worse?

    `limit` is what counts as worse (a ratio less one for speed and memory,
    else in the metric's own measure, as `Step.worse`); None means half of
    what lies between the ends, and more than `harness.bisect.degradation.least`.
    """

    case: str
    metric: str
    versions: tuple[str, ...]  # oldest first
    limit: float | None = None

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Question:
        """Read what `asdict` wrote."""
        return Question(**{**data, "versions": tuple(data["versions"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One version, compared with another one.

    `worse` is how much worse it is, 0 for equal and negative for better: a
    ratio less one for speed and memory, a difference for the others; None
    where no number says it (NaN, another shape). `sure` is false where noise
    leaves open on which side of the limit it lies, and the estimate was taken.
    `ran` is false where it does not run the model.
    """

    version: str
    against: str  # empty for the one that the others are compared with
    mark: StepVerdict
    worse: float | None = None
    sure: bool = True
    ran: bool = True
    base: float | None = None  # in the metric's unit; of `against`
    head: float | None = None
    decision: Decision | None = None  # of an A/B
    trusted: bool = True  # the A/B's control did not fire
    reason: str = ""
    file: str = ""  # the A/B's raw facts
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Step:
        """Inverse of `to_json`."""
        decision = data["decision"]
        if decision is not None:
            source = DecisionSource(
                decision.get("source", DecisionSource.AB)
            )  # steps from before have A/Bs alone
            decision = Decision(**{**decision, "verdict": Change(decision["verdict"]), "source": source})
        return Step(**{**data, "mark": StepVerdict(data["mark"]), "decision": decision})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What the steps come to.

    `suspects` are the versions that may be the first bad one, oldest first;
    more than one where versions before it could not be tested or noise hides
    which it is. `share` is how much of the difference between the ends the
    step from `last_good` to `first_bad` makes up.
    """

    outcome: SearchOutcome
    first_bad: str | None = None
    last_good: str | None = None
    suspects: tuple[str, ...] = ()
    share: float | None = None
    windows: tuple[Window, ...] = ()  # every stretch of bad versions, oldest first
    unseen: tuple[str, ...] = ()  # versions that were not looked at
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One bisection."""

    id: str  # sorts by time
    question: Question
    steps: tuple[Step, ...]
    finding: SearchResult | None  # None: it was interrupted
    limit: float | None  # what counted as worse; None: interrupted before it was known
    file: str = ""  # the steps, as they were taken

    @property
    def trusted(self) -> bool:
        """Whether no A/B's control fired."""
        return all(step.trusted for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return one object, steps and finding in it."""
        return asdict(self)
