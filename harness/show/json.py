"""A document as JSON: plain data; of a run what is stored, and how its cases scale."""

from __future__ import annotations

import json

from harness.show.document import Document


def render(document: Document) -> str:
    """Write strict JSON, ASCII only: an array with one item a line, or one object."""
    data = document.data()
    if not isinstance(data, list):
        return json.dumps(data, indent=1, allow_nan=False)
    return "[" + ",\n ".join(json.dumps(item, allow_nan=False) for item in data) + "]"
