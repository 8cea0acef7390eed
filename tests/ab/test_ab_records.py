"""What each arm's one measurement decides, on a bench that answers exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from make import make_case, make_record

from harness.ab.model import ABSettings, Pair
from harness.ab.records import ArmRecords, may_have_labels
from harness.core.case import Source
from harness.core.decision import Change
from harness.judge.outputs import Outputs


class AnsweringBench:
    """Measures nothing, and answers the second case otherwise, in its scores alone."""

    def __init__(self, pair: Pair) -> None:
        labels = np.arange(8) % 2
        scores = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
        self.outputs = {
            case: Outputs(("label", "scores"), (labels, values), counts="scores", classes={"scores": -1})
            for case, values in ((pair.base, scores), (pair.head, -scores))
        }
        self.evaluate = dict(self.outputs).__getitem__

    def measure(self, case: Any, run: str) -> Any:
        return make_record({}, case=case, run=run)


def two_cases() -> Pair:
    return Pair("c", make_case(), make_case(graph_opt="disable"))


def test_the_output_that_counts_by_its_source_is_compared_not_the_first(tmp_path: Path) -> None:
    pair = two_cases()
    trace = SimpleNamespace(id="t", append=lambda line: None)
    bench: Any = AnsweringBench(pair)
    records = ArmRecords(bench, trace, ABSettings(), [pair])  # type: ignore[arg-type]
    assert records.compare(pair) == ()
    answers = {row.metric: row for row in records.rows if row.metric.startswith("accuracy/")}
    assert answers["accuracy/agreement"].decision.verdict is Change.REGRESSION
    assert answers["accuracy/agreement"].head == 0.0  # of the label, which is the first, it is 1


def test_a_model_that_is_converted_may_have_labels_of_its_own() -> None:
    case = make_case()
    assert not may_have_labels(case)
    model = replace(case.artifact.model, source=Source("lightgbm", ()))
    assert may_have_labels(replace(case, artifact=replace(case.artifact, model=model)))
