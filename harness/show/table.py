"""The report for people at a terminal; piped, the same text of any width, without color."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.report import Report, Row
from harness.show.escape import visible
from harness.show.grid import Column, columns, groups
from harness.show.sections import sections, summary

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table
    from rich.text import Text

ANY_WIDTH = 100_000
MOODS = {"bad": "bold red", "warning": "yellow", "good": "green", "": "bold"}
GAP = 2


def render(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw the rows of each model, best first, then what did not work, gates, notes and advice.

    Where `width` (columns of the terminal) is too narrow for all columns, the
    least telling ones are left out, and said. None: nothing is left out.
    """
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=ANY_WIDTH,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
    )
    for part in _parts(report, width):
        console.print(part, soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n")


def _parts(report: Report, width: int | None) -> Iterator[Table | Text]:
    from rich.text import Text

    yield Text(visible(report.title), style="bold")
    yield Text(visible(summary(report)))
    by_model = groups(report)
    if by_model:
        fitting, dropped = _fit(columns(report), by_model, width)
        yield Text()
        yield _table(fitting, by_model)
        if dropped:
            yield Text(f"(too narrow for: {', '.join(dropped)})", style="dim")
    for section in sections(report):
        yield Text()
        yield Text(visible(section.title), style=MOODS[section.mood])
        for entry in section.entries:
            yield Text(f"  {visible(entry.text)}")
            yield from (Text(f"    {visible(line)}") for line in entry.lines)


def _fit(
    wanted: Sequence[Column], by_model: dict[str, list[Row]], width: int | None
) -> tuple[list[Column], list[str]]:
    """Leave out columns until the rest fits, if it can; give those that stay and the titles of the others."""
    from rich.cells import cell_len

    rows = [row for group in by_model.values() for row in group]
    needs = {
        column.title: GAP + max(cell_len(visible(text)) for text in (column.title, *map(column.cell, rows)))
        for column in wanted
    }
    room = ANY_WIDTH if width is None else width - max(cell_len(visible(model)) for model in by_model)
    fitting, dropped = list(wanted), []
    for column in sorted(wanted, key=lambda column: -column.drop):
        if column.drop and sum(needs[kept.title] for kept in fitting) > room:
            fitting.remove(column)
            dropped.append(column.title)
    return fitting, dropped


def _table(shown: Sequence[Column], by_model: dict[str, list[Row]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    table.add_column("model", no_wrap=True)
    for column in shown:
        side: JustifyMethod = "right" if column.number else "left"
        table.add_column(Text(visible(column.title)), justify=side, no_wrap=True)
    for number, (model, rows) in enumerate(by_model.items()):
        if number:
            table.add_row()
        for row in rows:
            first = Text(visible(model)) if row is rows[0] else Text()
            cells = (Text(visible(column.cell(row))) for column in shown)
            table.add_row(first, *cells, style=_style(row))
    return table


def _style(row: Row) -> str:
    return "green" if row.rank == 1 else "dim" if row.baseline else ""
