"""One run as a page: the rows of each model, best first, and what is said below them."""

from __future__ import annotations

from harness.core.report import Report, Row
from harness.show.grid import columns, groups
from harness.show.page import Column, Line, Page
from harness.show.sections import sections, summary


def lay_out(report: Report) -> Page:
    """Lay out a report; models that have no measured row are in the sections only."""
    shown = columns(report)
    by_model = groups(report)
    return Page(
        title=report.title,
        said=(summary(report),),
        columns=(
            Column("model", number=False),
            *(Column(item.title, item.number, item.drop) for item in shown),
        ),
        lines=tuple(
            Line((model, *(item.cell(row) for item in shown)), mood=_mood(row))
            for model, rows in by_model.items()
            for row in rows
        ),
        sections=tuple(sections(report)),
        grouped=True,
    )


def _mood(row: Row) -> str:
    return "good" if row.rank == 1 else "dim" if row.baseline else ""
