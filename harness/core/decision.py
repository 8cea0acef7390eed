"""What a comparison of two arms, BASE and HEAD, comes to.

`harness.judge` fills these in, the loops store them, `harness.show` renders
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.core.metrics import spec_of
from harness.core.units import format_percent

if TYPE_CHECKING:
    from harness.core.report import GateOutcome


class DecisionSource(StrEnum):
    """What a decision rests on."""

    STORED = "stored runs"  # numbers of two stored runs
    AB = "A/B"  # blocks of both arms in turn
    EXACT = "exact"  # facts that do not vary: sizes, outputs on the same inputs, how a case ended


class Unconfirmed(StrEnum):
    """Why an A/B that was asked for did not decide a comparison."""

    NOTHING_DIFFERS = "nothing differs"  # the same runtime and model file: there is nothing to vary
    BUDGET = "budget"  # the time for A/Bs does not pay for this case
    GONE = "gone"  # the case, model file or runtime of a stored run cannot be had any more
    ARM_LOST = "arm lost"  # an arm did not run
    UNDECIDED = "undecided"  # it was run, and showed nothing
    NOT_MEASURED = "not measured"  # it does not measure this metric


class Change(StrEnum):
    """What changed from BASE to HEAD, as far as the evidence goes."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    EQUIVALENT = "equivalent"  # shown to differ by less than the minimum effect
    INCONCLUSIVE = "inconclusive"  # none of these was shown; the reason says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict with the numbers that it rests on.

    `ratio` is HEAD over BASE with its 95% interval; `p` belongs to the test
    that decided; `mde` is the smallest effect (as a ratio less one, in either
    direction) that this much evidence would have shown, None where it could
    show none at all.
    """

    verdict: Change
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    blocks: int = 0  # of an A/B; else processes of the smaller arm, or samples of an accuracy
    min_effect: float | None = None
    mde: float | None = None
    asked: float | None = None  # effect that an A/B was to show, a ratio less one; None: it needs no more
    needed_s: float | None = None  # budget that would show it, as these blocks spread; None: none in reason
    needed_calls: int | None = None  # of each arm, that a metric without any number would take in all
    reason: str = ""  # for people: nothing is decided by it
    source: DecisionSource = DecisionSource.STORED
    detail: str | None = None  # the reason without the change, where that has a column; None: the same
    comparable: bool = True  # False: both arms have a value, of unlike data or counted unlike

    @property
    def beside_change(self) -> str:
        """The reason, where the change is written beside it."""
        return self.reason if self.detail is None else self.detail

    def explain(self, detail: str, joint: str = ", ") -> Decision:
        """Return it with a reason: the change, as its ratio has it, and `detail` behind `joint`."""
        change = format_percent((self.ratio or 1.0) - 1, signed=True)
        return replace(self, reason=f"{change}{joint if detail else ''}{detail}", detail=detail)

    def reworded(self, write: Callable[[str], str]) -> Decision:
        """Return it with `write` applied to the reason, however it is shown."""
        detail = None if self.detail is None else write(self.detail)
        return replace(self, reason=write(self.reason), detail=detail)


DATA = "data"
"""The field of a `Cause` without which no accuracy is comparable."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A fact beside the metrics that differs between two records."""

    field: str  # "runtime", "model", "kernel" …
    before: str
    after: str
    away: int = 0  # runs later (negative: before) than what it may explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Two levels that a metric flips between from process to process: neither noise nor a change.

    Values are medians, in the metric's unit; None where an arm was never at that level.
    """

    base_low: float | None
    base_high: float | None
    head_low: float | None
    head_high: float | None
    base_at_high: int  # processes
    head_at_high: int
    base_processes: int  # in all
    head_processes: int
    p: float  # of the test that both arms are as often at the higher level

    @property
    def moved(self) -> float | None:
        """HEAD over BASE at the same level, less one, where it differs most; None without a common level."""
        pairs = ((self.base_low, self.head_low), (self.base_high, self.head_high))
        ratios = [head / base - 1 for base, head in pairs if base is not None and head is not None]
        return max(ratios, key=abs) if ratios else None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of one case in both arms."""

    case: str
    metric: str
    base: float | None
    head: float | None
    decision: Decision
    worse: float = 0.0  # how much worse HEAD looks, as a logarithm of the ratio; better is negative
    unit: str = ""  # of both values; empty: the one of the metric's row
    unconfirmed: Unconfirmed | None = None  # why no A/B decided it, where one was asked for
    levels: Levels | None = None  # of an A/B, where the metric has two

    def __post_init__(self) -> None:
        if not self.unit:
            object.__setattr__(self, "unit", spec_of(self.metric).unit)

    @property
    def suspect(self) -> bool:
        """Whether an A/B should look again: a regression, or something that looks like one."""
        decision = self.decision
        looks_worse = self.worse > (decision.min_effect or 0.0)
        unsure = decision.verdict is Change.INCONCLUSIVE and looks_worse
        return decision.verdict is Change.REGRESSION or unsure

    def to_json(self) -> dict[str, Any]:
        """Return one flat object: case, metric, base, head, then the decision."""
        return {
            "case": self.case,
            "metric": self.metric,
            "base": self.base,
            "head": self.head,
            **{
                name: value
                for name, value in asdict(self.decision).items()
                if name not in ("verdict", "reason", "detail", "comparable")
            },
            "verdict": str(self.decision.verdict),
            "reason": self.decision.reason,
            "unconfirmed": self.unconfirmed,
            "levels": self.levels and asdict(self.levels),
        }


_RANK = {
    Change.REGRESSION: 0,
    Change.INCONCLUSIVE: 1,
    Change.EQUIVALENT: 2,
    Change.IMPROVEMENT: 3,
}


def worst_first(found: Iterable[MetricComparison]) -> tuple[MetricComparison, ...]:
    """Order comparisons: regressions, what is not decided, the rest; in each the worse ones first."""
    return tuple(sorted(found, key=lambda item: (_RANK[item.decision.verdict], -item.worse)))


@dataclass(frozen=True, slots=True)
class MetricComparisons:
    """Two runs compared with each other, worst first."""

    comparisons: tuple[MetricComparison, ...]
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # case -> what differs
    only_base: tuple[str, ...] = ()
    only_head: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSide:
    """One of two runs that are compared with each other."""

    run: str
    suite: str
    started_at: str
    commit: str = ""
    dirty: bool = False  # measured with uncommitted changes
    unfinished: str = ""  # how far it came, where it is not sealed: "3 of 10 cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """A region of a model that a slowdown is due to, as an explanation showed."""

    case: str
    base_runtime: str
    head_runtime: str
    region: str  # the tensor that ends it
    base_ops: tuple[str, ...]  # of the graphs that ran
    head_ops: tuple[str, ...]
    decision: Decision  # of an A/B of the region alone
    instructions_ratio: float | None = None  # HEAD's over BASE's; None: not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two stored runs compared with each other, with all that a reader needs to judge them."""

    base: RunSide
    head: RunSide
    compared: MetricComparisons
    gates: tuple[GateOutcome, ...] = ()  # those of HEAD's suite, compared with BASE
    bad: Mapping[str, str] = field(default_factory=dict)  # case of HEAD that ended badly -> how
    causes: Mapping[Cause, tuple[str, ...]] = field(default_factory=dict)  # what else differs -> cases
    retested: tuple[tuple[str, str], ...] = ()  # (case, metric) that an A/B looked at again
    notes: tuple[str, ...] = ()  # what is to be known of that A/B
    interrupted: bool = False  # that A/B was
    blames: tuple[Blame, ...] = ()  # what slowdowns that it showed are due to
    unexplained: Mapping[str, str] = field(default_factory=dict)  # case with such a slowdown -> why no region

    @property
    def regressed(self) -> bool:
        """Whether a regression was shown, or a gate failed."""
        found = any(item.decision.verdict is Change.REGRESSION for item in self.compared.comparisons)
        return found or any(gate.failed for gate in self.gates)

    @property
    def complete(self) -> bool:
        """Whether something was compared, no case of HEAD failed, and every gate has its data."""
        from harness.core.report import unevaluated  # which knows verdicts itself

        return bool(self.compared.comparisons) and not self.bad and not unevaluated(self.gates)

    @property
    def incomparable(self) -> bool:
        """Whether no timing at all could be compared: every case was measured unlike."""
        refused = self.compared.refused
        return bool(refused) and all(
            item.case in refused or item.metric == "status" for item in self.compared.comparisons
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One run's value in a series, and what it was taken from."""

    run: str
    started_at: str
    value: float
    low: float | None = None
    high: float | None = None
    runtime: str | None = None  # version
    model: str | None = None  # sha256 of the file


@dataclass(frozen=True, slots=True)
class Shift:
    """A point in a series of runs at which a metric went to another level and stayed there."""

    index: int  # of the first value at the new level
    before: float  # the level left, in the metric's unit
    after: float
    change: float  # relative; absolute for ratios, decibels and counts
    strength: float  # the change in standard errors learned from the series itself
    verdict: Change  # regression or improvement; inconclusive where neither way is better
    causes: tuple[Cause, ...] = ()  # what else changed at or near that point


@dataclass(frozen=True, slots=True)
class Trend:
    """A metric of one case over the runs of one suite on one machine, oldest first."""

    suite: str
    machine: str
    case: str
    metric: str
    unit: str
    points: tuple[Point, ...]
    shifts: tuple[Shift, ...] = ()  # their indexes are those of `points`
    reason: str = ""  # why shifts were not looked for, where they were not
