"""What the tests of plans share beside fixtures."""

from __future__ import annotations

from collections.abc import Callable

from harness.core.suite import Plan

ONE = "models: {m: {source: {zoo: squeezenet}}}\n"
"""A model to plan with; what a test is about follows on line 2."""

Planner = Callable[..., Plan]
Problems = Callable[..., list[str]]


def keys(plan: Plan) -> list[str]:
    """The keys of a plan's cases, in order."""
    return [case.key for case in plan.cases]
