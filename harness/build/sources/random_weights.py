"""Fill a convolutional net with random weights that behave.

Each kernel is scaled by its fan-in so that signals keep their size from ReLU
to ReLU, whatever the depth (K. He et al., "Delving Deep into Rectifiers", ICCV
2015). At that scale a rounding error keeps its size too: FP16 and INT8 then
disturb the outputs about as much as they do in a trained net.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.core.errors import Failed

if TYPE_CHECKING:
    import numpy as np
    import onnx

RELU_GAIN = math.sqrt(2)
BRANCH_GAIN = 0.5
"""Of a branch that is added to another, so that sums don't double the variance block after block."""
CENTRED = frozenset({"Conv", "Gemm", "BatchNormalization", "Sum", "Add"})
"""Operators after which no ReLU lies between their output and the next kernel."""
SCORE_STD = 2.0


def fill(model: onnx.ModelProto, seed: int) -> None:
    """Make all parameters random and the batch symbolic. Raises Failed where outputs don't vary."""
    import numpy as np
    from onnx import numpy_helper

    graph = _Graph(model.graph)
    generator = np.random.default_rng(seed)
    sizes = list(_sizes(graph))
    inputs = [value for value in model.graph.input if value.name not in graph.constants]
    for value in (*inputs, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for name, values in (("node", graph.nodes), ("input", inputs), ("initializer", sizes)):
        model.graph.ClearField(name)
        getattr(model.graph, name).extend(values)
    model.graph.ClearField("value_info")
    for name, shape in graph.parameters.items():  # one at a time: the largest net has 144 million of them
        model.graph.initializer.append(numpy_helper.from_array(_draw(graph, name, shape, generator), name))
    _scale_scores(model)


class _Graph:
    """Who makes and who reads each value of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        from onnx import numpy_helper

        self.nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.maker = {name: node for node in self.nodes for name in node.output}
        self.readers: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
        for node in self.nodes:
            for place, name in enumerate(node.input):
                self.readers.setdefault(name, []).append((node, place))
        self.parameters = {
            name: tuple(tensor.dims)
            for name, tensor in self.constants.items()
            if tensor.data_type == 1 and name in self.readers
        }
        for node in graph.node:
            if node.op_type == "ConstantOfShape":
                shape = numpy_helper.to_array(self.constants[node.input[0]])
                self.parameters[node.output[0]] = tuple(int(size) for size in shape)

    def role(self, name: str) -> tuple[onnx.NodeProto, int]:
        """Return the node that uses a parameter, and as which input; a reshaped one is followed."""
        node, place = self.readers[name][0]
        while node.op_type in ("Reshape", "Unsqueeze") and place == 0:
            node, place = self.readers[node.output[0]][0]
        return node, place

    def gain(self, node: onnx.NodeProto) -> float:
        """Return the gain that keeps the variance of what `node` reads."""
        maker = self.maker.get(node.input[0])
        return 1.0 if maker is None or maker.op_type in CENTRED else RELU_GAIN

    def is_branch(self, node: onnx.NodeProto) -> bool:
        """Return whether the output of `node` is added to another branch."""
        return any(reader.op_type == "Sum" for reader, _ in self.readers.get(node.output[0], ()))


def _draw(
    graph: _Graph, name: str, shape: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Draw one parameter by the role it plays."""
    import numpy as np

    node, place = graph.role(name)
    match node.op_type, place:
        case (("Conv" | "Gemm"), 1):
            kernel = generator.standard_normal(shape, np.float32)
            rows = kernel.reshape(shape[0], -1)  # outputs first, for Conv and Gemm (transB) alike
            rows *= graph.gain(node) / np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
            return kernel
        case "BatchNormalization", 1:
            gain = BRANCH_GAIN if graph.is_branch(node) else 1.0
            return (gain * generator.uniform(0.9, 1.1, shape)).astype(np.float32)
        case ("BatchNormalization", 4) | ("Mul", _):
            return generator.uniform(0.8, 1.25, shape).astype(np.float32)
        case _:  # biases and means
            return (0.05 * generator.standard_normal(shape)).astype(np.float32)


def _sizes(graph: _Graph) -> Iterator[onnx.TensorProto]:
    """Yield the constants that are no parameters; a Reshape's batch of 1 becomes "as it comes"."""
    from onnx import numpy_helper

    for name, tensor in graph.constants.items():
        if name in graph.parameters or name not in graph.readers:
            continue
        values = numpy_helper.to_array(tensor).copy()
        reshaped = [node for node, place in graph.readers[name] if node.op_type == "Reshape" and place == 1]
        if reshaped and reshaped[0].input[0] not in graph.parameters and values[0] == 1:
            values[0] = 0
        yield numpy_helper.from_array(values, name)


def _scale_scores(model: onnx.ModelProto) -> None:
    """Scale the last kernel until class scores spread by about 2, and see that they vary with the input.

    By a power of two: the bytes then don't hang on a runtime's rounding.
    """
    import numpy as np
    from onnx import numpy_helper

    last = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")][-1]
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    scores = _run(model, softmax[-1].input[0] if softmax else model.graph.output[0].name)
    spread, variation = float(scores.std(axis=1).mean()), float(scores.std(axis=0).mean())
    if not np.isfinite(scores).all() or variation < 1e-4 * spread:
        raise Failed(f"random weights gave outputs that don't vary: {variation:g} of {spread:g}")
    tensor = next(item for item in model.graph.initializer if item.name == _kernel(model, last))
    factor = np.float32(2.0 ** round(math.log2(SCORE_STD / spread)))
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * factor, tensor.name))


def _kernel(model: onnx.ModelProto, node: onnx.NodeProto) -> str:
    """Return the initializer that a node's kernel comes from, through a Reshape or none."""
    maker = {name: item for item in model.graph.node for name in item.output}
    name = str(node.input[1])
    while name in maker:
        name = str(maker[name].input[0])
    return name


def _run(model: onnx.ModelProto, output: str) -> np.ndarray[Any, Any]:
    """Run four random inputs and return the values called `output`, one row an input."""
    import numpy as np
    import onnx
    import onnxruntime as ort

    shown = output in {value.name for value in model.graph.output}
    if not shown:
        model.graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    if not shown:
        model.graph.output.pop()
    item = session.get_inputs()[0]
    images = np.random.default_rng(0).standard_normal((4, *item.shape[1:]), np.float32)
    (values,) = session.run([output], {item.name: images})
    return np.asarray(values).reshape(len(images), -1)
