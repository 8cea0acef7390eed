"""Ink: reports in, text out. No view computes, reads a file or asks the machine.

A view is a function ``render(report) -> str`` and one line in `VIEWS`; other
packages add theirs through the entry-point group ``harness.views``.
"""

from harness.core.registry import Registry
from harness.core.report import Report

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


def render(report: Report, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write `report` as `view` does, without a newline at the end.

    `width` and `color` are for the table on a terminal. Raises NotFoundError
    for an unknown view.
    """
    draw = VIEWS.resolve(view)
    text: str = draw(report, width=width, color=color) if view == "table" else draw(report)
    return text


__all__ = ["VIEWS", "render"]
