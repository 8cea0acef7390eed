"""What an A/B job is asked, what its blocks showed, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.core.case import Case
from harness.core.decision import Change, Decision, MetricComparison
from harness.core.metrics import COUNTED
from harness.core.record import Status
from harness.core.report import GateOutcome
from harness.stats.sequential import FirstLook

ALPHA = 0.01
"""Chance of a false regression, and of a false improvement, in a job."""

ARMS = ("base", "head")

LEAST_ASKED = 0.01
"""The change that is to be visible where no minimum effect is given to double."""

DEFAULT_S = 10.0
"""The budget of a case, which grows where the change that was asked for does not show in it."""

CAP_S, CAP_ASKED_S = 30.0, 120.0
"""Up to which it grows: by itself, and where a change to be visible was asked for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One case in both arms."""

    name: str  # what the arms have in common: the case's key without the axes that differ
    base: Case
    head: Case


@dataclass(frozen=True, slots=True)
class Pairing:
    """The cases of two arms, matched; what has no partner is named, never dropped in silence."""

    pairs: tuple[Pair, ...]
    only_base: tuple[str, ...] = ()
    only_head: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)  # case -> why the suite skips it


@dataclass(frozen=True, slots=True)
class ABSettings:
    """What a job is to show, how surely, and in which time."""

    min_effect: float = 0.01  # a ratio less one: smaller changes raise no alarm
    alpha: float = ALPHA  # in the whole job
    budget_s: float = DEFAULT_S  # for the blocks of one case, both arms
    seed: int = 0  # draws the order of the arms, and the case that is controlled
    metrics: tuple[str, ...] = ("latency/p50", "latency/p95", "memory/peak")  # that blocks decide on
    counted: tuple[str, ...] = ()  # metrics that one worker of each arm counts, and no block decides on
    see: float | None = None  # a ratio less one: the change that is to be visible
    most_s: float | None = None  # up to which the budget grows where `see` does not show; None: it does not

    @property
    def effect(self) -> float:
        """The change that is to be visible: twice the minimum effect unless another was asked for."""
        return self.see or 2 * self.min_effect or LEAST_ASKED


@dataclass(frozen=True, slots=True)
class Budget:
    """The keys of `ABSettings` that say in which time what is to be visible."""

    budget_s: float
    see: float | None = None
    most_s: float | None = None


def choose_budget(budget_s: float | None, see: float | None) -> Budget:
    """Choose them by what was asked for: None is "not asked".

    A budget alone is fixed. With a change that is to be visible, it is the cap;
    with neither, the budget grows from its default to a cap, until twice the
    minimum effect is visible.
    """
    if budget_s is not None and see is None:
        return Budget(budget_s)
    cap_s = budget_s or (CAP_S if see is None else CAP_ASKED_S)
    return Budget(min(DEFAULT_S, cap_s), see, cap_s)


ASKED = (*ABSettings().metrics, *COUNTED)
"""Metrics that a job can be asked for."""


def split_metrics(asked: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the metrics that blocks decide on, and those that are counted; each once."""
    names = tuple(dict.fromkeys(asked))
    counted = tuple(name for name in names if name in COUNTED)
    return tuple(name for name in names if name not in counted), counted


@dataclass(frozen=True, slots=True)
class BlockReading:
    """One metric in one block."""

    ratio: float  # HEAD over BASE, as a logarithm
    base: float  # s or bytes
    head: float
    error: float = 0.0  # of the ratio, as estimated from this block; it favours neither arm
    rounds: tuple[float, ...] = ()  # of p50: the log-ratio of each ABBA alone
    round_s: float = 0.0  # what an ABBA took, with the calls that are thrown away; 0: not known


@dataclass(frozen=True, slots=True)
class Components:
    """Parts of the spread of a case's blocks, and what they cost: what no side of a ratio goes into."""

    start_s: float  # what a block costs beyond its calls
    round_s: float  # what an ABBA takes
    within: float  # SD of the log-ratio of an ABBA within its block; 0: not known, blocks have one each
    correlation: float  # of neighbouring ABBAs
    between: float  # SD from one pair of processes to the next, as the control has it
    rounds: int  # ABBAs that this is known from
    control_blocks: int


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """How many blocks an only case gets, and how long their calls last, as planned from its first ones."""

    after: int  # blocks
    blocks: int  # in all
    span_s: float  # of the calls of those to come
    spread: float  # SD of the log-ratio of a block that is expected
    visible: float | None  # the smallest visible change that is expected, a ratio less one
    components: Components
    budget_s: float = 0.0  # of the case
    needed_s: float | None = None  # with which the change asked for is expected to show; None: not in an hour


@dataclass(frozen=True, slots=True)
class CaseBlocks:
    """What the blocks of one pair showed: for each block, a reading of every metric that it has."""

    case: str
    screening: tuple[Mapping[str, BlockReading], ...] = ()  # none in a job of one case
    fresh: tuple[
        Mapping[str, BlockReading], ...
    ] = ()  # that decide: of the confirmation, or of the only case
    planned: int = 0  # blocks that decide, or those that would have
    first: FirstLook | None = None  # where they are looked at twice
    candidates: frozenset[str] = frozenset()  # metrics that they decide: those that may raise an alarm
    unconfirmed: str = ""  # why they did not, or not to the end
    late: str = ""  # which arm did not start within the budget: such a block is given up
    block_s: float = 0.0  # what a block cost on average
    rest_s: float = 0.0  # of that, beyond its calls
    tail_s: float = 0.0  # what the calls of a block would take that has a p95; 0: not known
    missing: Mapping[str, str] = field(default_factory=dict)  # metric -> why some block does not have it


@dataclass(frozen=True, slots=True)
class Lost:
    """An arm that could not be measured."""

    arm: str  # "base" | "head"
    status: Status
    reason: str
    block: int | None = None  # of the job, counted from 1; None: before any block

    def __str__(self) -> str:
        where = "" if self.block is None else f" in block {self.block}"
        return f"{self.arm} {self.status}{where}: {self.reason}"


def describe_lost(lost: Iterable[Lost]) -> str:
    """Name the arms that a case was lost in, and why, in one line."""
    return "; ".join(map(str, lost))


@dataclass(frozen=True, slots=True)
class Control:
    """The base arm against itself: how far the job is to be trusted."""

    case: str
    fired: bool  # it differs from itself: the job's verdicts are not to be trusted
    decisions: Mapping[str, Decision]  # by metric
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data: the case, whether it fired, and each metric's decision."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case whose instructions and times changed unlike each other."""

    case: str
    counted: Change  # of instructions/call
    counted_ratio: float | None
    timed: Change  # of latency/p50
    timed_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ABResult:
    """One A/B job."""

    job: str  # identifier, sorts by time
    settings: ABSettings
    base: Mapping[str, str]  # axis -> value, as asked for
    head: Mapping[str, str]
    comparisons: tuple[MetricComparison, ...]  # worst first
    control: Control | None  # None: no blocks were run
    failed: Mapping[str, tuple[Lost, ...]] = field(default_factory=dict)  # case -> the arms that were lost
    unsupported: frozenset[str] = frozenset()  # of these, the cases that this machine runs in neither arm
    pairing: Pairing = Pairing(())
    gates: tuple[GateOutcome, ...] = ()
    notes: tuple[str, ...] = ()
    blocks: int = 0
    plans: Mapping[str, BlockPlan] = field(default_factory=dict)  # case -> how its blocks were planned
    disagreements: tuple[Disagreement, ...] = ()
    seconds: float = 0.0  # wall time of the whole job
    interrupted: bool = False
    file: str = ""  # raw samples and block ratios

    @property
    def trusted(self) -> bool:
        """Whether the control did not fire."""
        return self.control is None or not self.control.fired

    @property
    def worse(self) -> bool:
        """Whether a regression was shown, or a gate failed."""
        found = any(item.decision.verdict is Change.REGRESSION for item in self.comparisons)
        return found or any(gate.failed for gate in self.gates)

    def to_json(self) -> dict[str, Any]:
        """Return one flat object for the job; the comparisons are objects of their own."""
        return {
            "job": True,
            "id": self.job,
            "base": dict(self.base),
            "head": dict(self.head),
            **asdict(self.settings),
            "blocks": self.blocks,
            "plans": {case: asdict(plan) for case, plan in self.plans.items()},
            "seconds": round(self.seconds, 3),
            "trusted": self.trusted,
            "control": self.control.to_json() if self.control else None,
            "failed": {case: describe_lost(lost) for case, lost in self.failed.items()},
            "lost": {case: [asdict(arm) for arm in lost] for case, lost in self.failed.items()},
            "unsupported": sorted(self.unsupported),
            "only_base": list(self.pairing.only_base),
            "only_head": list(self.pairing.only_head),
            "skipped": dict(self.pairing.skipped),
            "gates": [asdict(gate) for gate in self.gates],
            "disagreements": [asdict(each) for each in self.disagreements],
            "notes": list(self.notes),
            "interrupted": self.interrupted,
            "file": self.file,
        }
