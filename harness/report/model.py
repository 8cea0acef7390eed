"""What a report holds: charts as plain data, each with its sentences and its numbers; no ink yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.show.cells import Column
from harness.show.cells import Line as TableLine
from harness.show.sections import Section

MAX_ROWS = 16
"""Cases that a chart draws at most; its table has them all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A number in SI units, with its 95% interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis of a chart: what it shows, in which unit, and where the eye should compare with."""

    title: str
    unit: str
    log: bool = False
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class DotRow:
    """One row of dots: a reading for each scale, None where there is none."""

    label: str
    group: str
    readings: tuple[Reading | None, ...]
    tag: str = ""  # a word beside the last dot


@dataclass(frozen=True, slots=True)
class Dots:
    """Rows of dots with intervals, a panel for each scale."""

    scales: tuple[Scale, ...]
    rows: tuple[DotRow, ...]
    groups: tuple[str, ...] = ()  # all of the model's, so that one has one color in all its drawings


@dataclass(frozen=True, slots=True)
class Spot:
    """One case among others, by several numbers."""

    label: str
    group: str
    values: tuple[float | None, ...]  # one for each scale; the first is x
    front: bool  # no other case is at least as good in everything and better in something


@dataclass(frozen=True, slots=True)
class Scatter:
    """Cases by two numbers or three: a panel for each scale after the first, which is x in all."""

    scales: tuple[Scale, ...]
    spots: tuple[Spot, ...]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A point of a curve at which its level changed."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A course over x."""

    label: str
    points: tuple[tuple[float, Reading], ...]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Curves:
    """Courses over the same x; `ticks` names places on it."""

    x: Scale
    y: Scale
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """The calls of one case in the order in which they were made, as stretches of equal length.

    A stretch is the 5%, 50% and 95% quantile of its calls over the case's median, less one.
    """

    label: str
    group: str
    stretches: tuple[tuple[float, float, float], ...]
    starts: tuple[int, ...] = ()  # stretches at which another process begins
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Strips:
    """Calls of several cases, a strip each."""

    strips: tuple[Strip, ...]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A whole, in parts: shares in the order of the names of its `Bars`."""

    label: str
    parts: tuple[float, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Wholes of the same parts, a bar each."""

    names: tuple[str, ...]  # of the parts
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Slope:
    """A roof that rises: so much of y for each of x, up to the highest ceiling."""

    label: str
    rate: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A level roof."""

    label: str
    level: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A point below the roofs; `share` is how much of the whole it takes."""

    label: str
    x: float
    y: float
    share: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class RoofPlot:
    """Points below roofs, both axes logarithmic."""

    x: Scale
    y: Scale
    slopes: tuple[Slope, ...]  # the steepest first
    ceilings: tuple[Ceiling, ...]
    marks: tuple[Mark, ...]


Drawing = Dots | Scatter | Curves | Strips | Bars | RoofPlot


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with what must stand beside it: what it shows, what it does not, and its numbers."""

    name: str  # of its file; unique in a report
    title: str
    shows: str
    omits: str
    drawing: Drawing
    columns: tuple[Column, ...]
    lines: tuple[TableLine, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a report with a heading: a table of its own, charts, and what else is to be said."""

    name: str  # for links; unique in a report
    title: str
    text: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    lines: tuple[TableLine, ...] = ()
    absent: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that a report shows of one run."""

    title: str
    description: str
    facts: tuple[tuple[str, str], ...]  # what was measured where: a term, and what it was
    answers: tuple[Section, ...]  # first of all: the best settings, what failed, what got worse
    against: Part | None  # compared with another run
    models: tuple[Part, ...]
    history: Part | None
    troubles: tuple[Section, ...]  # failures, gates, skips, notes, lint: each with its reason
    commands: tuple[tuple[str, str], ...] = field(default=())  # what for, and the command line

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that have charts, in their order."""
        return tuple(part for part in (self.against, *self.models, self.history) if part is not None)

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts, in their order."""
        return tuple(chart for part in self.parts for chart in part.charts)
