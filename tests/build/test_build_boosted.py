"""Boosted trees of XGBoost and LightGBM, converted by tools in folders of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.record import Record
from harness.plan import plan_document
from harness.run.bench import open_bench
from harness.run.job import environment

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("runtimes")]

CODE = """
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

def several():
    from xgboost import XGBClassifier
    rows, labels = load_iris(return_X_y=True)
    return XGBClassifier(n_estimators=10).fit(rows, labels), rows, labels

def booster():
    import xgboost
    rows, labels = load_breast_cancer(return_X_y=True)
    return xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, labels), 10), rows, labels

def words():
    from lightgbm import LGBMClassifier
    data = load_iris()
    names = data.target_names[data.target]
    return LGBMClassifier(n_estimators=10, verbose=-1).fit(data.data, names), data.data, names

def regressor():
    from lightgbm import LGBMRegressor
    rows, labels = load_diabetes(return_X_y=True)
    return LGBMRegressor(n_estimators=10, verbose=-1).fit(rows, labels), rows, labels

def halves():
    import lightgbm
    rows, labels = load_breast_cancer(return_X_y=True)
    data = lightgbm.Dataset(rows, labels)
    return lightgbm.train({"objective": "binary", "verbose": -1}, data, 10), rows, labels
"""

SOURCES: dict[str, Any] = {
    **{name: {"xgboost": f"fit.py:{name}"} for name in ("several", "booster")},
    **{name: {"lightgbm": f"fit.py:{name}"} for name in ("words", "regressor", "halves")},
    "maps": {"lightgbm": {"target": "fit.py:words", "zipmap": True}},
    "given": {"xgboost": "fit.py:several"},
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, runtimes_dir: Path) -> dict[str, Record]:
    """Each function of CODE, converted and measured once."""
    folder = tmp_path_factory.mktemp("boosted")
    (folder / "fit.py").write_text(CODE)
    rows = np.random.default_rng(0).uniform(0, 8, (20, 4))
    np.savez(folder / "rows.npz", x=rows.astype(np.float32))
    models = {name: {"source": source} for name, source in SOURCES.items()}
    models["given"]["data"] = "rows.npz"
    models["maps"]["axes"] = {"io": ["run"]}
    models["words"]["axes"] = {"opset": [15, 17, 21]}
    document: dict[str, Any] = {
        "models": models,
        "sampling": {"calls": 3, "warmup_calls": 1, "warmup_seconds": 0},
        "measure": {"memory": False, "proof": False},
    }
    plan = plan_document(document, folder, "boosted")
    bench = open_bench(plan.suite, runtimes_dir, folder / "work", environment(plan))
    return {case.key: bench.measure(case) for case in plan.cases}


@pytest.mark.parametrize("name", ["several", "booster", "halves"])
def test_a_classifier_answers_as_its_original_and_both_are_scored(
    measured: dict[str, Record], name: str
) -> None:
    record = measured[name]
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics["accuracy/vs_source"].value == 1.0
    ours, theirs = (record.metrics[f"accuracy/{which}"].value for which in ("top1", "source_top1"))
    assert ours == theirs and ours is not None and ours > 0.9


def test_a_regressor_is_scored_by_its_error(measured: dict[str, Record]) -> None:
    record = measured["regressor"]
    assert (record.status, record.reason) == ("ok", "")
    ours, theirs = (record.metrics[f"accuracy/{which}"].value for which in ("mae", "source_mae"))
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("opset", [15, 17, 21])
def test_an_opset_that_the_converter_does_not_write_is_reached(
    measured: dict[str, Record], opset: int
) -> None:
    record = measured[f"words/opset={opset}"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.artifact["opset"] == opset
    assert record.artifact["provenance"]["opset_passed"] == 15
    assert record.metrics["accuracy/vs_source"].value == 1.0


def test_rows_of_the_suite_are_answered_by_the_original(measured: dict[str, Record]) -> None:
    record = measured["given"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics["accuracy/vs_source"].value == 1.0
    assert record.metrics["accuracy/vs_source"].n == 16


def test_scores_as_maps_are_measured(measured: dict[str, Record]) -> None:
    record = measured["maps/io=run"]
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics["latency/p50"].value is not None
