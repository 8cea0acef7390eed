"""What a search is asked, the cells it may choose, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.tune.paste import Snippets

MARGIN = 0.01
"""A ratio less one: settings that differ by less are equally good."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A service level objective: what a metric may be."""

    metric: str
    at_most: bool  # else at least
    value: float  # in the metric's unit
    text: str  # as it was written

    def holds(self, value: float) -> bool:
        """Tell whether a value meets it."""
        return value <= self.value if self.at_most else value >= self.value


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be made best."""

    metric: str
    maximize: bool

    @property
    def text(self) -> str:
        """Name it as an option does."""
        return f"{'maximize' if self.maximize else 'minimize'} {self.metric}"


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """What is asked of a search."""

    objective: Objective
    limits: tuple[Limit, ...] = ()
    budget_s: float | None = None  # of measuring; None: a share of a full sweep's time
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """The cells of one model, each a value of every axis that varies, by its number."""

    axes: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]  # the values of each axis, as text
    cells: tuple[tuple[int, ...], ...]
    groups: tuple[int, ...]  # of each cell: cells of one group compute the same outputs
    default: int = 0  # the cell that is nearest to the defaults

    def distance(self, cell: int) -> int:
        """Count the axes in which a cell differs from the default."""
        pairs = zip(self.cells[cell], self.cells[self.default], strict=True)
        return sum(ours != theirs for ours, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Reached:
    """One cell and what it reaches."""

    case: str
    value: float | None  # of the objective
    low: float | None = None  # 95% interval
    high: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)  # what else was measured of it
    probes: int = 0  # short measurements of it
    fresh: bool = False  # measured again in full, by itself
    ratio_low: float | None = None  # 95% interval of its objective over the winner's, from blocks
    ratio_high: float | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """A limit, and how a cell misses it."""

    case: str
    limit: str
    metric: str
    value: float
    asked: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What an axis is worth: its best value over its worst, the others averaged."""

    axis: str
    best: str
    worst: str
    ratio: float  # 1 or more; of an axis without effect, 1
    low: float  # 95% interval
    high: float


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A cell that was not measured, and the best that it may reach by the fit, at 99%."""

    case: str
    bound: float


@dataclass(frozen=True, slots=True)
class Barred:
    """A cell that is out, and why."""

    case: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found for one model."""

    model: str
    cells: int
    probed: int  # cells that were measured
    spent_s: float
    sweep_s: float  # what a full sweep is estimated to take
    winner: Reached | None
    binds: tuple[str, ...] = ()  # limits without which a better cell is known
    equal: tuple[Reached, ...] = ()  # shown by blocks to be within the margin of the winner
    undecided: tuple[Reached, ...] = ()  # that may be as good, and are undecided
    front: tuple[Reached, ...] = ()
    measured: tuple[Reached, ...] = ()  # all cells that were, the best first
    worth: tuple[Worth, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = ()  # the most promising first
    barred: tuple[Barred, ...] = ()
    nearest: tuple[Missed, ...] = ()  # where no cell meets the limits
    snippets: Snippets | None = None

    @property
    def share(self) -> float:
        """The time that it took over that of a full sweep."""
        return self.spent_s / self.sweep_s if self.sweep_s else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneResult:
    """One search: an answer a model."""

    job: str
    settings: TuneSettings
    unit: str  # of the objective
    answers: tuple[Answer, ...]
    interrupted: bool = False
    file: str = ""

    @property
    def found(self) -> bool:
        """Whether every model has a winner that was measured afresh."""
        return bool(self.answers) and all(each.winner and each.winner.fresh for each in self.answers)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)
