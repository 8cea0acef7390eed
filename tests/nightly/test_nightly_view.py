"""The page of a night and its annotations: whole, bounded, and text whatever things are called."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from make import BASE_RUN, HEAD_RUN, make_record

from harness import show
from harness.core.decision import (
    Cause,
    Change,
    Decision,
    MetricComparison,
    MetricComparisons,
    RunComparison,
)
from harness.core.record import Record
from harness.core.report import GateOutcome, Outcome, Report
from harness.nightly import annotate
from harness.nightly.model import Confidence, NightlyFinding, NightlyReport
from harness.nightly.view import NightlyDocument, headline


def render(result: NightlyReport, view: str = "table") -> str:
    return show.render(NightlyDocument(result), view)


def summary(result: NightlyReport) -> str:
    return render(result, "markdown")


SLOWER = Decision(
    verdict=Change.REGRESSION,
    ratio=1.25,
    low=1.2,
    high=1.3,
    p=0.00049,
    blocks=12,
    min_effect=0.01,
    mde=0.02,
    reason="A/B: 12 blocks",
)


def finding(
    case: str = "m", metric: str = "latency/p50", confidence: Confidence = Confidence.CONFIRMED
) -> NightlyFinding:
    item = MetricComparison(case, metric, 0.001, 0.00125, SLOWER, worse=0.2)
    return NightlyFinding(
        against="previous",
        base_run="r1",
        comparison=item,
        confidence=confidence,
        since="r2",
        since_at="2026-11-22T02:00:00+00:00",
        causes=(Cause("runtime", "1.31.0", "1.32.0"),),
    )


def night(
    *findings: NightlyFinding, records: tuple[Record, ...] = (), gates: tuple[GateOutcome, ...] = ()
) -> NightlyReport:
    return NightlyReport(
        run="r2",
        suite="s",
        started_at="2026-11-22T02:00:00+00:00",
        commit="0123456789abcdef",
        machine="box",
        report=Report("s", records or (make_record(case="m"),), (), (), gates),
        findings=findings,
        dashboard="html",
    )


GATE = GateOutcome(
    "latency/p50 max 1 ms", "m", "latency/p50", Outcome.FAILED, 0.00125, 0.001, "1.25 ms > 1 ms"
)


def test_the_page_says_what_by_how_much_how_surely_and_since_when() -> None:
    text = summary(night(finding()))
    assert text.startswith("## s: 1 regression\n")
    assert (
        "| m | latency/p50 | previous | 1 ms -&gt; 1.25 ms | +25.00% | \\[+20.00%, +30.00%\\] "
        "| confirmed by an A/B, p = 0.00049, 12 blocks | r2 (2026-11-22) |"
    ) in text
    assert (
        "### What else differs where it got worse\n\n- runtime: 1.31.0 -&gt; 1.32.0 (since previous)\n  - m"
        in text
    )


def test_metrics_of_a_case_that_go_together_are_one_row() -> None:
    metrics = ("throughput/samples_per_s", "latency/p95", "latency/p50", "memory/peak")
    found = night(*(finding(metric=metric) for metric in metrics))
    assert headline(found) == "2 regressions"
    text = summary(found)
    assert "| m | latency/p50 (latency/p95 +25.00%, throughput/samples_per_s +25.00%) |" in text
    assert "| m | memory/peak |" in text


def test_what_is_not_shown_or_was_refuted_is_no_alarm() -> None:
    found = night(finding(confidence=Confidence.OPEN), finding("n", confidence=Confidence.REFUTED))
    assert not found.worse
    text = summary(found)
    assert text.startswith("## s: nothing got worse\n")
    assert "### Looks worse, not shown: 1" in text
    assert "### Refuted by an A/B: 1" in text


def test_the_headline_counts_gates_and_failures() -> None:
    bad = (make_record(case="m"), make_record(case="n", status="crashed", reason="SIGSEGV"))
    assert (
        headline(night(finding(), records=bad, gates=(GATE,))) == "1 regression, 1 failed gate, 1 failed case"
    )


def test_an_improvement_is_told() -> None:
    better = MetricComparison(
        "m", "latency/p50", 0.002, 0.001, Decision(verdict=Change.IMPROVEMENT, ratio=0.5)
    )
    contrast = RunComparison(base=BASE_RUN, head=HEAD_RUN, compared=MetricComparisons((better,)))
    text = summary(replace(night(), contrasts={"anchor": contrast}))
    assert "### Better: 1\n\n- m: latency/p50 -50.00% (anchor: 2 ms -&gt; 1 ms)" in text


def test_the_headline_claims_nothing_of_what_was_not_compared() -> None:
    def one(metric: str, **decision: Any) -> MetricComparison:
        return MetricComparison("m", metric, 1.0, 1.0, Decision(**decision))

    same = one("latency/p50", verdict=Change.EQUIVALENT)
    unlike = one("accuracy/top1", verdict=Change.INCONCLUSIVE, comparable=False)
    for compared, said in (
        (MetricComparisons((same,)), "nothing got worse"),
        (
            MetricComparisons((same, unlike)),
            "nothing got worse in what was compared; not all compared: accuracy",
        ),
        (
            MetricComparisons((same, unlike), refused={"n": ("threads: 1 -> 2",)}),
            "nothing got worse in what was compared; not all compared: accuracy, timings",
        ),
    ):
        contrast = RunComparison(base=BASE_RUN, head=HEAD_RUN, compared=compared)
        assert headline(replace(night(), contrasts={"previous": contrast})) == said
    alone = replace(night(), not_compared={"previous": "there is none yet", "anchor": "there is none"})
    assert headline(alone) == "nothing failed, and nothing to compare with"


def test_what_is_not_comparable_is_counted_by_itself() -> None:
    items = [
        MetricComparison("m", "latency/p50", 1.0, 1.0, Decision(verdict=Change.INCONCLUSIVE)),
        MetricComparison(
            "m", "accuracy/top1", 1.0, 0.9, Decision(verdict=Change.INCONCLUSIVE, comparable=False)
        ),
    ]
    contrast = RunComparison(base=BASE_RUN, head=HEAD_RUN, compared=MetricComparisons(tuple(items)))
    text = summary(replace(night(), contrasts={"previous": contrast}))
    assert "1 inconclusive, 1 not comparable" in text


def test_what_was_not_compared_is_named() -> None:
    compared = MetricComparisons((), {"m": ("cores: 1 / 2",)}, ("old",), ("new",))
    causes = {Cause("data", "aa", "bb"): ("m", "n"), Cause("kernel", "6.1", "6.2"): ("m",)}
    contrast = RunComparison(base=BASE_RUN, head=HEAD_RUN, compared=compared, causes=causes)
    text = summary(replace(night(), contrasts={"previous": contrast}, not_compared={"anchor": "none"}))
    for words in (
        "against anchor: not compared: none",
        "### Not compared with previous",
        "- measured unlike: cores: 1 / 2\n  - m",
        "- accuracy, the data differs: aa -&gt; bb\n  - m\n  - n",
        "- new, not in that run\n  - new",
        "- in that run, not in this one\n  - old",
    ):
        assert words in text


def test_a_summary_stays_below_what_github_takes() -> None:
    long = "x" * 500
    records = tuple(
        make_record(case=f"{long}{index}", status="failed", reason=f"reason {index % 200}")
        for index in range(5_000)
    )
    text = summary(night(*(finding(f"{long}{index}") for index in range(5_000)), records=records))
    assert len(text.encode()) < 2**20
    assert "4950 more regressions: comparison.json has all" in text


@pytest.mark.parametrize("name", ["<script>", "a|b", "a\n::error::b", "\x1b[31m"])
def test_names_stay_text(name: str) -> None:
    text = summary(night(finding(name), records=(make_record(case=name, status="failed", reason=name),)))
    assert "<script>" not in text
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.strip().startswith("::")]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert "\x1b" not in render(night(finding(name)))


def test_the_document_has_the_numbers() -> None:
    data = json.loads(render(night(finding()), "json"))
    (found,) = data["findings"]
    assert (found["base"], found["head"], found["ratio"], found["p"]) == (0.001, 0.00125, 1.25, 0.00049)
    assert (found["confidence"], found["since"], found["causes"]) == (
        "confirmed",
        "r2",
        [{"field": "runtime", "before": "1.31.0", "after": "1.32.0", "away": 0}],
    )


def test_regressions_and_gates_are_errors_for_github() -> None:
    assert annotate.render(night(finding(), gates=(GATE,))).splitlines() == [
        "::error title=Regression%3A latency/p50::m: latency/p50 +25.00%25 against previous; "
        "1 ms -> 1.25 ms; confirmed by an A/B, p = 0.00049, 12 blocks; since r2",
        "::error title=Gate failed%3A latency/p50::m: latency/p50 max 1 ms: 1.25 ms > 1 ms",
    ]


def test_what_could_not_be_measured_is_a_warning_for_github() -> None:
    found = night(
        finding("w", confidence=Confidence.OPEN),
        records=(
            make_record(case="a", status="unsupported", reason="no kernel"),
            make_record(case="b", status="skipped", reason="slow"),
        ),
    )
    found = replace(found, not_compared={"anchor": "none is pinned"})
    assert [line.partition(" +25")[0] for line in annotate.render(found).splitlines()] == [
        "::warning title=Unsupported::a: no kernel",
        "::warning title=Looks worse%3A latency/p50::w: latency/p50",
        "::warning title=Not compared with anchor::none is pinned",
    ]


def test_a_message_is_escaped_as_github_reads_it_back() -> None:
    hostile = "50%,\r\n::error::x:y\x1b[2J\x85\u2028"
    (line,) = annotate.render(
        night(records=(make_record(case="m", status="failed", reason=hostile),))
    ).splitlines()
    assert line == "::warning title=Failed::m: 50%25,%0A::error::x:y\\x1b[2J\\x85\\u2028"


def test_a_title_is_escaped_more_than_a_message() -> None:
    found = night(finding(metric="own/a,b:c%d"))
    assert annotate.render(found).startswith(
        "::error title=Regression%3A own/a%2Cb%3Ac%25d::m: own/a,b:c%25d "
    )


def test_github_shows_ten_of_a_kind_so_the_tenth_says_how_many() -> None:
    lines = annotate.render(night(*(finding(f"m{index}") for index in range(25)))).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "::error title=More::16 more: see the summary of this job"
    assert len(annotate.render(night(*(finding(f"m{index}") for index in range(10)))).splitlines()) == 10


def test_nothing_to_say_is_nothing() -> None:
    assert annotate.render(night()) == ""
