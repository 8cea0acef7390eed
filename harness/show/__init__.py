"""Ink: documents in, text out. No view computes, reads a file or asks the machine.

A view is a function ``render(document) -> str`` and one line in `VIEWS`; other
packages add theirs through the entry-point group ``harness.views``. It shows
every document: what a run, a plan, an A/B and so on have in common is
`harness.show.document.Document`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:  # each --help reads this file
    from harness.core.report import Report
    from harness.show.document import Document

VIEWS = Registry(
    kind="format",
    builtin={
        "table": "harness.show.table:render",
        "markdown": "harness.show.markdown:render",
        "csv": "harness.show.csv:render",
        "json": "harness.show.json:render",
        "junit": "harness.show.junit:render",
        "pytest-benchmark": "harness.show.pytest_benchmark:render",
    },
    group="harness.views",
)

OF_RUNS = ("junit", "pytest-benchmark")
"""Views that show the records of a run, and no other document."""


def render(document: Document, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write `document` as `view` does, without a newline at the end.

    `width` and `color` are for the table on a terminal. Raises NotFoundError
    for an unknown view, and where the view shows runs and this is none.
    """
    draw = VIEWS.resolve(view)
    text: str = draw(document, width=width, color=color) if view == "table" else draw(document)
    return text


def render_run(report: Report, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write the report of a run as `render` does."""
    from harness.show.overview import RunDocument

    return render(RunDocument(report), view, width=width, color=color)


__all__ = ["OF_RUNS", "VIEWS", "render", "render_run"]
