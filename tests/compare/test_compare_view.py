"""What a comparison of two runs looks like."""

import csv
import io
import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from harness import show
from harness.compare.view import ComparisonDocument
from harness.core.decision import (
    Cause,
    Change,
    Decision,
    MetricComparison,
    MetricComparisons,
    RunComparison,
    RunSide,
)
from harness.core.errors import NotFoundError
from harness.core.report import GateOutcome, Outcome


def render(result: RunComparison, view: str, *, everything: bool = False, **style: Any) -> str:
    return show.render(ComparisonDocument(result, everything), view, **style)


HOSTILE = "<b>|\n\x1b[31m=cmd&`_a_`\u202e"
GATE = "latency/p50 max_increase 3% against base"


def row(
    metric: str, verdict: str, base: float | None, head: float | None, **numbers: Any
) -> MetricComparison:
    ratio = head / base if base and head else None
    decision = Decision(verdict=Change(verdict), ratio=ratio, **numbers)
    worse = math.log(ratio) if ratio else 0.0
    return MetricComparison("m/batch=8", metric, base, head, decision, worse)


SLOWER = row(
    "latency/p50", "regression", 1.0e-3, 1.1e-3,
    low=1.08, high=1.12, p=1e-5, blocks=3, min_effect=0.01, mde=0.021,
    reason="+10.00% between 3 processes a side (p = 1e-05)",
    detail="between 3 processes a side (p = 1e-05)",
)  # fmt: skip
SUSPECT = row(
    "memory/peak", "inconclusive", 100e6, 105e6, min_effect=0.01,
    reason="+5.00% between single processes, and nothing is known of the noise between them",
    detail="between single processes, and nothing is known of the noise between them",
)  # fmt: skip
WORSE = row("accuracy/top1", "regression", 0.98, 0.95, p=1e-4, mde=0.014, reason="9 of 300 samples lost")
UNSURE = row("latency/p95", "inconclusive", 2e-3, 2e-3, mde=0.05, min_effect=0.01, reason="+0.00%")
EQUAL = row("model/size", "equivalent", 1000.0, 1000.0, reason="exact: +0.00%")


@pytest.fixture
def contrast() -> RunComparison:
    """A bit of everything."""
    return RunComparison(
        base=RunSide("r1", "quick", "2026-11-21T01:00:00+00:00", "1111aaaa" + "0" * 32),
        head=RunSide(
            "r2", "quick", "2026-11-22T01:00:00+00:00", unfinished="unfinished, 3 of 4 cases so far"
        ),
        compared=MetricComparisons(
            (SLOWER, WORSE, SUSPECT, UNSURE, EQUAL),
            refused={"a": ("machine: m1 / m2",), "b": ("machine: m1 / m2",)},
            only_base=("gone",),
            only_head=("new",),
        ),
        gates=(
            GateOutcome(
                GATE, "m/batch=8", "latency/p50", Outcome.FAILED, 1.1e-3, 1.03e-3, "1.1 ms > 1.03 ms"
            ),
        ),
        bad={"c": "crashed: SIGSEGV"},
        causes={Cause("runtime", "1", "2"): ("m/batch=8", "m"), Cause("model", "a", "b"): ("m",)},
        notes=("A/B: raw samples in file",),
    )


TABLE = """\
quick: r1 -> r2
BASE  r1 (2026-11-21 01:00, commit 1111aaaa00)
HEAD  r2 (2026-11-22 01:00, unfinished, 3 of 4 cases so far)
1 case, 5 comparisons: 2 regressions, 1 equivalent, 2 inconclusive
A/B: raw samples in file

case       metric           base    head        change       95% interval  seen from  verdict       why
m/batch=8  latency/p50      1 ms  1.1 ms       +10.00%  [+8.00%, +12.00%]      2.10%  regression    \
between 3 processes a side (p = 1e-05)
m/batch=8  accuracy/top1  98.00%  95.00%  -3.00 points                  –      1.40%  regression    \
9 of 300 samples lost
m/batch=8  memory/peak    100 MB  105 MB        +5.00%                  –          –  inconclusive  \
between single processes, and nothing is known of the noise between them

Timings not compared, measured unlike: 2
  machine: m1 / m2
    a
    b

Failed in HEAD: 1
  crashed: SIGSEGV
    c

Gates failed: 1
  latency/p50 max_increase 3% against base: 1.1 ms > 1.03 ms
    m/batch=8

Only in BASE: 1
  gone

Only in HEAD: 1
  new

What else differs
  runtime: 1 -> 2 (2 cases)
  model: a -> b (1 case)
    m

Not in the table (--all shows them)
  latency/p95: 1 inconclusive (changes are seen from 5.00%)
  model/size: 1 equivalent"""


def test_the_table_shows_what_changed_and_counts_the_rest(contrast: RunComparison) -> None:
    assert render(contrast, "table") == TABLE


def test_everything_is_shown_where_asked_for(contrast: RunComparison) -> None:
    text = render(contrast, "table", everything=True)
    assert text.count("\nm/batch=8  ") == 5
    assert "Not in the table" not in text


def test_what_an_ab_settled_is_shown_whatever_it_said(contrast: RunComparison) -> None:
    text = render(replace(contrast, retested=(("m/batch=8", "latency/p95"),)), "table")
    assert "m/batch=8  latency/p95 " in text


def test_a_narrow_terminal_loses_whole_columns_and_says_which(contrast: RunComparison) -> None:
    text = render(contrast, "table", width=80)
    head = next(line for line in text.splitlines() if line.startswith("case"))
    assert head.split() == ["case", "metric", "base", "head", "change", "verdict"]
    assert "(too narrow for: seen from, 95% interval, why)" in text
    tight = render(contrast, "table", width=40)
    assert "(too narrow for: seen from, 95% interval, why, base, head)" in tight


def test_verdicts_are_colored_only_where_asked_for(contrast: RunComparison) -> None:
    colored = render(contrast, "table", color=True)
    assert "\x1b" not in render(contrast, "table")
    assert re.search(r"\x1b\[31mm/batch=8.*latency/p50", colored)
    assert re.search(r"\x1b\[33mm/batch=8.*memory/peak", colored)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored).split() == TABLE.split()


def test_markdown_has_the_same_rows_and_sections(contrast: RunComparison) -> None:
    lines = render(contrast, "markdown").splitlines()
    assert lines[0] == "## quick: r1 -&gt; r2"
    assert "| :-- | :-- | --: | --: | --: | --: | --: | :-- | :-- |" in lines
    assert sum(line.startswith("| m/batch=8 |") for line in lines) == 3
    assert lines[lines.index("### Only in BASE: 1") + 2] == "- gone"


def test_csv_is_whole_and_names_refused_cases(contrast: RunComparison) -> None:
    rows = list(csv.DictReader(io.StringIO(render(contrast, "csv"))))
    assert [item["verdict"] for item in rows] == [
        "regression", "regression", "inconclusive", "inconclusive", "equivalent", "refused", "refused",
    ]  # fmt: skip
    assert rows[5]["reason"] == "measured unlike: machine: m1 / m2"
    assert float(rows[0]["ratio"]) == pytest.approx(1.1)


def test_json_is_one_object(contrast: RunComparison) -> None:
    document = json.loads(render(contrast, "json"))
    assert [item["metric"] for item in document["comparisons"]] == [
        "latency/p50", "accuracy/top1", "memory/peak", "latency/p95", "model/size",
    ]  # fmt: skip
    assert document["base"]["commit"].startswith("1111aaaa")
    assert document["refused"]["a"] == ["machine: m1 / m2"]
    assert document["gates"][0]["outcome"] == "failed"
    assert document["bad"] == {"c": "crashed: SIGSEGV"}


@pytest.mark.parametrize("view", ["table", "markdown", "csv"])
def test_no_view_obeys_a_hostile_name(contrast: RunComparison, view: str) -> None:
    hostile = replace(
        contrast,
        base=RunSide(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        compared=MetricComparisons(
            (
                replace(
                    SLOWER, case=HOSTILE, metric=HOSTILE, decision=replace(SLOWER.decision, reason=HOSTILE)
                ),
            ),
            refused={HOSTILE: (HOSTILE,)},
            only_base=(HOSTILE,),
        ),
        bad={HOSTILE: HOSTILE},
        causes={Cause(HOSTILE, HOSTILE, HOSTILE): (HOSTILE,)},
    )
    text = render(hostile, view)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "cmd" in text
    if view == "markdown":
        assert "<b>" not in text
        (line,) = [line for line in text.splitlines() if line.startswith("| &lt;b")]
        assert len(re.findall(r"(?<!\\)\|", line)) == 10


def test_an_unknown_format_names_the_nearest(contrast: RunComparison) -> None:
    with pytest.raises(NotFoundError, match="unknown format 'tabel': did you mean 'table'"):
        render(contrast, "tabel")
