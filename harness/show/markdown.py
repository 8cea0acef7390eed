"""The report as GitHub-flavored Markdown: summaries of jobs, comments, pages."""

from __future__ import annotations

from harness.core.report import Report
from harness.show.overview import lay_out
from harness.show.page import draw_markdown


def render(report: Report) -> str:
    """Write one table, then a list for everything that did not work, gates, notes and advice."""
    return draw_markdown(lay_out(report))
