"""What is said below gates, and which metrics are named as missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from make import make_metric, make_record

from harness.core.decision import Change
from harness.core.record import Absence
from harness.core.report import GateOutcome, Outcome, Reference, Report, Row
from harness.show.grid import without_values
from harness.show.sections import gate_sections


def memory_gate(**facts: Any) -> list[str]:
    """What stands below a gate of memory that ended so."""
    gate = GateOutcome(
        gate="memory/peak max_increase 3% against anchor",
        case="digits",
        metric="memory/peak",
        outcome=Outcome.FAILED,
        value=87e6,
        limit=86e6,
        reason="87 MB > 86 MB",
        against=Reference.ANCHOR,
        **facts,
    )
    (failed,) = gate_sections([gate])
    return list(failed.entries[0].lines)


def test_a_gate_says_that_its_limit_lies_within_the_spread_of_processes() -> None:
    within = (
        "the limit lies within the spread between processes: the next run may come out otherwise; a higher "
        "sampling.processes narrows it (83 MB to 91 MB)"
    )
    assert memory_gate(low=83e6, high=91e6) == ["digits", within]
    assert memory_gate(low=86.5e6, high=87.5e6) == ["digits"]
    (alone,) = memory_gate()[1:]
    assert alone.startswith("one process does not show what memory varies by")


def test_a_gate_that_passed_within_the_spread_is_counted() -> None:
    passed = GateOutcome("latency/p50 max 1 ms", "digits", "latency/p50", Outcome.PASSED, 0.9e-3, 1e-3, "")
    near = replace(passed, low=0.8e-3, high=1.1e-3)
    (section,) = gate_sections([passed, near])
    assert section.title == "Gates passed: 2"
    (entry,) = section.entries
    assert entry.text.startswith("1 of them: the limit lies within the spread between processes")


@pytest.mark.parametrize("absence", [Absence.REPLACED, Absence.NOT_ASKED])
def test_what_nobody_misses_is_not_told_as_missing(absence: Absence) -> None:
    calls = make_metric("throughput/calls_per_s", None, absence=absence, reason="elsewhere")
    p95 = make_metric("latency/p95", None, reason="4 samples; p95 needs 130")
    made = make_record({"latency/p50": 1e-3, "throughput/calls_per_s": calls, "latency/p95": p95})
    rows = (Row(made, 1, baseline=True, speedup=1.0),)
    told = without_values(Report("t", (made,), rows, axes=()))
    assert told == ["p95: 4 samples; p95 needs 130"]


@pytest.mark.parametrize(
    ("verdict", "told"),
    [(Change.INCONCLUSIVE, True), (Change.EQUIVALENT, True), (Change.REGRESSION, False), (None, False)],
)
def test_which_to_believe_of_a_gate_and_a_comparison_is_said(verdict: Change | None, told: bool) -> None:
    lines = memory_gate(low=86.5e6, high=87.5e6, compared=verdict)
    assert lines[1:] == told * [
        f"the comparison with anchor is {verdict}: believe that, the gate knows two numbers and no noise. "
        "With 'confirm: true' an A/B decides the gate"
    ]
