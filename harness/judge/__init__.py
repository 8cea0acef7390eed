"""Arithmetic: facts in, numbers and verdicts out. No clock, no file, no process."""

from harness.judge.facts import Facts
from harness.judge.gates import evaluate as evaluate_gates
from harness.judge.rows import narrow, report
from harness.judge.verdict import Verdict, judge

__all__ = ["Facts", "Verdict", "evaluate_gates", "judge", "narrow", "report"]
