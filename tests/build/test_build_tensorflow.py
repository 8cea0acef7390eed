"""Functions and SavedModels of TensorFlow, and models of Keras, by tf2onnx in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.record import Record
from harness.plan import plan_document
from harness.run.bench import open_bench
from harness.run.job import environment

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("runtimes")]

CODE = """
import tempfile
import numpy as np
import tensorflow as tf

DRAW = np.random.default_rng(0).standard_normal
W, A, B = (DRAW(shape).astype("float32") for shape in ((4, 3), (16, 4), (16, 3)))

class Module(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(W)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="x")])
    def one(self, x):
        return {"scores": tf.nn.relu(x @ self.w)}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="a"), tf.TensorSpec([None, 3], name="b")])
    def two(self, a, b):
        return {"scores": a @ self.w - b}

def load(name):
    made, folder = Module(), tempfile.mkdtemp()
    tf.saved_model.save(made, folder, signatures={"serving_default": getattr(made, name)})
    return tf.saved_model.load(folder)

def function():
    made = Module()
    return (lambda a, b: made.two(a, b)), {"a": A, "b": B}

def saved():
    return load("one"), A

def saved_named():
    return load("one"), {"x": A}

def saved_two():
    return load("two"), {"b": B, "a": A}

def keras_export():
    import keras
    folder = tempfile.mkdtemp()
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).export(folder, verbose=False)
    return tf.saved_model.load(folder), A

def keras_two():
    import keras
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    return keras.Model({"a": a, "b": b}, keras.layers.Dense(3)(a) - b), {"a": A, "b": B}

def nothing():
    return tf.Module(), A
"""

INPUTS = {
    "function": ["a", "b"],
    "saved": ["x"],
    "saved_named": ["x"],
    "saved_two": ["a", "b"],
    "keras_export": ["x"],
    "keras_two": ["a", "b"],
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, runtimes_dir: Path) -> dict[str, Record]:
    """Each function of CODE, converted and measured once."""
    folder = tmp_path_factory.mktemp("tensorflow")
    (folder / "net.py").write_text(CODE)
    kinds = {name: "keras" if name == "keras_two" else "tensorflow" for name in (*INPUTS, "nothing")}
    document = {
        "models": {name: {"source": {kind: f"net.py:{name}"}} for name, kind in kinds.items()},
        "sampling": {"calls": 3, "warmup_calls": 1, "warmup_seconds": 0},
        "measure": {"memory": False, "proof": False},
    }
    plan = plan_document(document, folder, "tensorflow")
    bench = open_bench(plan.suite, runtimes_dir, folder / "work", environment(plan))
    return {case.key: bench.measure(case) for case in plan.cases}


@pytest.mark.parametrize("name", INPUTS)
def test_what_is_called_is_converted_and_answers_as_its_original(
    measured: dict[str, Record], name: str
) -> None:
    record = measured[name]
    assert (record.status, record.reason) == ("ok", "")
    assert sorted(item["name"] for item in record.artifact["inputs"]) == INPUTS[name]
    assert record.metrics["accuracy/vs_source"].value == 1.0


def test_what_cannot_be_called_is_one_line(measured: dict[str, Record]) -> None:
    reason = "a model of type Module cannot be called, nor has it a 'serving_default'"
    assert measured["nothing"].status == "failed"
    assert reason in measured["nothing"].reason
