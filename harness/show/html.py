"""A page as HTML: tables and lists without a style of their own, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from harness.show.cells import Column, Line
from harness.show.escape import visible
from harness.show.page import Page
from harness.show.sections import Section


def text(value: str) -> str:
    """Write text so that HTML shows it as it is, in an element or an attribute."""
    return escape(visible(value))


def draw_html(page: Page) -> str:
    """Write a page as a fragment of HTML: for a notebook, or as part of another page."""
    return "\n".join(part for one in (page, *page.more) for part in _parts(one))


def _parts(page: Page) -> Iterator[str]:
    if page.title:
        yield f"<h3>{text(page.title)}</h3>"
    yield from (f"<p>{text(line)}</p>" for line in page.head)
    if page.lines:
        yield table(page.columns, page.lines)
    if page.absent:
        yield f"<p>No values: {text('; '.join(page.absent))}</p>"
    yield from map(draw_section, page.sections)


def table(columns: Sequence[Column], lines: Sequence[Line], caption: str = "") -> str:
    """Write a table; cells of numbers have the class ``n``, a line's mood is its class."""
    head = "".join(f'<th scope="col"{_side(column)}>{text(column.title)}</th>' for column in columns)
    body = "\n".join(_line(line, columns) for line in lines)
    titled = f"<caption>{text(caption)}</caption>" if caption else ""
    return f"<table>{titled}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _line(line: Line, columns: Sequence[Column]) -> str:
    cells = "".join(
        f"<td{_side(column)}>{text(cell)}</td>" for column, cell in zip(columns, line.texts, strict=True)
    )
    return f"<tr{f' class={line.mood}' if line.mood else ''}>{cells}</tr>"


def _side(column: Column) -> str:
    return " class=n" if column.number else ""


def draw_section(section: Section) -> str:
    """Write a section as a heading and a list."""
    entries = "".join(f"<li>{text(entry.text)}{_lines(entry.lines)}</li>" for entry in section.entries)
    return f"<h4>{text(section.title)}</h4>" + (f"<ul>{entries}</ul>" if entries else "")


def _lines(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{text(line)}</li>" for line in lines) + "</ul>" if lines else ""
