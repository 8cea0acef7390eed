"""A page: a title, one table, and sections below it; drawn for a terminal or as Markdown.

Texts of a page are plain, not yet escaped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.show.cells import Column, Line
from harness.show.escape import markdown, markdown_item, visible
from harness.show.sections import Section

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STYLES = {"bad": "red", "warning": "yellow", "good": "green", "dim": "dim", "": ""}
GAP = 2
ANY_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on a page.

    Of a `grouped` one, the lines that share their first cell are together:
    on a terminal it is written once, and a blank line parts the groups. A
    terminal shows `most` lines of the table at most, and how many more there are.
    """

    title: str
    head: tuple[str, ...] = ()  # lines below the title
    columns: tuple[Column, ...] = ()
    lines: tuple[Line, ...] = ()
    absent: tuple[str, ...] = ()  # columns that have no value in any line, each with the reason
    sections: tuple[Section, ...] = ()
    grouped: bool = False
    most: int | None = None
    more: tuple[Page, ...] = ()  # pages that follow


def draw(page: Page, *, width: int | None = None, color: bool = False) -> str:
    """Draw a page for people at a terminal.

    Where `width` (columns of the terminal) is too narrow for the table, its
    least telling columns are left out and named. None: nothing is left out.
    """
    return "\n\n".join(filter(None, (_draw(one, width, color) for one in (page, *page.more))))


def _draw(page: Page, width: int | None, color: bool) -> str:
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

    if page.title:
        yield Text(visible(page.title), style="bold")
    yield from (Text(visible(line)) for line in page.head)
    if page.lines:
        shown = page.lines if width is None or page.most is None else page.lines[: page.most]
        kept, lost = _fit(page, width)
        yield Text()
        yield _table(page, kept, shown)
        if len(shown) < len(page.lines):
            yield Text(f"... and {len(page.lines) - len(shown)} more: --format csv has all")
        if lost:
            yield Text(
                f"(too narrow for: {', '.join(page.columns[index].title for index in lost)})", style="dim"
            )
    if page.absent:
        yield Text(visible(f"(no values: {'; '.join(page.absent)})"), style="dim")
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
        + max(cell_len(visible(text)) for text in (column.title, *(line.texts[index] for line in page.lines)))
        for index, column in enumerate(page.columns)
    ]
    for index in sorted(kept, key=lambda index: -page.columns[index].drop):
        if width is not None and page.columns[index].drop and sum(needs[i] for i in kept) - GAP > width:
            kept.remove(index)
            lost.append(index)
    return kept, lost


def _table(page: Page, kept: Sequence[int], lines: Sequence[Line]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for index in kept:
        column = page.columns[index]
        side = "right" if column.number else "left"
        table.add_column(Text(visible(column.title)), justify=side, no_wrap=True)  # type: ignore[arg-type]
    above = None
    for line in lines:
        texts = line.texts
        cells = [Text(visible(texts[index])) for index in kept]
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
    return "\n\n".join(filter(None, ("\n".join(_markdown(one)) for one in (page, *page.more))))


def _markdown(page: Page) -> Iterator[str]:
    if page.title:
        yield f"## {markdown(page.title)}"
    for line in page.head:
        yield ""
        yield markdown_item(line)
    if page.lines:
        yield ""
        yield _row([markdown(column.title) for column in page.columns])
        yield _row(["--:" if column.number else ":--" for column in page.columns])
        yield from (_row([markdown(cell) for cell in line.texts]) for line in page.lines)
    if page.absent:
        yield ""
        yield markdown_item(f"No values: {'; '.join(page.absent)}")
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
