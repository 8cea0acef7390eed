"""The report for people at a terminal; piped, the same text of any width, without color."""

from __future__ import annotations

from harness.core.report import Report
from harness.show.overview import lay_out
from harness.show.page import draw


def render(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Draw a report. Where `width` is too narrow, the least telling columns are left out, and said."""
    return draw(lay_out(report), width=width, color=color)
