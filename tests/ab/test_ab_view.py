import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from harness import show
from harness.ab.model import ABResult, ABSettings, Control, Disagreement, Lost, Pairing
from harness.ab.view import ABDocument
from harness.core.decision import Change, Decision, DecisionSource, Levels, MetricComparison
from harness.core.errors import NotFoundError
from harness.core.record import Status
from harness.core.report import GateOutcome, Outcome
from harness.show.comparisons import need


def render(result: Any, view: str, **style: Any) -> str:
    return show.render(ABDocument(result), view, **style)


SLOWER = MetricComparison(
    "m/batch=8",
    "latency/p50",
    1.0e-3,
    1.02e-3,
    Decision(
        verdict=Change.REGRESSION,
        ratio=1.02,
        low=1.018,
        high=1.022,
        p=0.002,
        blocks=9,
        min_effect=0.01,
        mde=0.013,
        reason="+2.00%, shown to exceed 1.00% (p = 0.002)",
    ),
    0.0198,
)
SAME = MetricComparison(
    "m/batch=8",
    "latency/p95",
    None,
    None,
    Decision(verdict=Change.INCONCLUSIVE, reason="8 calls of an arm in a block; 40 are needed"),
)
QUIET = Control("m/batch=8", False, {"latency/p50": Decision(verdict=Change.EQUIVALENT, ratio=1.0)}, "quiet")
COLUMNS = ["case", "metric", "base", "head", "ratio", "low", "high", "p", "blocks", "min_effect", "mde"]
NEEDS = ["asked", "needed_s", "needed_calls"]


def trial(**more):
    return ABResult(
        **{
            "job": "20261123T140732Z-3f2a1c",
            "settings": ABSettings(seed=7),
            "base": {"graph_opt": "basic"},
            "head": {"graph_opt": "all"},
            "comparisons": (SLOWER, SAME),
            "control": QUIET,
            "blocks": 20,
            "seconds": 17.25,
            "file": "results/ab/20261123T140732Z-3f2a1c.jsonl",
            **more,
        }
    )


def test_json_has_an_object_a_case_and_metric_and_one_for_the_job():
    first, second, job = json.loads(render(trial(), "json"))
    assert list(first) == [*COLUMNS, *NEEDS, "source", "verdict", "reason", "unconfirmed", "levels"]
    assert (first["case"], first["ratio"], first["verdict"]) == ("m/batch=8", 1.02, "regression")
    assert second["ratio"] is None
    assert (job["job"], job["trusted"], job["seed"], job["blocks"]) == (True, True, 7, 20)
    assert (job["base"], job["head"]) == ({"graph_opt": "basic"}, {"graph_opt": "all"})
    assert job["control"]["fired"] is False
    assert job["control"]["decisions"]["latency/p50"]["verdict"] == "equivalent"


def test_csv_has_the_rows_alone():
    rows = list(csv.DictReader(io.StringIO(render(trial(), "csv"))))
    assert [row["metric"] for row in rows] == ["latency/p50", "latency/p95"]
    assert list(rows[0]) == [*COLUMNS, *NEEDS, "source", "verdict", "reason", "unconfirmed", "levels"]


def test_the_table_shows_the_worst_first_with_its_evidence():
    lines = render(trial(), "table").splitlines()
    assert lines[0] == "BASE (graph_opt=basic) -> HEAD (graph_opt=all)"
    assert lines[1] == "1 regression, 1 inconclusive"
    assert lines[2] == (
        "20 blocks in 17 s; changes above 1.00% are shown at 1.00%, with a budget of 10 s a case (seed 7)"
    )
    row = next(line for line in lines if "latency/p50" in line)
    for cell in ("m/batch=8", "1 ms", "1.02 ms", "+2.00%", "[+1.80%, +2.20%]", "1.30%", " 9 ", "regression"):
        assert cell in row
    assert row.endswith("shown to exceed 1.00% (p = 0.002)")


@pytest.mark.parametrize("view", ["table", "markdown"])
def test_everything_that_a_reader_must_know_is_there(view):
    gate = GateOutcome(
        "latency/p50 max_increase 1%", "m", "latency/p50", Outcome.FAILED, 1.0, 2.0, "3 ms > 2 ms"
    )
    text = render(
        trial(
            control=Control("m", True, {}, "latency/p50: it differs from itself"),
            failed={"n": (Lost("head", Status.CRASHED, "SIGSEGV", 4),)},
            pairing=Pairing((), ("only/here",), ("only/there",), {"s": "too slow"}),
            notes=("random weights",),
            gates=(gate,),
            interrupted=True,
        ),
        view,
    )
    for words in (
        "Do not trust these verdicts",
        "The control fired",
        "it differs from itself",
        "head crashed in block 4: SIGSEGV",
        "only/here",
        "only/there",
        "too slow",
        "random weights",
        "3 ms",
    ):
        assert words in text, words


def test_an_interrupted_job_says_so_first():
    assert render(trial(interrupted=True), "table").splitlines()[1].startswith("interrupted; 1 regression")


def test_a_name_cannot_move_the_cursor():
    text = render(trial(failed={"x\x1b[2J": (Lost("head", Status.FAILED, "no\nreason"),)}), "table")
    assert "\x1b" not in text


def test_an_unknown_view_names_the_known_ones():
    with pytest.raises(NotFoundError, match="known: csv, json, junit, markdown, pytest-benchmark, table"):
        render(trial(), "html")


def test_a_row_without_a_verdict_names_the_budget_that_would_show_what_was_asked():
    unsure = Decision(
        verdict=Change.INCONCLUSIVE,
        ratio=1.015,
        mde=0.031,
        asked=0.02,
        needed_s=34.0,
        source=DecisionSource.AB,
    )
    noisy = MetricComparison("m", "latency/p50", None, None, unsure)
    for view in ("table", "markdown"):
        assert "--budget 34 would show 2.00%" in render(trial(comparisons=(noisy,)), view, width=300)
    row, _ = json.loads(render(trial(comparisons=(noisy,)), "json"))
    assert (row["asked"], row["needed_s"]) == (0.02, 34.0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "34 s of blocks would show 2.00%"),
        ({"mde": 0.019, "source": DecisionSource.AB}, "2.00% would have shown"),
        ({"mde": 0.019}, "34 s of blocks would show 2.00%"),  # that of two stored runs is another
        ({"needed_s": None}, ""),
        ({"asked": None}, ""),
    ],
)
def test_what_a_verdict_needs_is_said_where_it_is_known(changed, words):
    given = {"verdict": Change.INCONCLUSIVE, "mde": 0.031, "asked": 0.02, "needed_s": 34.0, **changed}
    assert need(Decision(**given)) == words


def test_a_budget_that_was_chosen_says_for_what_and_up_to_which():
    settings = ABSettings(seed=7, see=0.02, most_s=30.0)
    assert "10 to 30 s (chosen to show 2.00%, at most 30 s) a case" in render(
        trial(settings=settings), "table"
    )


def test_two_levels_are_named_with_what_each_arm_has_of_them():
    levels = Levels(
        base_low=83e6,
        base_high=91e6,
        head_low=83e6,
        head_high=91e6,
        base_at_high=3,
        head_at_high=4,
        base_processes=8,
        head_processes=8,
        p=1.0,
    )
    peak = MetricComparison(
        "m", "memory/peak", 83e6, 83e6, Decision(verdict=Change.INCONCLUSIVE, reason="+0.00%"), levels=levels
    )
    shown = "two levels from process to process (83 MB or 91 MB); at the higher one: BASE 3 of 8, HEAD 4 of 8"
    assert shown in render(trial(comparisons=(peak,)), "table", width=300)
    row, _ = json.loads(render(trial(comparisons=(peak,)), "json"))
    assert (row["levels"]["base_low"], row["levels"]["head_at_high"]) == (83e6, 4)
    assert (levels.moved, replace(levels, head_high=96e6).moved) == (0.0, pytest.approx(5 / 91))
    moved = replace(peak, levels=replace(levels, head_high=96e6))
    assert "(BASE 83 MB or 91 MB, HEAD 83 MB or 96 MB)" in render(
        trial(comparisons=(moved,)), "table", width=300
    )


def test_a_disagreement_of_instructions_and_times_is_shown():
    found = Disagreement("m", Change.REGRESSION, 1.02, Change.EQUIVALENT, 1.001)
    shown = render(trial(disagreements=(found,)), "table", width=300)
    assert "instructions/call regression (+2.00%), latency/p50 equivalent (+0.10%)" in shown
    assert json.loads(render(trial(disagreements=(found,)), "json"))[-1]["disagreements"] == [
        {
            "case": "m",
            "counted": "regression",
            "counted_ratio": 1.02,
            "timed": "equivalent",
            "timed_ratio": 1.001,
        }
    ]


def test_a_quantile_that_no_block_has_says_what_it_takes():
    few = replace(SAME, decision=replace(SAME.decision, needed_calls=360, needed_s=29.0))
    shown = render(trial(comparisons=(few,)), "table", width=300)
    assert "40 are needed; 360 calls of each arm would do (--metric latency/p95 --budget 29)" in shown
