"""The report as GitHub-flavored Markdown: summaries of jobs, comments, pages."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import Report
from harness.show.escape import markdown, markdown_item
from harness.show.grid import columns, groups
from harness.show.sections import sections, summary


def render(report: Report) -> str:
    """Write one table, then a list for everything that did not work, gates, notes and advice."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"## {markdown(report.title)}"
    yield ""
    yield markdown_item(summary(report))
    by_model = groups(report)
    if by_model:
        shown = columns(report)
        yield ""
        yield _line(["model", *(markdown(column.title) for column in shown)])
        yield _line([":--", *("--:" if column.number else ":--" for column in shown)])
        for model, rows in by_model.items():
            for row in rows:
                yield _line([markdown(model), *(markdown(column.cell(row)) for column in shown)])
    for section in sections(report):
        yield ""
        yield f"### {markdown(section.title)}"
        if section.entries:
            yield ""
        for entry in section.entries:
            yield f"- {markdown_item(entry.text)}"
            yield from (f"  - {markdown_item(line)}" for line in entry.lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
