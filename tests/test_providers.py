"""Other runtimes for real: OpenVINO on a plain CPU, with proof of what it took; the tools of an older one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness import install
from harness.core.errors import Failed, Unsupported

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("runtimes")]  # each is installed once
OPENVINO = "onnxruntime-openvino==1.24.1"
OLDER = "onnxruntime==1.22.1"
Records = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def cache(runtimes_dir: Path) -> Path:
    """A cache with OpenVINO in it."""
    try:
        install.ensure(install.parse(OPENVINO), runtimes_dir)
    except Unsupported as error:
        pytest.skip(f"OpenVINO cannot be installed here: {error}")
    except Failed as error:
        if "cannot be reached" in str(error):
            pytest.skip(str(error))
        raise
    return runtimes_dir


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two convolutions around a Det, which OpenVINO has no kernel for."""
    weights = np.random.default_rng(0).standard_normal((4, 4, 3, 3)).astype(np.float32) / 10
    nodes = [
        helper.make_node("Conv", ["x", "W"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Det", ["b"], ["d"]),
        helper.make_node("Unsqueeze", ["d", "axes"], ["e"]),
        helper.make_node("Mul", ["b", "e"], ["f"]),
        helper.make_node("Conv", ["f", "W"], ["y"], pads=[1, 1, 1, 1]),
    ]
    shape = ["N", 4, 8, 8]
    graph = helper.make_graph(
        nodes,
        "mixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "W"), numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, tmp_path / "mixed.onnx")
    return tmp_path / "mixed.onnx"


@pytest.fixture
def sweep(model: Path, cache: Path, records: Records) -> Callable[..., list[dict[str, Any]]]:
    """Sweep the model under OpenVINO's runtime."""
    return lambda *arguments: records(
        "sweep", model, "--runtime", OPENVINO, "--seconds", "0.05", "--cache", cache, *arguments
    )


def test_a_provider_that_takes_some_nodes_says_which_it_left(sweep: Records) -> None:
    cpu, openvino = sweep("--provider", "cpu,openvino")
    assert (cpu["status"], openvino["status"]) == ("ok", "ok")
    assignment = openvino["effective"]["proof"]["assignment"]
    taken = assignment["OpenVINOExecutionProvider"]["nodes"]
    assert 0 < taken < 6  # it may leave the Unsqueeze beside the Det, too
    assert taken + assignment["CPUExecutionProvider"]["nodes"] == 6
    assert assignment["CPUExecutionProvider"]["operators"]["Det"] == 1
    assert any(note.startswith(f"openvino {taken * 100 // 6}%: cpu ran Det 1") for note in openvino["notes"])
    assert openvino["metrics"]["accuracy/sqnr_db"]["value"] > 80
    assert openvino["effective"]["runtime"]["version"] == "1.24.1"


def test_a_strict_suite_fails_what_ran_elsewhere(sweep: Records) -> None:
    (record,) = sweep("--provider", "openvino", "--strict-provider")
    assert record["status"] == "failed"
    assert "Det" in record["reason"]


def test_a_provider_that_the_runtime_lacks_is_unsupported(sweep: Records) -> None:
    (record,) = sweep("--provider", "tensorrt")
    assert record["status"] == "unsupported"
    assert "TensorrtExecutionProvider" in record["reason"]


def test_the_tools_of_another_release_quantize(records: Records, cache: Path) -> None:
    digits = Path(__file__).parents[1] / "suites/models/digits_cnn.onnx"
    flags = ("--precision", "int8_dynamic", "--seconds", "0.05", "--cache", cache)
    (record,) = records("sweep", digits, "--set", f"axes.quantizer={OLDER}", *flags)
    assert (record["status"], record["reason"]) == ("ok", "")
    assert record["artifact"]["provenance"]["precision"]["versions"]["onnxruntime"] == "1.22.1"
    assert record["effective"]["runtime"]["version"] != "1.22.1"
