"""What a plan comes to, before anything is measured."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from harness.core.case import AXES, Case
from harness.core.errors import NotFoundError
from harness.core.record import Status
from harness.core.registry import closest
from harness.core.suite import Plan
from harness.core.units import format_span
from harness.show.escape import formula, visible

MOST = 30
"""Cases that are named on a terminal; all of them elsewhere."""


class Estimate(Protocol):
    """What is known of a plan beforehand; `harness.plan` fills it in."""

    @property
    def cases(self) -> int:
        """Cases to measure."""

    @property
    def artifacts_to_build(self) -> int:
        """Distinct model files."""

    @property
    def skips(self) -> Mapping[str, int]:
        """Reason -> cells left out."""

    @property
    def seconds(self) -> float:
        """The time all of it takes."""


def render_plan(plan: Plan, estimate: Estimate, view: str, *, tty: bool = False) -> str:
    """Write a plan as "table", "json" (an array: case, axes, status, reason) or "csv" (the same)."""
    match view:
        case "table":
            return "\n".join(_table(plan, estimate, tty))
        case "json":
            return "[" + ",\n ".join(json.dumps(cell) for cell in _cells(plan)) + "]"
        case "csv":
            return _csv(plan)
    raise NotFoundError(f"unknown format {view!r}: {closest(view, ('table', 'json', 'csv'))}")


def _table(plan: Plan, estimate: Estimate, tty: bool) -> Iterator[str]:
    keys = [case.key for case in plan.cases]
    shown = keys[:MOST] if tty and len(keys) > MOST + 1 else keys
    yield from map(visible, shown)
    if len(keys) > len(shown):
        yield f"... and {len(keys) - len(shown)} more: --format csv names them all"
    if keys:
        yield ""
    suite, models = plan.suite, len(plan.suite.models)
    yield f"suite      {visible(suite.name)} ({visible(suite.path)})"
    yield f"models     {models}: {', '.join(visible(model.name) for model in suite.models)}"
    yield f"cases      {estimate.cases}"
    yield f"artifacts  {estimate.artifacts_to_build}, those already built come from the cache"
    yield f"skipped    {sum(estimate.skips.values())}"
    for reason, count in estimate.skips.items():
        yield f"  {count} × {visible(reason)}"
    yield f"estimate   {format_span(estimate.seconds)}"


def _cells(plan: Plan) -> Iterator[dict[str, Any]]:
    yield from (_cell(case, "planned", "") for case in plan.cases)
    yield from (_cell(skip.case, str(Status.SKIPPED), skip.because) for skip in plan.skips)


def _cell(case: Case, status: str, reason: str) -> dict[str, Any]:
    return {"case": case.key, "axes": case.axes, "status": status, "reason": reason}


def _csv(plan: Plan) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["case", "model", *AXES, "status", "reason"])
    for cell in _cells(plan):
        values = (("" if value is None else formula(str(value))) for value in cell["axes"].values())
        writer.writerow([formula(cell["case"]), *values, cell["status"], formula(cell["reason"])])
    return text.getvalue().removesuffix("\r\n")
