"""Whatever a model, a suite or a machine is called stays text, whoever renders it."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness import show
from harness.compare.view import ComparisonDocument
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.decision import (
    Cause,
    Change,
    Decision,
    MetricComparison,
    MetricComparisons,
    Point,
    RunComparison,
    RunSide,
    Shift,
    Trend,
)
from harness.core.record import Record
from harness.core.report import GateOutcome, Outcome, Report
from harness.core.suite import Plan, Skip, Suite
from harness.history.view import HistoryDocument
from harness.plan.estimate import Estimate
from harness.show.plan import PlanDocument
from harness.show.progress import describe
from harness.show.repro import render_repro

LISTS = ("table", "markdown", "csv", "json")
OPTIONS = {"graph_opt": "all", "execution_mode": "sequential", "intra_threads": 1, "inter_threads": 1}


def unseen(text: str) -> set[str]:
    """What a terminal would obey or hide, line ends apart."""
    found = set(text.replace("\r\n", "\n")) - {"\n"}
    return {letter for letter in found if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


def check(text: str, view: str, name: str, lines: int | None = None) -> None:
    """Hold what `view` wrote against the rules of its format; `name` is in it, as text."""
    assert unseen(text) == set()
    assert "script" in text
    if view == "markdown":
        assert not re.search(r"<|(?<!\\)`|(?<!\\)\[", text)
    if view == "csv":
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    if view == "json":
        assert name in strings(json.loads(text))
    if lines is not None:
        assert len(text.splitlines()) == lines


def strings(data: object) -> list[str]:
    """Every text in plain data."""
    match data:
        case str():
            return [data]
        case dict():
            return [text for pair in data.items() for part in pair for text in strings(part)]
        case list():
            return [text for item in data for text in strings(item)]
    return []


@pytest.mark.parametrize("view", show.VIEWS.builtin)
def test_every_view_of_a_report(hostile: Report, view: str) -> None:
    check(show.render_run(hostile, view), view, hostile.title)


@pytest.mark.parametrize("view", LISTS)
def test_two_runs_compared(hostile: Report, view: str) -> None:
    name = f"={hostile.title}"
    side = RunSide(name, name, name, name, name)
    decision = Decision(verdict=Change.REGRESSION, ratio=1.2, reason=name)
    contrast = RunComparison(
        base=side,
        head=side,
        compared=MetricComparisons(
            (MetricComparison(name, name, 1.0, 1.2, decision),), {name: (name,)}, (name,), (name,)
        ),
        gates=(GateOutcome(name, name, name, Outcome.FAILED, 1.0, 2.0, name),),
        bad={name: name},
        causes={Cause(name, name, name): (name,)},
        notes=(name,),
    )
    check(show.render(ComparisonDocument(contrast, everything=True), view), view, name)


@pytest.mark.parametrize("view", LISTS)
def test_a_history(hostile: Report, view: str) -> None:
    name = f"={hostile.title}"
    points = tuple(Point(name, name, value, None, None, name, name) for value in (1.0, 2.0))
    shift = Shift(1, 1.0, 2.0, 1.0, 9.0, Change.REGRESSION, (Cause(name, name, name),))
    trends = [
        Trend(name, name, name, name, name, points, (shift,)),
        Trend("", "", "", "", "", points, (), name),
    ]
    check(show.render(HistoryDocument(trends), view), view, name)


@pytest.mark.parametrize("view", LISTS)
def test_a_plan(hostile: Report, view: str) -> None:
    name = f"={hostile.title}"
    model = Model(name, Source("fake", ()))
    case = Case(Artifact(model), Session(), Load())
    plan = Plan(Suite(name, name, (model,)), (case,), (Skip(case, name),))
    check(show.render(PlanDocument(plan, Estimate(1, 1, {name: 1}, 1.0)), view), view, name)


def test_the_line_of_a_case_that_is_done(hostile: Report) -> None:
    for record in hostile.records:
        check(describe(record), "", hostile.title, lines=1)


def test_the_script_that_repeats_a_case(hostile: Report, repeatable: Callable[[str], Record]) -> None:
    name = f"""{hostile.title}\n'''\nimport os\nos.abort()\n\"\"\"{{case}}"""
    script = render_repro(repeatable(name))
    assert unseen(script) == set()
    tree = ast.parse(script)
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("CASE", "MODEL_FILE", "CONFIG")
    }
    assert constants == {"CASE": name, "CONFIG": {name: name}}
    assert "abort" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.fixture
def repeatable(make_record: Callable[..., Record]) -> Callable[[str], Record]:
    """Make a record that a script can be written for, every text of which is `name`."""

    def make(name: str) -> Record:
        record = make_record(name)
        return replace(
            record,
            case=name,
            asked={
                "session": {
                    "provider": {"kind": name, "options": {name: name}},
                    "config": {"options": {name: name}},
                },
                "load": {"io": "run"},
                "sampling": {"warmup_calls": 1, "warmup_s": 0.0},
                "measure": {"inputs": 1, "seed": 0},
            },
            effective={
                "runtime": {"version": name},
                "session": {"options": OPTIONS, "input_shapes": {name: [1]}},
            },
            artifact={
                "path": name,
                "inputs": [{"name": name, "dtype": "float32", "low": None, "high": None, "fill": None}],
            },
        )  # fmt: skip

    return make
