"""A table as one list of fields: what each column is called, and the cell that it has for an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.show.cells import Cell, Column, Line

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Field(Generic[Item]):
    """One column of a table of items."""

    title: str
    cell: Callable[[Item], Cell]
    number: bool = False  # written on the right
    drop: int = 0  # when a narrow terminal loses it: 0 never, the highest first

    @property
    def column(self) -> Column:
        """The column without its cells."""
        return Column(self.title, self.number, self.drop)


def columns_of(fields: Iterable[Field[Item]]) -> tuple[Column, ...]:
    """Give the columns of a table."""
    return tuple(field.column for field in fields)


def lines_of(
    fields: Sequence[Field[Item]], items: Iterable[Item], mood: Callable[[Item], str] = lambda item: ""
) -> tuple[Line, ...]:
    """Give a line an item, in the `mood` that it has."""
    return tuple(Line(tuple(field.cell(item) for field in fields), mood(item)) for item in items)


def filled(fields: Iterable[Field[Item]], items: Sequence[Item]) -> tuple[Field[Item], ...]:
    """Leave out the fields that are empty for every item."""
    return tuple(field for field in fields if any(field.cell(item) not in (None, "") for item in items))
