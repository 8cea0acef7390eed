"""Find the outputs of a graph that are classes: a softmax or an argmax is the last thing done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_SAME_AXES = frozenset({"Identity", "Cast", "Dropout", "QuantizeLinear", "DequantizeLinear"})
"""What leaves every element where it is."""

_SCORES = frozenset({"Softmax", "LogSoftmax", "Hardmax", "QLinearSoftmax"})
_LABELS = frozenset({"ArgMax", "ArgMin"})
_CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})
"""Of ``ai.onnx.ml``: the first output is a label a sample, the second scores [n, classes]."""

_PER_AXIS = 13
"""The opset from which a softmax is over one axis; before, over all axes from that one on."""


_SAME_VALUES = frozenset({"Identity", "Cast", "Reshape", "Expand", "Unsqueeze", "Squeeze"})
"""What a converter puts between a sum and the division by it."""


@dataclass(frozen=True, slots=True)
class _Links:
    """What made each tensor, and the constants."""

    made: Mapping[str, onnx.NodeProto]
    constants: Mapping[str, onnx.TensorProto]


def class_axes(model: onnx.ModelProto) -> dict[str, int]:
    """Return output -> axis of its classes, counted from the end where it is negative.

    Of labels (integers), the axis is the one that was reduced.
    """
    made = {name: (node, place) for node in model.graph.node for place, name in enumerate(node.output)}
    graph = _Links(
        {name: node for name, (node, _) in made.items()},
        {tensor.name: tensor for tensor in model.graph.initializer},
    )
    shapes = {
        value.name: [item.dim_value if item.HasField("dim_value") else None for item in _dims(value)]
        for value in model.graph.output
    }
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    found = {}
    for output in model.graph.output:
        name = _origin(output.name, graph.made, _SAME_AXES)
        if name in made:
            node, place = made[name]
            axis = _axis(node, place, graph, opset, shapes[output.name])
            if axis is not None:
                found[output.name] = axis
    return found


def _origin(name: str, made: Mapping[str, onnx.NodeProto], through: frozenset[str]) -> str:
    """Return the tensor that `name` is, looked at through nodes of these types; a circle has no origin."""
    seen = set[str]()
    while name in made and made[name].op_type in through and made[name].input and name not in seen:
        seen.add(name)
        name = made[name].input[0]
    return name


def _axis(
    node: onnx.NodeProto, place: int, graph: _Links, opset: int, shape: Sequence[int | None]
) -> int | None:
    """Return the axis of the classes in a node's output; None where it gives no classes.

    A softmax over the first axis weighs the samples of a batch: these are no classes.
    """
    if node.op_type in _CLASSIFIERS:
        return -1
    given = next((item.i for item in node.attribute if item.name == "axis"), None)
    if node.op_type in _LABELS:
        return given or 0
    axis = _score_axis(node, place, graph, opset, shape)
    among_samples = axis is not None and len(shape) != 1 and axis in (0, -len(shape) or 0)
    return None if among_samples else axis


def _score_axis(
    node: onnx.NodeProto, place: int, graph: _Links, opset: int, shape: Sequence[int | None]
) -> int | None:
    """Return the axis that a softmax is over, written out or not; None where it is none, or over several."""
    given = next((item.i for item in node.attribute if item.name == "axis"), None)
    if node.op_type == "Div":
        return _written_out(node, graph)
    if node.op_type not in _SCORES or place:
        return None
    if opset >= _PER_AXIS and node.domain in ("", "ai.onnx"):
        return -1 if given is None else given
    axis = 1 if given is None else given
    if axis < 0:
        return axis if all(size == 1 for size in shape[axis + 1 or len(shape) :]) else None
    return axis if all(size == 1 for size in shape[axis + 1 :]) and len(shape) > axis else None


def _written_out(node: onnx.NodeProto, graph: _Links) -> int | None:
    """Return the axis of a softmax that is written out: Exp(x) / ReduceSum(Exp(x))."""
    from onnx import numpy_helper

    if len(node.input) != 2:
        return None
    above, below = node.input[0], _origin(node.input[1], graph.made, _SAME_VALUES)
    total, top = graph.made.get(below), graph.made.get(above)
    if total is None or top is None or total.op_type != "ReduceSum" or top.op_type != "Exp":
        return None
    if not total.input or total.input[0] != above:
        return None
    axes = next((list(item.ints) for item in total.attribute if item.name == "axes"), [])
    if len(total.input) > 1 and total.input[1] in graph.constants:
        axes = numpy_helper.to_array(graph.constants[total.input[1]]).ravel().tolist()
    return int(axes[0]) if len(axes) == 1 else None


def _dims(value: onnx.ValueInfoProto) -> Sequence[onnx.TensorShapeProto.Dimension]:
    return value.type.tensor_type.shape.dim
