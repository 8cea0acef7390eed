"""No verdict hangs on a sentence: with every one of them reversed, all comes to the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make import BASE_RUN, HEAD_RUN, make_facts, make_record
from replay import JOBS, replay
from world import World, search_world, since, write_candidates

from harness.ab.model import ABResult, Lost
from harness.bisect.halving import conclude
from harness.bisect.model import SearchResult, Step, StepVerdict
from harness.cli.ab import exit_code as ab_code
from harness.cli.bisect import exit_code as bisect_code
from harness.cli.compare import exit_code as compare_code
from harness.cli.nightly import exit_code as nightly_code
from harness.compare.confirmed import Untried, with_confirmation
from harness.compare.decide import compare_records
from harness.core.decision import (
    Change,
    Decision,
    MetricComparison,
    MetricComparisons,
    RunComparison,
    Unconfirmed,
)
from harness.core.record import Metric, Note, Record, Status
from harness.core.report import GateOutcome, Report
from harness.core.suite import Gate
from harness.judge import judge
from harness.judge.gates import evaluate, with_evidence
from harness.nightly import job as nightly
from harness.nightly.model import NightlyReport

SENTENCES: tuple[tuple[type, str], ...] = (
    (Decision, "reason"),
    (Decision, "detail"),
    (GateOutcome, "reason"),
    (Metric, "reason"),
    (Note, "detail"),
    (Note, "short"),
    (Lost, "reason"),
    (Record, "reason"),
    (SearchResult, "reason"),
    (Step, "reason"),
    (Untried, "text"),
)
MARK = "¤"


@contextmanager
def reworded() -> Iterator[None]:
    """Reverse every sentence as soon as it is made."""
    with pytest.MonkeyPatch.context() as patch:
        for noun, name in SENTENCES:
            patch.setattr(noun, "__init__", _reversing(noun.__init__, name))  # type: ignore[misc]
        yield


def _reversing(init: Any, name: str) -> Any:
    def made(self: Any, *args: Any, **keys: Any) -> None:
        init(self, *args, **keys)
        text = getattr(self, name)
        if text and not text.startswith(MARK):
            object.__setattr__(self, name, MARK + text[::-1])

    return made


def records(**values: float) -> Record:
    metrics = {name.replace("__", "/"): value for name, value in values.items()}
    return make_record(metrics)


def settled() -> list[MetricComparison]:
    """Suspects, one for each way in which an A/B may end."""
    stored = Decision(verdict=Change.REGRESSION, ratio=1.1, min_effect=0.01, reason="+10%")
    item = MetricComparison("net", "latency/p50", 1.0, 1.1, stored, worse=0.1)
    place = ("net", "latency/p50")
    shown = {verdict: {place: Decision(verdict=verdict, ratio=1.1, reason="by blocks")} for verdict in Change}
    left = [{"net": Untried(why, "so it is")} for why in Unconfirmed]
    return [with_confirmation(item, said, {}, {}) for said in shown.values()] + [
        with_confirmation(item, {}, why, {}) for why in left
    ]


def outcome() -> dict[str, Any]:
    """Everything that is decided, without a word."""
    items = settled()
    findings = []
    for item in items:
        contrast = RunComparison(base=BASE_RUN, head=HEAD_RUN, compared=MetricComparisons((item,)))
        findings.append(nightly._finding("previous", contrast, settled()[0], item))
    base, head = make_record({"latency/p50": 1.0}), make_record({"latency/p50": 1.1})
    gates = [
        Gate("latency/p50", max_increase=0.03),
        Gate("latency/p50", max_increase=0.03, confirm=True),
        Gate("latency/p99", max=1.0),
        Gate("latency/p50", max_increase=0.03, against="anchor"),
    ]
    few = judge(make_facts(random_weights=True, labels=np.array([0]), outputs=(np.eye(2),)))
    head = replace(head, metrics={**head.metrics, "latency/p99": few.metrics["latency/p99"]})
    held = evaluate(gates, [head], {"previous": {"net": base}})
    decided = [with_evidence(held, gates, {"previous": [item]}) for item in items]
    lost = compare_records([base], [make_record(status="unsupported")]).comparisons
    contrasts = [
        RunComparison(
            base=BASE_RUN,
            head=HEAD_RUN,
            compared=MetricComparisons((item,)),
            gates=found,
        )
        for item, found in zip((*items, *lost), (*decided, ()), strict=True)
    ]
    nights = [
        NightlyReport(
            run="r2",
            suite="s",
            started_at="",
            commit="",
            machine="",
            report=Report("s", (head,), (), (), found),
            findings=(finding,),
        )
        for finding, found in zip(findings, decided, strict=True)
    ]
    steps = [
        Step(version="1", against="", mark=StepVerdict.GOOD, reason="it runs"),
        Step(version="2", against="1", mark=StepVerdict.BAD, worse=0.2, reason="slower"),
    ]
    return {
        "verdicts": [(item.decision.verdict, item.decision.source, item.unconfirmed) for item in items],
        "confidences": [finding.confidence for finding in findings],
        "gates": [[(gate.outcome, gate.no_data, gate.setting) for gate in found] for found in decided],
        "lost": [item.decision.verdict for item in lost],
        "compare": [compare_code(contrast) for contrast in contrasts],
        "nightly": [nightly_code(night) for night in nights],
        "bisect": (conclude(["1", "2"], steps).outcome, conclude(["1", "2"], steps).first_bad),
        "metrics": {name: (metric.value, metric.absence) for name, metric in few.metrics.items()},
        "notes": [note.kind for note in few.notes],
    }


def test_every_verdict_is_the_same_with_all_sentences_reversed() -> None:
    plain = outcome()
    with reworded():
        assert outcome() == plain


def test_a_verdict_that_reads_a_sentence_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(before: Change, decision: Decision) -> nightly.Confidence:
        read = decision.reason.startswith("by blocks")
        return nightly.Confidence.CONFIRMED if read else nightly.Confidence.OPEN

    monkeypatch.setattr(nightly, "_confidence", reads)
    plain = outcome()
    with reworded():
        assert outcome() != plain


def test_the_sentences_are_reversed() -> None:
    with reworded():
        assert Decision(verdict=Change.EQUIVALENT, reason="same").reason == f"{MARK}emas"


JOBS_OF_EVERY_END = ("101", "105", "113", "121", "130", "137", "140", "141", "144", "148")
"""Shown worse, better, equal and nothing; an arm lost, an interrupt; one case and several."""


def jobs(
    folder: Path, names: tuple[str, ...] = JOBS_OF_EVERY_END, code: Callable[[ABResult], int] = ab_code
) -> list[Any]:
    """What jobs of an A/B come to, without a word."""
    ends = []
    for job in JOBS:
        if job["job"] in names:
            found = replay(job, folder / job["job"])
            rows = [
                (row.case, row.metric, row.decision.verdict, row.decision.source, row.decision.ratio)
                for row in found.comparisons
            ]
            lost = {case: [(item.arm, item.status) for item in arms] for case, arms in found.failed.items()}
            ends.append((job["job"], rows, lost, found.trusted, found.blocks, code(found)))
    return ends


def test_every_job_of_an_a_b_comes_to_the_same_with_all_sentences_reversed(tmp_path: Path) -> None:
    plain = jobs(tmp_path / "plain")
    with reworded():
        assert jobs(tmp_path / "reworded") == plain
    assert len(plain) == len(JOBS_OF_EVERY_END)
    assert {code for *_, code in plain} == {0, 1, 130}
    assert any(lost for _, _, lost, *_ in plain)


def searches(folder: Path) -> list[Any]:
    """What bisections come to, without a word."""
    worlds = (
        ("latency/p50", World(ns=since("v6", 1_100_000), missing=("v3",))),
        ("accuracy/max_abs_error", World(error={"v4": 0.25, "v5": 0.25})),
        ("accuracy/max_abs_error", World()),
        ("status", World(status=since("v7", Status.CRASHED))),
        ("memory/peak", World(missing=("v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"))),
    )
    ends = []
    for number, (metric, world) in enumerate(worlds):
        place = folder / str(number)
        place.mkdir(parents=True)
        made = search_world([world], metric, write_candidates(place), place)
        assert made.finding is not None
        steps = [(step.version, step.against, step.mark, step.worse, step.ran) for step in made.steps]
        end = (made.finding.outcome, made.finding.last_good, made.finding.suspects, made.finding.windows)
        ends.append((metric, steps, end, bisect_code(made)))
    return ends


def test_every_bisection_comes_to_the_same_with_all_sentences_reversed(tmp_path: Path) -> None:
    plain = searches(tmp_path / "plain")
    with reworded():
        assert searches(tmp_path / "reworded") == plain
    assert {code for *_, code in plain} == {0, 1, 3}
    assert {verdict for _, steps, *_ in plain for _, _, verdict, *_ in steps} >= {
        StepVerdict.GOOD,
        StepVerdict.BAD,
        StepVerdict.SKIPPED,
    }


def test_a_job_whose_end_is_read_off_a_sentence_would_be_found(tmp_path: Path) -> None:
    def reads(found: ABResult) -> int:
        return 3 if any("SIGSEGV" in item.reason for arms in found.failed.values() for item in arms) else 0

    plain = jobs(tmp_path / "plain", ("141",), reads)
    with reworded():
        assert jobs(tmp_path / "reworded", ("141",), reads) != plain
