"""Small real models, and the artifacts that stand for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.core.artifact import Built
from harness.core.case import FP32, Artifact, DataRef, Model, Named, Source, freeze

ROOT = Path(__file__).parents[2]
DIGITS_CNN = ROOT / "suites" / "models" / "digits_cnn.onnx"


def net(opset: int = 17, width: int = 10) -> onnx.ModelProto:
    """A convolution, a ReLU and a Gemm: ``x`` [batch, 1, 8, 8] -> ``scores`` [batch, width]."""
    draw = np.random.default_rng(0).standard_normal
    weights = {"w1": (4, 1, 3, 3), "b1": (4,), "w2": (256, width), "b2": (width,)}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w1", "b1"], ["c"], name="conv", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"], name="relu"),
            helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
            helper.make_node("Gemm", ["f", "w2", "b2"], ["scores"], name="gemm"),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", width])],
        [numpy_helper.from_array(draw(shape).astype(np.float32), name) for name, shape in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def one_node(op_type: str, **keys: Any) -> onnx.ModelProto:
    """A single operator of ``x`` [batch, 4]."""
    graph = helper.make_graph(
        [helper.make_node(op_type, ["x"], ["y"], name="only", **keys)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a model to a file of its own."""

    def write(model: onnx.ModelProto, name: str = "given.onnx", **keys: Any) -> Path:
        path = tmp_path / name
        onnx.save(model, path, **keys)
        return path

    return write


def artifact(
    options: Path | Mapping[str, Any],
    kind: str = "onnx",
    precision: str | tuple[str, Mapping[str, Any]] = "fp32",
    data: DataRef | None = None,
    model: Mapping[str, Any] | None = None,
    **axes: Any,
) -> Artifact:
    """Ask for a model by the options of its source; a path stands for an .onnx file."""
    named = {"path": str(options)} if isinstance(options, Path) else dict(options)
    name, refined = (precision, {}) if isinstance(precision, str) else precision
    return Artifact(
        Model("m", Source(kind, freeze(named)), data=data, **(model or {})),
        precision=FP32 if name == "fp32" else Named(name, name, freeze(refined)),
        **axes,
    )


def run(built: Built, **feeds: np.ndarray) -> np.ndarray:
    """The first output of a model, one row a sample."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(built.path, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])


def images(count: int) -> np.ndarray:
    """Random digits: float32 [count, 1, 8, 8] in 0..1."""
    return np.random.default_rng(1).random((count, 1, 8, 8), np.float32)
