"""Models of `benchmarks/error_scenarios.py` that look like those that people run, and more work for each."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SIZE = 32, 14
HIDDEN, HEADS, TOKENS, FEED = 128, 4, 64, 512
SIDE = 64
"""Rows and columns of the products that are appended to a real model."""


class Graph:
    """Nodes and weights of a graph on its way."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(0)
        self.numbers = count()

    def add(self, op: str, *inputs: str, **attributes: object) -> str:
        """Add a node of one output; return its name."""
        name = f"{op}_{next(self.numbers)}"
        self.nodes.append(helper.make_node(op, [*inputs], [name], **attributes))
        return name

    def weight(self, *shape: int) -> str:
        """Add a weight that keeps values about as large as they are; return its name."""
        fan_in = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
        return self.constant(self.random.standard_normal(shape) / np.sqrt(fan_in))

    def constant(self, values: object, dtype: type = np.float32) -> str:
        """Add a constant; return its name."""
        name = f"c{next(self.numbers)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def model(self, source: list[object], target: list[object], last: str) -> onnx.ModelProto:
        """Make the model, ``x`` -> ``y``, that ends with the tensor `last`."""
        self.nodes.append(helper.make_node("Identity", [last], ["y"]))
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("x", source), ("y", target))
        ]
        graph = helper.make_graph(self.nodes, "model", values[:1], values[1:], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def convnet(layers: int, wider: int = 0) -> onnx.ModelProto:
    """Make 3×3 convolutions in a row, each with its weights and a Relu; one has `wider` more channels."""
    made, last = Graph(), "x"
    channels = [CHANNELS] * (layers + 1)
    channels[layers // 2] += wider
    for before, after in pairwise(channels):
        conv = made.add("Conv", last, made.weight(after, before, 3, 3), made.weight(after), pads=[1] * 4)
        last = made.add("Relu", conv)
    shape = ["N", CHANNELS, SIZE, SIZE]
    return made.model(shape, shape, last)


def encoder(layers: int, wider: int = 0, unfused: int = 0) -> onnx.ModelProto:
    """Make a transformer encoder; one feed-forward part is `wider`, in some layers Gelu is `unfused`."""
    made, last = Graph(), "x"
    for layer in range(layers):
        last = made.add("Add", last, _attention(made, _normal(made, last)))
        width = FEED + (wider if layer == layers // 2 else 0)
        inner = _dense(made, _normal(made, last), HIDDEN, width)
        inner = _gelu_in_parts(made, inner) if layer < unfused else _gelu(made, inner)
        last = made.add("Add", last, _dense(made, inner, width, HIDDEN))
    shape = ["N", TOKENS, HIDDEN]
    return made.model(shape, shape, _normal(made, last))


def _normal(made: Graph, source: str) -> str:
    ones, zeros = made.constant(np.ones(HIDDEN)), made.constant(np.zeros(HIDDEN))
    return made.add("LayerNormalization", source, ones, zeros, axis=-1)


def _dense(made: Graph, source: str, before: int, after: int) -> str:
    product = made.add("MatMul", source, made.weight(before, after))
    return made.add("Add", product, made.constant(np.zeros(after)))


def _attention(made: Graph, source: str) -> str:
    split = made.constant([0, TOKENS, HEADS, HIDDEN // HEADS], np.int64)
    joined = made.constant([0, TOKENS, HIDDEN], np.int64)
    turned = {"query": [0, 2, 1, 3], "key": [0, 2, 3, 1], "value": [0, 2, 1, 3]}
    query, key, value = (
        made.add("Transpose", made.add("Reshape", _dense(made, source, HIDDEN, HIDDEN), split), perm=perm)
        for perm in turned.values()
    )
    scores = made.add("Mul", made.add("MatMul", query, key), made.constant((HIDDEN / HEADS) ** -0.5))
    mixed = made.add("MatMul", made.add("Softmax", scores, axis=-1), value)
    whole = made.add("Reshape", made.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    return _dense(made, whole, HIDDEN, HIDDEN)


def _gelu(made: Graph, source: str) -> str:
    """Write it as exporters do: the runtime fuses it."""
    bell = made.add("Erf", made.add("Div", source, made.constant(np.sqrt(2.0))))
    raised = made.add("Add", bell, made.constant(1.0))
    return made.add("Mul", made.add("Mul", source, raised), made.constant(0.5))


def _gelu_in_parts(made: Graph, source: str) -> str:
    """Write the same with its product taken apart: the runtime fuses it not."""
    bell = made.add("Erf", made.add("Div", source, made.constant(np.sqrt(2.0))))
    both = made.add("Add", source, made.add("Mul", source, bell))
    return made.add("Mul", both, made.constant(0.5))


def real(package: str, file: str, shapes: dict[str, list[int]], layers: int = 0) -> onnx.ModelProto:
    """Load a model of an installed package, its inputs of these `shapes`; append `layers` products.

    Its first output waits for these, and stays what it is.

    Raises FileNotFoundError where the package is not there: ``pip install`` it, or name the folder of its
    unpacked wheel in PYTHONPATH.
    """
    spec = find_spec(package)
    folders = [*(spec.submodule_search_locations or [])] if spec else []
    found = [path for folder in folders if (path := Path(folder) / file).exists()]
    if not found:
        raise FileNotFoundError(f"{package} has no {file} here: pip install {package}")
    model = onnx.load(found[0])
    for item in model.graph.input:
        for dimension, size in zip(item.type.tensor_type.shape.dim, shapes.get(item.name, ()), strict=False):
            dimension.Clear()
            dimension.dim_value = size
    return _append(model, layers) if layers else model


def _append(model: onnx.ModelProto, layers: int) -> onnx.ModelProto:
    graph, made = model.graph, Graph()
    output = graph.output[0]
    before = f"{output.name}_before"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == output.name:
                    names[place] = before
    axes = {"keepdims": 0}
    largest = made.add("ReduceMax", before, **axes)
    last = made.add("Mul", largest, made.constant(np.eye(SIDE)))
    weight = made.constant(np.eye(SIDE))
    for _ in range(layers):
        last = made.add("MatMul", last, weight)
    none = made.add("Mul", made.add("ReduceMin", last, **axes), made.constant(0.0))
    graph.node.extend([*made.nodes, helper.make_node("Add", [before, none], [output.name])])
    graph.initializer.extend(made.weights)
    return model
