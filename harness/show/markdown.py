"""A document as GitHub-flavored Markdown: summaries of jobs, comments, pages."""

from __future__ import annotations

from harness.show.document import Document
from harness.show.page import draw_markdown


def render(document: Document) -> str:
    """Write one table, then a list for everything below it."""
    return draw_markdown(document.page())
