"""What a result offers to every view: a page for people, rows for csv, plain data for json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.core.errors import NotFoundError
from harness.core.report import Report
from harness.show.page import Page


class Document(Protocol):
    """A result that can be shown: a run, a plan, an A/B, a comparison, a bisection, a history and so on."""

    @property
    def kind(self) -> str:
        """What it is, in a word or two: "run", "plan", "A/B" ..."""

    def page(self) -> Page:
        """Lay it out for people."""

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Flatten it: rows that all have the same keys."""

    def data(self) -> Any:
        """Return all of it as plain data, finite numbers only."""


def report_of(document: Document) -> Report:
    """Return the report of a document that is a run. Raises NotFoundError for any other."""
    report = getattr(document, "report", None)
    if not isinstance(report, Report):
        raise NotFoundError(f"this format shows the records of a run, and this is a {document.kind}")
    return report
