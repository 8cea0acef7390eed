"""Lists that are no records: the same rows as text, Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.show.escape import formula, markdown, visible


def render_rows(rows: Sequence[Mapping[str, Any]], view: str) -> str:
    """Render rows that all have the same keys, which become the columns.

    `view` is "table", "markdown", "csv" or "json"; JSON is an array of objects.
    No rows are no text, but for JSON: an empty array.
    """
    if view == "json":
        return json.dumps(list(rows), indent=2)
    if not rows:
        return ""
    if view == "csv":
        text = io.StringIO()
        cells = ([formula(item) if isinstance(item, str) else item for item in row.values()] for row in rows)
        csv.writer(text).writerows([map(formula, rows[0]), *cells])
        return text.getvalue().removesuffix("\r\n")
    lines = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    if view == "markdown":
        lines = [[markdown(cell) for cell in line] for line in lines]
        lines.insert(1, ["---"] * len(lines[0]))
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    lines = [[visible(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ((cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
