"""The rows of a document as comma-separated values (RFC 4180), for spreadsheets."""

from __future__ import annotations

from harness.show.document import Document
from harness.show.rows import render_rows


def render(document: Document) -> str:
    """Write a line a row, below the names of the columns; numbers in SI units.

    No text is run as a formula, and none has control characters or line breaks
    in it. No rows are no text.
    """
    return render_rows(document.rows(), "csv")
