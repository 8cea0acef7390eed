"""A page: a title, one table, and what is said below it.

A page is plain text in cells, not yet escaped; drawn for a terminal or as
Markdown.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.show.escape import markdown, markdown_item, visible
from harness.show.sections import Section

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STYLES = {"bad": "red", "warning": "yellow", "good": "green", "dim": "dim", "": ""}
GAP = 2
ANY_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title, its side, and when a narrow terminal loses it (0: never; the highest goes first)."""

    title: str
    number: bool = True
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a text for each column; `mood` picks its color: "bad", "warning", "good", "dim" or ""."""

    cells: tuple[str, ...]
    mood: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on a page.

    Of a `grouped` one, the lines that share their first cell stand together:
    on a terminal it is said once, and a blank line parts the groups.
    """

    title: str
    said: tuple[str, ...] = ()  # lines below the title
    columns: tuple[Column, ...] = ()
    lines: tuple[Line, ...] = ()
    sections: tuple[Section, ...] = ()
    grouped: bool = False


def draw(page: Page, *, width: int | None = None, color: bool = False) -> str:
    """Draw a page for people at a terminal.

    Where `width` (columns of the terminal) is too narrow for the table, its
    least telling columns are left out, and said. None: nothing is left out.
    """
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=ANY_WIDTH,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
    )
    for part in _parts(page, width):
        console.print(part, soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n")


def _parts(page: Page, width: int | None) -> Iterator[Table | Text]:
    from rich.text import Text

    yield Text(visible(page.title), style="bold")
    yield from (Text(visible(line)) for line in page.said)
    if page.lines:
        kept, lost = _fit(page, width)
        yield Text()
        yield _table(page, kept)
        if lost:
            yield Text(
                f"(too narrow for: {', '.join(page.columns[index].title for index in lost)})", style="dim"
            )
    for section in page.sections:
        yield Text()
        yield Text(visible(section.title), style=f"bold {STYLES[section.mood]}".strip())
        for entry in section.entries:
            yield Text(f"  {visible(entry.text)}")
            yield from (Text(f"    {visible(line)}") for line in entry.lines)


def _fit(page: Page, width: int | None) -> tuple[list[int], list[int]]:
    """Leave out columns until the rest fits, if it can; give the places of the kept and of the lost."""
    from rich.cells import cell_len

    kept, lost = list(range(len(page.columns))), list[int]()
    needs = [
        GAP
        + max(cell_len(visible(text)) for text in (column.title, *(line.cells[index] for line in page.lines)))
        for index, column in enumerate(page.columns)
    ]
    for index in sorted(kept, key=lambda index: -page.columns[index].drop):
        if width is not None and page.columns[index].drop and sum(needs[i] for i in kept) - GAP > width:
            kept.remove(index)
            lost.append(index)
    return kept, lost


def _table(page: Page, kept: Sequence[int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for index in kept:
        column = page.columns[index]
        side = "right" if column.number else "left"
        table.add_column(Text(visible(column.title)), justify=side, no_wrap=True)  # type: ignore[arg-type]
    above = None
    for line in page.lines:
        cells = [Text(visible(line.cells[index])) for index in kept]
        if page.grouped and above is not None:
            if line.cells[0] == above.cells[0]:
                cells[0] = Text()
            else:
                table.add_row()
        table.add_row(*cells, style=STYLES[line.mood])
        above = line
    return table


def draw_markdown(page: Page) -> str:
    """Write a page as GitHub-flavored Markdown."""
    return "\n".join(_markdown(page))


def _markdown(page: Page) -> Iterator[str]:
    yield f"## {markdown(page.title)}"
    for line in page.said:
        yield ""
        yield markdown_item(line)
    if page.lines:
        yield ""
        yield _row([markdown(column.title) for column in page.columns])
        yield _row(["--:" if column.number else ":--" for column in page.columns])
        yield from (_row([markdown(cell) for cell in line.cells]) for line in page.lines)
    for section in page.sections:
        yield ""
        yield f"### {markdown(section.title)}"
        if section.entries:
            yield ""
        for entry in section.entries:
            yield f"- {markdown_item(entry.text)}"
            yield from (f"  - {markdown_item(line)}" for line in entry.lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
