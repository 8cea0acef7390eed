"""Records as JSON: exactly what is stored."""

from __future__ import annotations

import json

from harness.core.report import Report


def render(report: Report) -> str:
    """Write an array of records in the stored schema, one a line; strict JSON, ASCII only."""
    lines = (json.dumps(record.to_json(), allow_nan=False) for record in report.records)
    return "[" + ",\n ".join(lines) + "]"
