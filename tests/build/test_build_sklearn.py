"""A fitted model of scikit-learn: converted by a tool in a folder of its own, and held to its own answers."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from harness.core.record import Record
from harness.core.tools import TOOLS
from harness.plan import plan_document
from harness.run.bench import open_bench
from harness.run.job import environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("runtimes")]  # the tool is installed once

CODE = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

def numbers():
    rows, labels = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=500).fit(rows, labels), rows, labels

def words():
    data = load_iris()
    names = data.target_names[data.target]
    return {"model": LogisticRegression(max_iter=500).fit(data.data, names), "inputs": data.data}

def nothing():
    return None
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Each function of CODE, converted and measured once."""
    folder = tmp_path_factory.mktemp("sklearn")
    (folder / "fit.py").write_text(CODE)
    models: dict[str, Any] = {
        name: {"source": {"sklearn": f"fit.py:{name}"}} for name in ("numbers", "words", "nothing")
    }
    models["numbers"]["axes"] = {"converter": ["default", str(TOOLS["sklearn"])]}
    document: dict[str, Any] = {
        "models": models,
        "sampling": {"calls": 3, "warmup_calls": 1, "warmup_seconds": 0},
        "measure": {"memory": False, "proof": False},
    }
    plan = plan_document(document, folder, "sklearn")
    bench = open_bench(plan.suite, folder / "cache", folder / "work", environment(plan))
    return {case.key: bench.measure(case) for case in plan.cases}


def test_a_model_answers_as_its_original_and_both_are_scored(measured: dict[str, Record]) -> None:
    record = measured["numbers"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics["accuracy/vs_source"].value == 1.0
    ours, theirs = (record.metrics[f"accuracy/{name}"].value for name in ("top1", "source_top1"))
    assert ours == theirs and ours is not None and ours > 0.9
    assert record.artifact["opset"] == 17


def test_a_converter_may_be_named(measured: dict[str, Record]) -> None:
    """Of the table's own version, so that no other one is installed."""
    record = measured[f"numbers/converter={TOOLS['sklearn']}"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics["accuracy/vs_source"].value == 1.0


def test_text_as_labels_is_compared_as_text(measured: dict[str, Record]) -> None:
    record = measured["words"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics["accuracy/vs_source"].value == 1.0


def test_a_function_that_gives_no_model_is_one_failed_record(measured: dict[str, Record]) -> None:
    record = measured["nothing"]
    assert record.status == "failed"
    assert "must return (model, inputs) or (model, inputs, labels), got NoneType" in record.reason


def test_the_tool_stays_out_of_this_process(measured: dict[str, Record]) -> None:
    assert measured["numbers"].artifact["provenance"]
    assert "skl2onnx" not in sys.modules
