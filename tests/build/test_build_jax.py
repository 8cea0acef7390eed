"""Functions of JAX, converted by jax2onnx in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.record import Record
from harness.plan import plan_document
from harness.run.bench import open_bench
from harness.run.job import environment

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("runtimes")]

CODE = """
import os
os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax.numpy as jnp
import numpy as np

DRAW = np.random.default_rng(0).standard_normal
W, A, B = (DRAW(shape).astype("float32") for shape in ((4, 3), (16, 4), (16, 3)))

def one():
    return (lambda x: jnp.maximum(x @ W, 0)), A

def two():
    return (lambda b, a: a @ W - b), {"a": A, "b": B}

def wide():
    return (lambda x: x + 1), np.arange(16).reshape(16, 1)
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, runtimes_dir: Path) -> dict[str, Record]:
    """Each function of CODE, converted and measured once."""
    folder = tmp_path_factory.mktemp("jax")
    (folder / "net.py").write_text(CODE)
    document = {
        "models": {name: {"source": {"jax": f"net.py:{name}"}} for name in ("one", "two", "wide")},
        "sampling": {"calls": 3, "warmup_calls": 1, "warmup_seconds": 0},
        "measure": {"memory": False, "proof": False},
    }
    plan = plan_document(document, folder, "jax")
    bench = open_bench(plan.suite, runtimes_dir, folder / "work", environment(plan))
    return {case.key: bench.measure(case) for case in plan.cases}


@pytest.mark.parametrize(("name", "inputs"), [("one", ["x"]), ("two", ["a", "b"])])
def test_a_function_is_converted_and_answers_as_its_original(
    measured: dict[str, Record], name: str, inputs: list[str]
) -> None:
    record = measured[name]
    assert (record.status, record.reason) == ("ok", "")
    assert sorted(item["name"] for item in record.artifact["inputs"]) == inputs
    assert record.metrics["accuracy/vs_source"].value == 1.0


def test_integers_that_jax_would_narrow_are_refused(measured: dict[str, Record]) -> None:
    assert measured["wide"].status == "failed"
    assert "input 'x' is int64, which JAX computes in int32: give that" in measured["wide"].reason
