"""Small real models, for the tests of several rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.core.artifact import Built

ROOT = Path(__file__).parents[1]
DIGITS_CNN = ROOT / "suites" / "models" / "digits_cnn.onnx"


def value(
    name: str, shape: Sequence[str | int | None] | None, dtype: int = TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def make_model(
    nodes: Iterable[onnx.NodeProto],
    inputs: Iterable[onnx.ValueInfoProto],
    outputs: Iterable[onnx.ValueInfoProto],
    weights: Iterable[onnx.TensorProto] = (),
    *,
    opset: int = 17,
    ir_version: int = 8,
    domains: Iterable[str] = (),
    **facts: Any,
) -> onnx.ModelProto:
    """A model of these nodes that every ONNX Runtime from 1.17 on reads, unless told otherwise."""
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, **facts)


def save_model(path: Path, *parts: Any, **facts: Any) -> Path:
    """Write what `make_model` makes of these; return the path."""
    onnx.save(make_model(*parts, **facts), path)
    return path


def relu(**facts: Any) -> onnx.ModelProto:
    """``y = max(x, 0)``, [N, 4]."""
    return one_node("Relu", **facts)


def one_node(operator: str, **facts: Any) -> onnx.ModelProto:
    """A single operator of ``x`` [N, 4]."""
    node = helper.make_node(operator, ["x"], ["y"])
    return make_model([node], [value("x", ["N", 4])], [value("y", ["N", 4])], **facts)


def scaled(scale: float) -> onnx.ModelProto:
    """``y = scale * x``, [N, 4]."""
    weights = [helper.make_tensor("s", TensorProto.FLOAT, [], [scale])]
    node = helper.make_node("Mul", ["x", "s"], ["y"])
    return make_model([node], [value("x", ["N", 4])], [value("y", ["N", 4])], weights)


def conv() -> onnx.ModelProto:
    """A convolution, its activation, a pool: what a runtime fuses."""
    weight = np.random.default_rng(0).standard_normal((16, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4, name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["y"], name="pool"),
    ]
    inputs, outputs = [value("x", ["N", 3, 16, 16])], [value("y", ["N", 16, 1, 1])]
    return make_model(nodes, inputs, outputs, [numpy_helper.from_array(weight, "w")])


def net(opset: int = 17, width: int = 10) -> onnx.ModelProto:
    """A convolution, a ReLU and a Gemm: ``x`` [batch, 1, 8, 8] -> ``scores`` [batch, width]."""
    draw = np.random.default_rng(0).standard_normal
    shapes = {"w1": (4, 1, 3, 3), "b1": (4,), "w2": (256, width), "b2": (width,)}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["scores"], name="gemm"),
    ]
    weights = [
        numpy_helper.from_array(draw(shape).astype(np.float32), name) for name, shape in shapes.items()
    ]
    inputs, outputs = [value("x", ["batch", 1, 8, 8])], [value("scores", ["batch", width])]
    return make_model(nodes, inputs, outputs, weights, opset=opset)


def images(count: int) -> np.ndarray:
    """Random digits, which `net` takes: float32 [count, 1, 8, 8] in 0..1."""
    return np.random.default_rng(1).random((count, 1, 8, 8), np.float32)


def run(built: Built, **feeds: np.ndarray) -> np.ndarray:
    """The first output of a model, one row a sample."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(built.path, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])
