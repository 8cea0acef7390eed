"""The script that repeats a case feeds, threads and places it as the worker did, or refuses."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from harness.core.record import Record
from harness.show.repro import render_repro

Repeatable = Callable[..., Record]


@pytest.fixture
def repeatable(tmp_path: Path, make_record: Callable[..., Record]) -> Repeatable:
    """Make the record of a model of two inputs, int64 `ids` and float `x`, each drawn as `inputs` says."""
    shape = [2, 100]
    nodes = [
        helper.make_node("Cast", ["ids"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["f", "x"], ["y"]),
    ]
    types = {"ids": TensorProto.INT64, "x": TensorProto.FLOAT, "y": TensorProto.FLOAT}
    ids, x, y = (helper.make_tensor_value_info(name, kind, shape) for name, kind in types.items())
    made = helper.make_model(
        helper.make_graph(nodes, "g", [ids, x], [y]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.save(made, tmp_path / "model.onnx")
    session = {"graph_opt": "all", "execution_mode": "sequential", "intra_threads": 2, "inter_threads": 0}

    def make(kind: str = "cpu", options: dict[str, Any] | None = None, **inputs: dict[str, Any]) -> Record:
        drawn = [
            {"name": name, "dtype": dtype, "low": None, "high": None, "fill": None, **inputs.get(name, {})}
            for name, dtype in (("ids", "int64"), ("x", "float32"))
        ]
        return replace(
            make_record("m"),
            asked={
                "session": {
                    "provider": {"kind": kind, "options": options or {}},
                    "config": {"options": {}},
                },
                "load": {"io": "iobinding"},
                "sampling": {"warmup_calls": 1, "warmup_s": 0.0},
                "measure": {"inputs": 2, "seed": 0},
            },
            effective={
                "runtime": {"version": "1"},
                "session": {"options": session, "input_shapes": {"ids": shape, "x": shape}},
            },
            artifact={"path": str(tmp_path / "model.onnx"), "inputs": drawn},
        )

    return make


def run(record: Record, folder: Path, more: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script of `record`, with `more` at its end."""
    (folder / "repro.py").write_text(render_repro(record) + more)
    return subprocess.run([sys.executable, "repro.py"], cwd=folder, capture_output=True, text=True)


SAVE = "np.savez('feeds.npz', ids=[feed['ids'] for feed in feeds], x=[feed['x'] for feed in feeds])\n"


@pytest.mark.parametrize(
    ("bounds", "lies_in"),
    [
        ({}, [0, 1]),
        ({"low": 5}, [5, 6]),
        ({"low": 4.5, "high": 7.5}, [5, 6, 7]),
        ({"high": 2}, [0, 1]),
        ({"low": -3, "high": 0}, [-3, -2, -1]),
    ],
)
def test_integers_lie_between_the_bounds_that_were_asked_for(
    repeatable: Repeatable, tmp_path: Path, bounds: dict[str, float], lies_in: list[int]
) -> None:
    done = run(repeatable(ids=bounds), tmp_path, SAVE)
    assert done.returncode == 0, done.stderr
    assert "100 calls of m" in done.stdout
    with np.load(tmp_path / "feeds.npz") as feeds:
        assert np.unique(feeds["ids"]).tolist() == lies_in


def test_a_float_with_one_bound_is_uniform_from_or_up_to_it(repeatable: Repeatable, tmp_path: Path) -> None:
    for bounds, low, high in (({"low": 5}, 5, 6), ({"high": 4}, 0, 4)):
        assert run(repeatable(x=bounds), tmp_path, SAVE).returncode == 0
        with np.load(tmp_path / "feeds.npz") as feeds:
            assert low <= feeds["x"].min() < low + 0.1 * (high - low)
            assert high - 0.1 * (high - low) < feeds["x"].max() <= high


def test_a_provider_that_does_not_start_ends_the_script(repeatable: Repeatable, tmp_path: Path) -> None:
    done = run(repeatable(kind="coreml"), tmp_path)
    assert done.returncode == 1
    words = "CoreMLExecutionProvider did not start; the session has CPUExecutionProvider only\n"
    assert done.stderr.endswith(words)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("cpu", {}, ("CPUExecutionProvider", {}, ("cpu", 0))),
        ("cuda", {"device_id": 1}, ("CUDAExecutionProvider", {"device_id": "1"}, ("cuda", 1))),
        ("dml", {"device_id": "2"}, ("DmlExecutionProvider", {"device_id": "2"}, ("dml", 2))),
        ("openvino", {}, ("OpenVINOExecutionProvider", {"num_of_threads": "2"}, ("cpu", 0))),
        (
            "openvino",
            {"num_of_threads": 1},
            ("OpenVINOExecutionProvider", {"num_of_threads": "1"}, ("cpu", 0)),
        ),
        (
            "openvino",
            {"load_config": "{}"},
            ("OpenVINOExecutionProvider", {"load_config": "{}"}, ("cpu", 0)),
        ),
    ],
)
def test_a_provider_gets_the_options_and_the_device_that_the_worker_gave_it(
    repeatable: Repeatable, kind: str, options: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    tree = ast.parse(render_repro(repeatable(kind, options)))
    (found,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("(PROVIDER,")
    )
    assert found == expected
