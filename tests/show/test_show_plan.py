"""A plan is shown before anything is measured."""

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from harness import show
from harness.core.case import AXES, Artifact, Case, Load, Model, Named, Session, Source
from harness.core.errors import NotFoundError
from harness.core.suite import Plan, Skip, Suite
from harness.plan.estimate import GatedCalls
from harness.show.plan import PlanDocument


@dataclass(frozen=True)
class Known:
    """An estimate, as `harness.plan` makes one."""

    cases: int = 2
    artifacts_to_build: int = 3
    skips: dict[str, int] = field(default_factory=lambda: {"slow": 1})
    seconds: float = 95.0
    gated: tuple[GatedCalls, ...] = ()


MODEL = Model("digits\x1b", Source("fake", ()))
CASES = tuple(Case(Artifact(MODEL), Session(), Load(batch)) for batch in (1, 8))
SKIPPED = Case(Artifact(MODEL, precision=Named("int8", "int8_static")), Session(), Load())
PLAN = Plan(Suite("quick", "suites/quick.yaml", (MODEL,)), CASES, (Skip(SKIPPED, "slow"),))


def render(plan: Plan, estimate: Known, view: str, width: int | None = None) -> str:
    return show.render(PlanDocument(plan, estimate), view, width=width)


def test_the_table_names_the_cases_and_what_they_come_to() -> None:
    plan = replace(PLAN, suite=replace(PLAN.suite, description="A first look\n  at this machine."))
    assert (
        render(plan, Known(), "table")
        == r"""quick: 2 cases, about 1 min 35 s
A first look at this machine.
suite suites/quick.yaml
1 model: digits\x1b
3 model files to build, less those in the cache

case
digits\x1b
digits\x1b/batch=8

Skipped: 1 case
  slow (1 case)"""
    )


def test_a_terminal_is_not_flooded_and_a_pipe_gets_all() -> None:
    cases = tuple(Case(Artifact(MODEL), Session(), Load(batch)) for batch in range(1, 101))
    plan = replace(PLAN, cases=cases)
    assert len(render(plan, Known(cases=100), "table").splitlines()) == 109
    lines = render(plan, Known(cases=100), "table", width=80).splitlines()
    assert lines[36] == "... and 70 more: --format csv has all"
    assert len(lines) == 40


def test_json_and_csv_hold_every_cell_planned_or_skipped() -> None:
    data = json.loads(render(PLAN, Known(), "json"))
    assert [(item["case"], item["status"], item["reason"]) for item in data] == [
        ("digits\x1b", "planned", ""),
        ("digits\x1b/batch=8", "planned", ""),
        ("digits\x1b/precision=int8", "skipped", "slow"),
    ]
    assert data[1]["axes"]["batch"] == 8
    rows = list(csv.DictReader(io.StringIO(render(PLAN, Known(), "csv"), newline="")))
    assert list(rows[0]) == ["case", "model", *AXES, "status", "reason"]
    assert [(row["case"], row["batch"], row["opset"], row["status"]) for row in rows] == [
        (r"digits\x1b", "1", "", "planned"),
        (r"digits\x1b/batch=8", "8", "", "planned"),
        (r"digits\x1b/precision=int8", "1", "", "skipped"),
    ]


def test_a_plan_of_nothing_but_skips_is_shown_in_full() -> None:
    plan = replace(PLAN, cases=())
    rows = list(csv.DictReader(io.StringIO(render(plan, Known(cases=0), "csv"), newline="")))
    assert [(row["case"], row["batch"]) for row in rows] == [(r"digits\x1b/precision=int8", "1")]
    assert render(plan, Known(cases=0, skips=Counter(slow=1)), "table").startswith("quick: 0 cases")


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(NotFoundError, match=r"unknown format 'jsn': did you mean 'json'\?"):
        render(PLAN, Known(), "jsn")


def test_what_gates_of_percentiles_cost_is_said() -> None:
    gated = (GatedCalls(130, 2, 12.5), GatedCalls(662, 1, 0.0))
    lines = render(PLAN, Known(gated=gated), "table").splitlines()
    assert lines[4:6] == [
        "gates of percentiles: 130 calls in each process of 2 cases, about 12 s more; "
        "max_seconds ends them after 30 s",
        "gates of percentiles: 662 calls in each process of 1 case, within the time of a case; "
        "max_seconds ends them after 30 s",
    ]
