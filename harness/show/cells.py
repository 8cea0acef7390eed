"""Columns and cells of a table.

A number is a `Number`, which carries its unit and how it is meant, so that no
view has code for a metric.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.decision import Decision
from harness.core.units import format_percent, format_value

NONE = "–"
"""What people read where there is nothing to show."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, its side, and when a narrow terminal loses it (0: never; the highest goes first)."""

    title: str
    number: bool = True
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Number:
    """A number with what a view must know to write it."""

    value: float
    unit: str
    signed: bool = False
    beside: str = ""  # a unit that the column's title names already

    def __str__(self) -> str:
        """Write it for people."""
        text = format_delta(self.value, self.unit) if self.signed else format_value(self.value, self.unit)
        return text.removesuffix(f" {self.beside}") if self.beside else text


@dataclass(frozen=True, slots=True)
class Delta:
    """How far a value moved: points of a share, decibels and counts as they are, else the ratio less one."""

    value: float
    unit: str

    def __str__(self) -> str:
        """Write it for people."""
        match self.unit:
            case "ratio":
                return f"{self.value * 100:+.2f} points"
            case "dB" | "1":
                return f"{self.value:+.3g}{' dB' if self.unit == 'dB' else ''}"
        return format_percent(self.value, signed=True)


@dataclass(frozen=True, slots=True)
class Interval:
    """The 95% interval of a ratio, each end less one."""

    low: float
    high: float

    def __str__(self) -> str:
        """Write it for people."""
        return f"[{format_percent(self.low, signed=True)}, {format_percent(self.high, signed=True)}]"


Cell = str | Number | Delta | Interval | None
"""What a cell holds; None where there is nothing to show."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a cell for each column; `mood` picks its color: "bad", "warning", "good", "dim" or ""."""

    cells: tuple[Cell, ...]
    mood: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The cells as people read them."""
        return tuple(NONE if cell is None else str(cell) for cell in self.cells)


def number(value: float | None, unit: str) -> Number | None:
    """Make the cell of a value that may be missing."""
    return None if value is None else Number(value, unit)


def interval(low: float | None, high: float | None) -> Interval | None:
    """Make the cell of an interval of HEAD over BASE that may be missing."""
    return None if low is None or high is None else Interval(low - 1, high - 1)


def interval_of(decision: Decision | None) -> Interval | None:
    """Make the cell of a decision's interval."""
    return None if decision is None else interval(decision.low, decision.high)


def percent(ratio: float | None, *, signed: bool = False) -> Number | None:
    """Make the cell of a ratio that may be missing."""
    return None if ratio is None else Number(ratio, "ratio", signed)


def format_delta(value: float, unit: str) -> str:
    """Write a difference with its sign."""
    return f"{'+' if value >= 0 else ''}{format_value(value, unit)}"
