"""What the cases of one sweep share: cores, references, labels; and what a record keeps of its workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EMFILE, ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from models import save_model, value
from onnx import TensorProto, helper

from harness.core.errors import StoreError
from harness.measure.cores import usable_cores
from harness.plan import plan
from harness.run.bench import open_bench
from harness.run.job import environment

Suite = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]
Records = Callable[..., list[dict[str, Any]]]

FLOAT = TensorProto.FLOAT


@pytest.fixture
def real(tmp_path: Path) -> Callable[..., Path]:
    """Write a suite of one .onnx file made of these parts, with this data; return its path."""

    def write(
        nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], data: dict[str, Any], **keys: Any
    ) -> Path:
        save_model(tmp_path / "net.onnx", nodes, inputs, [value("scores", ["N", 3])])
        np.savez(tmp_path / "data.npz", **data)
        document = {
            "models": {"net": {"source": {"onnx": "net.onnx"}, "data": "data.npz"}},
            "sampling": {"warmup_calls": 1, "warmup_seconds": 0, "calls": 30, "timeout": 60},
            "measure": {"memory": False, "proof": False},
            **keys,
        }
        path = tmp_path / "real.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return write


@pytest.mark.parametrize(("code", "remedy"), [(ENOSPC, "; free some space there"), (EMFILE, "")])
def test_why_no_worker_can_be_started_is_told(suite: Suite, tmp_path: Path, code: int, remedy: str) -> None:
    def refused(cores: object) -> Any:
        raise OSError(code, "as the system says")

    made = plan(suite())
    bench = open_bench(made.suite, tmp_path / "cache", tmp_path / "work", environment(made))
    bench.hold = refused
    told = f"a worker cannot be started or read: as the system says{remedy}; what was measured is kept"
    with pytest.raises(StoreError, match=told):
        bench.measure(made.cases[0])


def test_what_the_deciding_process_printed_is_kept(suite: Suite, records: Records) -> None:
    said = {"fail": {"at": "timing", "how": "stdout", "message": "out of the ordinary"}}
    (record,) = records("run", suite(said))
    assert (record["status"], record["stdout"], record["stderr"]) == ("ok", "out of the ordinary\n", "")
    (record,) = records("run", suite({"fail": {"at": "timing", "how": "signal", "signal": "SIGABRT"}}))
    assert record["stdout"] == ""
    assert "Fatal Python error: Aborted" in record["stderr"]


def test_a_core_that_is_not_there_ends_the_sweep_before_it_begins(
    suite: Suite, harness: Call, tmp_path: Path
) -> None:
    code, _, said = harness("run", suite(), "--set", "measure.cores=[65535]")
    assert code == 2
    assert said.startswith("error: measure.cores: core 65535 is not available to this process; available: ")
    assert not (tmp_path / "results").exists()


def test_threads_across_operators_get_cores_in_parallel_mode(suite: Suite, records: Records) -> None:
    axes = {"execution_mode": ["sequential", "parallel"], "intra_threads": 1, "inter_threads": 2}
    sequential, parallel = records("run", suite(axes=axes))
    assert len(sequential["effective"]["session"]["cores"]) == 1
    two = min(2, usable_cores(os.sched_getaffinity(0)))
    assert len(parallel["effective"]["session"]["cores"]) == two
    assert ("2 threads on 1 core" in parallel["notes"]) == (two == 1)
    assert sequential["notes"] == []


def test_parallel_mode_takes_all_cores_where_no_count_is_asked_for(real: Any, records: Records) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["scores"])]
    axes = {"execution_mode": "parallel", "intra_threads": 1}
    suite = real(nodes, [value("x", ["N", 3])], {"x": np.ones((20, 3), np.float32)}, axes=axes)
    (record,) = records("run", suite)
    options, cores = (record["effective"]["session"][name] for name in ("options", "cores"))
    at_hand = usable_cores(os.sched_getaffinity(0))
    assert (options["intra_threads"], options["inter_threads"], len(cores)) == (1, at_hand, at_hand)


def test_references_of_another_artifact_are_not_kept(suite: Suite, tmp_path: Path) -> None:
    """Their outputs may be large, and the parent's memory is that of the machine that measures."""
    kept = []
    made = plan(suite(axes={"opset": [13, 17], "batch": [1, 2]}, measure={}))
    bench = open_bench(made.suite, tmp_path / "cache", tmp_path / "work", environment(made))
    for case in made.cases:
        bench.measure(case)
        kept.append(len(bench._references))
    assert kept == [1, 2, 1, 2]


def test_a_quantized_file_is_compared_with_its_own_unoptimized_session(real: Any, records: Records) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["scores"]),
    ]
    scores = np.eye(3, dtype=np.float32)[np.arange(20) % 3]
    suite = real(nodes, [value("x", ["N", 3])], {"x": scores, "y": np.arange(20) % 3})
    (record,) = records("run", suite)
    assert (record["status"], record["reason"]) == ("ok", "")
    assert (record["axes"]["precision"], record["artifact"]["precision"]) == ("fp32", "int8")
    assert "the source is int8 as it is" in record["notes"]
    assert record["effective"]["reference"] == "net/graph_opt=disable/io=run"
    assert record["metrics"]["accuracy/top1"]["value"] == 1.0
    for name, expected in (("top1_delta", 0.0), ("agreement", 1.0), ("max_abs_error", 0.0)):
        metric = record["metrics"][f"accuracy/{name}"]
        assert (metric["value"], metric["kind"]) == (expected, "own unoptimized session")


def test_an_input_called_y_is_fed_and_never_taken_for_labels(real: Any, records: Records) -> None:
    inputs = [value("x", ["N", 3]), value("y", ["N", 1])]
    data = {"x": np.ones((20, 3), np.float32), "y": np.arange(20, dtype=np.float32)[:, None]}
    (record,) = records("run", real([helper.make_node("Add", ["x", "y"], ["scores"])], inputs, data))
    assert (record["status"], record["reason"]) == ("ok", "")
    assert record["effective"]["data"]["labelled"] is False
    top1 = record["metrics"]["accuracy/top1"]
    assert (top1["value"], top1["reason"]) == (None, "no labels")


def test_what_cannot_be_labels_fails_the_case(real: Any, records: Records) -> None:
    data = {"x": np.ones((20, 3), np.float32), "y": np.eye(20)}
    nodes = [helper.make_node("Relu", ["x"], ["scores"])]
    (record,) = records("run", real(nodes, [value("x", ["N", 3])], data))
    assert record["status"] == "failed"
    assert record["reason"].endswith("data.npz: labels 'y' have shape (n, 20); expected one a sample: (n,)")
