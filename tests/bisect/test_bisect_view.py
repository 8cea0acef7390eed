"""A bisection as text."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from harness import show
from harness.bisect.model import Question, Search, SearchOutcome, SearchResult, Step, StepVerdict
from harness.bisect.view import BisectionDocument, describe, format_worse
from harness.core.decision import Change, Decision
from harness.core.errors import NotFoundError


def render(result: Any, view: str, **style: Any) -> str:
    return show.render(BisectionDocument(result), view, **style)


SLOWER = Decision(verdict=Change.REGRESSION, ratio=1.25, low=1.2, high=1.3, p=0.004, blocks=8, reason="shown")
STEPS = (
    Step(version="1.17.0", against="", mark=StepVerdict.GOOD, reason="it runs the model", seconds=1.0),
    Step(
        version="1.20.0",
        against="1.17.0",
        mark=StepVerdict.BAD,
        worse=0.25,
        base=1e-3,
        head=1.25e-3,
        decision=SLOWER,
        reason="shown",
        seconds=20.0,
    ),
    Step(version="1.18.0", against="1.17.0", mark=StepVerdict.SKIPPED, reason="unsupported: no wheel"),
    Step(version="1.18.1", against="1.17.0", mark=StepVerdict.SKIPPED, reason="unsupported: no wheel"),
    Step(version="1.19.0", against="1.17.0", mark=StepVerdict.BAD, worse=0.2, sure=False, seconds=9.0),
)
FOUND = SearchResult(
    outcome=SearchOutcome.FOUND,
    first_bad="1.19.0",
    last_good="1.17.0",
    suspects=("1.18.0", "1.18.1", "1.19.0"),
    reason="the step explains half",
)


def search(metric: str = "latency/p50", **changes: Any) -> Search:
    question = Question("m", metric, ("1.17.0", "1.18.0", "1.18.1", "1.19.0", "1.20.0"))
    made = Search(id="i", question=question, steps=STEPS, finding=FOUND, limit=0.125)
    return replace(made, **changes)


def test_a_table_has_the_answer_then_every_step_in_the_order_of_versions() -> None:
    text = render(search(), "table")
    assert text == "\n".join(
        [
            "m: latency/p50, 1.17.0 to 1.20.0",
            "first bad version: 1.19.0 (last good one: 1.17.0)",
            "the step explains half",
            "bad is what is worse by more than +12.50%; 5 steps, 5 versions, 30 s",
            "",
            "step  version  against  base     head  worse by        95% interval  verdict  why",
            "   1  1.17.0   –           –        –         –                   –  good     it runs the model",
            "   3  1.18.0   1.17.0      –        –         –                   –  skipped",
            "   4  1.18.1   1.17.0      –        –         –                   –  skipped",
            "   5  1.19.0   1.17.0      –        –   +20.00%                   –  bad?",
            "   2  1.20.0   1.17.0   1 ms  1.25 ms   +25.00%  [+20.00%, +30.00%]  bad      shown",
            "",
            "Ambiguous",
            "  the first bad version is one of 1.18.0, 1.18.1, 1.19.0: those before 1.19.0 are open",
            "",
            "Could not be tested: 2",
            "  unsupported: no wheel",
            "    1.18.0, 1.18.1",
        ]
    )


def test_columns_that_say_nothing_are_left_out() -> None:
    text = render(search(steps=(STEPS[0], STEPS[2])), "table")
    assert "step  version  against  verdict  why\n" in text


def test_markdown_has_the_same_rows() -> None:
    text = render(search(), "markdown")
    assert (
        "| 2 | 1.20.0 | 1.17.0 | 1 ms | 1.25 ms | +25.00% | [+20.00%, +30.00%] | bad | shown |"
        in text.replace("\\", "")
    )


def test_csv_is_a_row_a_step_with_the_numbers_of_its_ab() -> None:
    rows = list(csv.DictReader(io.StringIO(render(search(), "csv"))))
    assert [row["version"] for row in rows] == ["1.17.0", "1.20.0", "1.18.0", "1.18.1", "1.19.0"]
    assert (rows[1]["low"], rows[1]["high"], rows[1]["blocks"], rows[0]["low"]) == ("1.2", "1.3", "8", "")


def test_json_is_one_object() -> None:
    found = json.loads(render(search(), "json"))
    assert (found["finding"]["first_bad"], len(found["steps"])) == ("1.19.0", 5)
    assert found["steps"][1]["decision"]["ratio"] == 1.25
    assert found["question"]["versions"][0] == "1.17.0"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finding": None}, "interrupted: the same command with --resume goes on"),
        (
            {"finding": SearchResult(outcome=SearchOutcome.NO_DIFFERENCE, reason="1.20.0 is not worse")},
            "no regression between the ends\n1.20.0 is not worse",
        ),
        (
            {"finding": SearchResult(outcome=SearchOutcome.UNDECIDED, reason="too noisy")},
            "undecided\ntoo noisy",
        ),
        ({"steps": (replace(STEPS[1], trusted=False),)}, "do not trust this"),
    ],
)
def test_other_endings_are_said_first(changes: dict[str, Any], said: str) -> None:
    assert said in render(search(**changes), "table")


def test_a_search_by_status_has_no_limit() -> None:
    assert "bad is what does not run the model; 5 steps" in render(search("status"), "table")


def test_an_unknown_view_is_told() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'table'"):
        render(search(), "tabel")


def test_losses_are_written_as_their_metric_is() -> None:
    assert format_worse(0.25, "latency/p95") == "+25.00%"
    assert format_worse(-0.01, "memory/peak") == "-1.00%"
    assert format_worse(0.5, "accuracy/mae") == "+50.00%"
    assert format_worse(0.0123, "accuracy/top1") == "1.23 points"
    assert format_worse(0.029712, "accuracy/max_abs_error") == "0.0297"
    assert format_worse(-0.0, "model/int8_operators") == "0"


def test_a_step_is_a_line_of_progress() -> None:
    assert describe(STEPS[0], "latency/p50") == "1.17.0: good (it runs the model)"
    assert describe(STEPS[1], "latency/p50") == "1.20.0 against 1.17.0: bad +25.00% (shown)"
    assert describe(STEPS[4], "latency/p50") == "1.19.0 against 1.17.0: bad by its estimate +20.00%"
