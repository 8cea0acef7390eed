"""A document for people at a terminal; piped, the same text of any width, without color."""

from __future__ import annotations

from harness.show.document import Document
from harness.show.page import draw


def render(document: Document, *, width: int | None = None, color: bool = False) -> str:
    """Draw a document. Where `width` is too narrow, the least telling columns are left out and named."""
    return draw(document.page(), width=width, color=color)
