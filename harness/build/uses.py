"""Find what the graph does with its inputs: where an element is an index, a length, a mask or an argument.

Values are followed from an input through what keeps them (Cast, Reshape, Concat) or moves them by a
constant (Add, Mul, Mod), to the operators that look something up by them. What is found bounds the input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.build.arguments import RULES, Argument, Size, Way, find_argument
from harness.core.roles import is_unnamed

if TYPE_CHECKING:
    import numpy as np
    import onnx

SMALL = 4096
"""Elements up to which the values of a constant are looked at."""

KEEPS = frozenset(
    {
        *("Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose", "Expand", "Tile"),
        *("Slice", "Split", "Gather", "GatherElements", "GatherND", "Dropout", "CastLike", "Floor", "Round"),
        *("Ceil", "Trunc", "ReduceMax", "ReduceMin", "Relu", "Abs", "Pad"),
    }
)
"""Operators whose outputs hold elements of their first input."""

WHOLE = frozenset({"Cast", "CastLike", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Dropout"})
"""Of these, those whose output is the whole of it, in its order."""

PICKS = frozenset({"Slice", "Split", "Gather", "GatherElements", "GatherND", "Concat"})
"""Operators whose outputs hold some of the elements, or more than those."""

ARGUMENTS: Mapping[tuple[str, int], float] = {
    ("Slice", 1): 0,
    ("Tile", 1): 1,
    ("Expand", 1): 1,
    ("TopK", 1): 1,
    ("Pad", 1): 0,
    ("ConstantOfShape", 0): 1,
    ("Resize", 2): 1,
    ("Upsample", 1): 1,
    ("CumSum", 1): 0,
    ("Range", 0): 0,
    ("Range", 2): 1,
    ("Trilu", 1): 0,
    ("Loop", 0): 1,
    ("Dropout", 2): 0,
    ("Unsqueeze", 1): 0,
}
"""(operator, input) -> the value that always works, for an argument that is computed from an input."""

COMPARES = frozenset({"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"})

SAME_VALUES = frozenset({"Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Expand", "Tile"})
"""Operators whose output holds the values of their first input and no other."""

MASKS = frozenset(
    {("Attention", 3), ("MultiHeadAttention", 4), ("EmbedLayerNormalization", 7), ("QAttention", 5)}
)
"""(fused operator, input) that is a mask."""


@dataclass(frozen=True, slots=True)
class Follow:
    """A tensor whose elements are ``scale * x + offset`` of an input x, the offset between two bounds."""

    source: str
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0
    below: float = math.inf  # elements are below this whatever x is (behind a Mod or a Clip)
    shifted: bool = False  # computed with something that is not known
    whole: bool = True  # of integers, or cast to them
    way: Way = Way.ALL  # how its elements came here


@dataclass(slots=True)
class Use:
    """What the elements of one input are used for."""

    low: float = -math.inf
    high: float = math.inf  # inclusive
    within: list[str] = field(default_factory=list)  # indices of an axis of these dimensions
    counts: list[Size] = field(default_factory=list)  # elements count the steps of an axis of this size
    compared: tuple[float, float] | None = None  # the constants that elements are compared with lie between
    looked_up: bool = False  # elements are places on an axis, if only after what nobody follows
    fill: float | None = None
    keep: float | None = None  # of a mask: the value that masks nothing
    argument: Argument | None = None

    @property
    def is_index(self) -> bool:
        """Whether elements look something up."""
        return bool(self.within) or self.high < math.inf or self.low > -math.inf


def find_uses(model: onnx.ModelProto, dtypes: Mapping[str, str]) -> dict[str, Use]:
    """Return how the graph uses each input (name -> numpy's name of its type).

    One that nothing known is done with has no bounds.
    """
    walk = Walk(model, dtypes)
    for _ in range(2):  # again, for nodes that stand before those that they read
        walk.graph(model.graph)
    walk.find_masks()
    for name, use in walk.uses.items():
        if not use.is_index and use.keep is None:
            use.argument = find_argument(name, walk)
    return walk.uses


class Walk:
    """What is known of every tensor while the nodes go by."""

    def __init__(self, model: onnx.ModelProto, dtypes: Mapping[str, str]) -> None:
        self.model = model
        self.uses = {name: Use() for name in dtypes}
        self.follows = {
            name: [Follow(name, whole=not dtype.startswith(("float", "bfloat")))]
            for name, dtype in dtypes.items()
        }
        self.constants = _constants(model)
        self.weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
        self._inferred: dict[str, tuple[Size, ...]] | None = None
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        self.seen: set[int] = set()
        self.asked: dict[str, list[tuple[onnx.NodeProto, int, Way]]] = {}  # input -> arguments that it is

    def graph(self, graph: onnx.GraphProto) -> None:
        """Follow the inputs through the nodes of a graph and of the graphs in it."""
        for node in graph.node:
            if id(node) not in self.seen:
                self.seen.add(id(node))
                for name in node.input:
                    self.readers.setdefault(name, []).append(node)
            self._note(node)
            self._pass(node)
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs):
                    if inner.node:
                        self.graph(inner)

    def _pass(self, node: onnx.NodeProto) -> None:
        """Say what the outputs of a node hold."""
        made = list(self._made(node))
        if made:
            for output in node.output:
                if output:
                    self.follows[output] = made

    def _made(self, node: onnx.NodeProto) -> Iterator[Follow]:
        op, inputs = node.op_type, list(node.input)
        first = self.follows.get(inputs[0], []) if inputs else []
        way = Way.ALL if op in WHOLE else Way.SOME if op in PICKS else Way.COMPUTED
        if op == "Cast":
            yield from (replace(each, whole=True) for each in first)
        elif op in KEEPS:
            yield from (replace(each, way=max(each.way, way)) for each in first)
        elif op in ("Concat", "Max", "Min", "Sum", "Where"):
            for name in inputs[op == "Where" :]:
                yield from (replace(each, way=max(each.way, way)) for each in self.follows.get(name, []))
        elif op in ("Add", "Sub", "Mul", "Div", "Mod", "Clip", "Neg"):
            yield from (replace(each, way=Way.COMPUTED) for each in self._arithmetic(op, inputs))

    def _arithmetic(self, op: str, inputs: Sequence[str]) -> Iterator[Follow]:
        first = self.follows.get(inputs[0], [])
        second = self.follows.get(inputs[1], []) if len(inputs) > 1 else []
        if op == "Neg":
            yield from (replace(each, scale=-each.scale, low=-each.high, high=-each.low) for each in first)
            return
        if op == "Clip":
            top = self._bounds(inputs[2]) if len(inputs) > 2 else None
            yield from (replace(each, below=min(each.below, top[1] + 1)) if top else each for each in first)
            return
        if op == "Mod":
            by = self._bounds(inputs[1])
            yield from (replace(each, below=min(each.below, by[0])) if by else each for each in first)
            return
        if first and second:  # each takes its share of the range
            share = 2.0 if op == "Add" else 1.0
            yield from (
                replace(each, scale=each.scale * share, shifted=op != "Add") for each in (*first, *second)
            )
            return
        known = self._bounds(inputs[1 if first else 0])
        for each in first or second:
            yield _moved(each, op, known, constant_first=not first)

    def _bounds(self, name: str) -> tuple[float, float] | None:
        """Return the smallest and the largest value of a constant; None where it is no constant."""
        values = self.constants.get(name)
        if values is None or values.size == 0 or values.dtype.kind not in "fiu":
            return None
        return float(values.min()), float(values.max())

    def _note(self, node: onnx.NodeProto) -> None:
        """Bound the inputs that a node looks something up by, or takes as an argument."""
        inputs, op = list(node.input), node.op_type
        for position, name in enumerate(inputs):
            for each in self.follows.get(name, []):
                use = self.uses[each.source]
                if (op, position) in RULES:
                    self.asked.setdefault(each.source, []).append((node, position, each.way))
                if (op, position) in ARGUMENTS:
                    use.fill = ARGUMENTS[op, position]
                elif op == "Slice" and position == 2:
                    use.counts += self._sliced(node)
                elif op in ("LSTM", "GRU", "RNN") and position == 4:
                    use.counts.append(self._dim(inputs[0], 0))
                elif (op, position) == ("Attention", 6) and not node.domain:
                    use.counts.append(self._dim(inputs[1], -2))
                elif op in ("Div", "Mod") and position == 1 and each == Follow(each.source, way=each.way):
                    use.low = max(use.low, 1.0)  # a whole number divided by zero has no result
                elif (op, position) in MASKS:
                    use.keep = 1
                for size in self._indexed(node, position):
                    use.looked_up = True
                    _bound(use, each, size)
                if op in COMPARES and len(inputs) == 2 and (known := self._bounds(inputs[1 - position])):
                    _compare(use, each, *known)

    def _sliced(self, node: onnx.NodeProto) -> list[Size]:
        axes = self.constants.get(node.input[3]) if len(node.input) > 3 else None
        listed = [0] if axes is None else [int(axis) for axis in axes.reshape(-1)]
        return [self._dim(node.input[0], axis) for axis in listed]

    def _indexed(self, node: onnx.NodeProto, position: int) -> Iterator[Size]:
        """Yield the sizes of the axes that the elements of one input of `node` are places on."""
        op, inputs = node.op_type, list(node.input)
        if op in ("Gather", "GatherElements", "ScatterElements", "Scatter") and position == 1:
            yield self._dim(inputs[0], _attribute(node, "axis", 0))
        elif op in ("GatherND", "ScatterND") and position == 1:
            first = _attribute(node, "batch_dims", 0) if op == "GatherND" else 0
            width = self._dim(inputs[1], -1)
            for axis in range(first, first + (width if isinstance(width, int) else 1)):
                yield self._dim(inputs[0], axis)
        elif op == "OneHot" and position == 0:
            depth = self._bounds(inputs[1])
            yield int(depth[0]) if depth else None
        elif op == "EmbedLayerNormalization" and position in (0, 1):
            yield self._dim(inputs[2 if position == 0 else 4], 0)
        elif op == "GatherBlockQuantized" and position == 1:
            yield self._dim(inputs[0], _attribute(node, "gather_axis", 0))
        elif op == "RoiAlign" and position == 2:
            yield self._dim(inputs[0], 0)
        elif op in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss") and position == 1:
            yield self._dim(inputs[0], 1)

    def dims(self, name: str) -> tuple[Size, ...] | None:
        """Return the shape of a tensor, dimensions called as `--shape` calls them; None where unknown."""
        if name in self.weights:
            return self.weights[name]
        if self._inferred is None:  # only where somebody asks: it takes a while
            self._inferred = dict(_dims(self.model, self.constants))
        return self._inferred.get(name)

    def _dim(self, name: str, axis: int) -> Size:
        dims = self.dims(name)
        return dims[axis] if dims is not None and -len(dims) <= axis < len(dims) else None

    def find_masks(self) -> None:
        """Tell masks by where they lead: to the sum or the choice that a Softmax reads."""
        for name, use in self.uses.items():
            if use.keep is None and not use.is_index:
                use.keep = self._masks_nothing(name)

    def _masks_nothing(self, name: str) -> float | None:
        """Return the value of an input that lets a Softmax see everything; None where it is no mask."""
        todo: list[_Mask] = [_Mask(name)]
        seen = set(todo)
        while todo:
            mask = todo.pop()
            for node in self.readers.get(mask.tensor, ()):
                if node.op_type == "Softmax" and mask.joined:
                    return 1.0 if mask.keep is None else mask.keep
                if node.op_type in _MASKING:
                    made = self._masked(mask, node)
                    new = [replace(made, tensor=output) for output in node.output]
                    todo += [each for each in new if each not in seen]
                    seen.update(new)
        return None

    def _masked(self, mask: _Mask, node: onnx.NodeProto) -> _Mask:
        """Return what becomes of a mask in a node."""
        op, inputs = node.op_type, list(node.input)
        others = [name for name in inputs if name != mask.tensor]
        bounds = [known for name in others if (known := self._bounds(name))]
        if op in ("Add", "Sub", "Mul", "Where") and any(name not in self.constants for name in others):
            mask = replace(mask, joined=True)
        if op == "Not" or (op == "Equal" and bounds and bounds[0][1] == 0):
            return replace(mask, truth=not mask.truth)
        if op == "Sub" and inputs[0] in self.constants:
            return replace(mask, truth=not mask.truth)
        if mask.keep is not None:
            return mask
        if op == "Where" and inputs[0] == mask.tensor:
            for place, hides in ((1, mask.truth), (2, not mask.truth)):
                low = self._bounds(inputs[place])
                if low and low[0] <= HIDES:
                    return replace(mask, keep=0.0 if hides else 1.0)
        if op == "Mul" and bounds and bounds[0][0] <= HIDES:
            return replace(mask, keep=0.0 if mask.truth else 1.0)
        return mask


HIDES = -100.0
"""What is added to, or stands in place of, a score that a Softmax must not see: this or less."""


@dataclass(frozen=True, slots=True)
class _Mask:
    """A tensor on the way from an input to a Softmax."""

    tensor: str
    joined: bool = False  # with what is no constant: the scores
    truth: bool = True  # it is true, or not zero, where the input is one
    keep: float | None = None  # the input's value that masks nothing


_MASKING = frozenset(
    {
        *(
            "Cast",
            "Unsqueeze",
            "Squeeze",
            "Reshape",
            "Expand",
            "Transpose",
            "Sub",
            "Add",
            "Mul",
            "Not",
            "Where",
        ),
        *("Equal", "And", "Slice", "Div", "Clip", "Identity", "Less", "Greater", "Concat", "Max", "Min"),
    }
)
"""Operators on the way from a mask to a Softmax."""


def _moved(each: Follow, op: str, known: tuple[float, float] | None, *, constant_first: bool) -> Follow:
    """Return what an operator with one constant makes of the elements of `each`."""
    if known is None:
        return replace(each, shifted=True)
    low, high = known
    if op == "Add":
        return replace(each, low=each.low + low, high=each.high + high, below=each.below + high)
    if op == "Sub" and not constant_first:
        return replace(each, low=each.low - high, high=each.high - low, below=each.below - low)
    if op == "Sub":
        return replace(each, scale=-each.scale, low=low - each.high, high=high - each.low, below=math.inf)
    if low > 0 and op == "Mul":
        return replace(
            each, scale=each.scale * high, low=each.low * low, high=each.high * high, below=each.below * high
        )
    if low > 0 and op == "Div" and not constant_first:
        return replace(
            each, scale=each.scale / low, low=each.low / high, high=each.high / low, below=each.below / low
        )
    return replace(each, shifted=True)


def _bound(use: Use, each: Follow, size: Size) -> None:
    """Bound x so that ``scale * x + offset`` is a place on an axis of `size`."""
    if isinstance(size, str):
        if not each.whole:
            return
        if (each.scale, each.low, each.high) == (1, 0, 0) and not each.shifted:
            use.within.append(size)
        else:
            use.low, use.high = max(use.low, 0.0), min(use.high, 0.0)
        return
    if size is None or size <= 0 or each.shifted or each.scale == 0 or not each.whole:
        return
    top = float(size - 1)
    if each.below <= size:
        if use.low == -math.inf:
            use.low = 0.0
        return
    ends = (0 - each.low) / each.scale, (top - each.high) / each.scale
    use.low, use.high = max(use.low, math.ceil(min(ends))), min(use.high, math.floor(max(ends)))


def _compare(use: Use, each: Follow, low: float, high: float) -> None:
    """Widen what x is compared with by the constants from `low` to `high`."""
    if each.shifted or each.scale == 0:
        return
    ends = (low - each.high) / each.scale, (high - each.low) / each.scale
    found = (*ends, *(use.compared or ends))
    use.compared = min(found), max(found)


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((int(item.i) for item in node.attribute if item.name == name), default)


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    """Read the small constants of the main graph, and what Cast and the like make of them."""
    from onnx import numpy_helper

    found: dict[str, np.ndarray[Any, Any]] = {}

    def keep(name: str, tensor: onnx.TensorProto) -> None:
        if math.prod(tensor.dims) <= SMALL and not tensor.external_data and tensor.data_type != 8:
            found[name] = numpy_helper.to_array(tensor)

    import numpy as np

    for tensor in model.graph.initializer:
        keep(tensor.name, tensor)
    for node in model.graph.node:
        if node.op_type == "Constant":
            for item in node.attribute:
                if item.HasField("t"):
                    keep(node.output[0], item.t)
                elif item.name in ("value_int", "value_float"):
                    found[node.output[0]] = np.asarray(item.i if item.name == "value_int" else item.f)
                elif item.name in ("value_ints", "value_floats"):
                    found[node.output[0]] = np.asarray(
                        item.ints if item.name == "value_ints" else item.floats
                    )
        elif node.op_type in SAME_VALUES and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def stale_outputs(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the outputs that are declared with a rank or a size that the graph does not make."""
    sized = [item for item in model.graph.output if _sizes(item)]
    if not any(size is not None for item in sized for size in _sizes(item)):
        return ()
    made = dict(_dims(model, _constants(model)))
    return tuple(item.name for item in sized if _contradicts(_sizes(item), made.get(item.name)))


def _sizes(item: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    dims = item.type.tensor_type.shape.dim
    return tuple(int(dim.dim_value) if dim.HasField("dim_value") else None for dim in dims)


def _contradicts(declared: Sequence[int | None], made: Sequence[Size] | None) -> bool:
    if made is None:
        return False
    pairs = zip(declared, made, strict=False)
    return len(declared) != len(made) or any(
        isinstance(one, int) and isinstance(other, int) and one != other for one, other in pairs
    )


def _dims(model: onnx.ModelProto, constants: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Size, ...]]]:
    """Yield the shape of every tensor that is known, dimensions called as `--shape` calls them."""
    import onnx

    light = onnx.ModelProto(ir_version=max(model.ir_version, 4))
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    light.graph.name = "shapes"
    light.graph.node.extend(model.graph.node)
    light.graph.input.extend(model.graph.input)
    light.graph.output.extend(onnx.ValueInfoProto(name=item.name) for item in model.graph.output)
    known = {item.name for item in light.graph.input}
    for tensor in model.graph.initializer:
        yield tensor.name, tuple(tensor.dims)
        if tensor.name in constants:
            light.graph.initializer.append(tensor)
        elif tensor.name not in known:
            shaped = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            light.graph.input.append(shaped)
    weights = {tensor.name for tensor in model.graph.initializer}
    symbols: set[str] = set()
    for value in light.graph.input:
        if value.name not in weights and value.type.HasField("tensor_type"):
            _name_axes(value, symbols)
    try:
        inferred = onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    except Exception:  # C++ raises what it likes; what is not known bounds nothing
        inferred = light.graph
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        if value.name not in weights and value.type.tensor_type.HasField("shape"):
            yield value.name, tuple(_size(item, symbols) for item in value.type.tensor_type.shape.dim)


def _name_axes(value: onnx.ValueInfoProto, symbols: set[str]) -> None:
    """Call an axis without a name by its place."""
    dims = value.type.tensor_type.shape.dim
    shape = [item.dim_value if item.dim_value > 0 else item.dim_param or None for item in dims]
    for axis, dimension in enumerate(dims):
        if dimension.dim_value > 0:
            continue
        if is_unnamed(shape, axis):
            dimension.dim_param = f"{value.name}[{axis}]"
        symbols.add(dimension.dim_param)


def _size(dimension: onnx.TensorShapeProto.Dimension, symbols: set[str]) -> Size:
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value)
    return dimension.dim_param if dimension.dim_param in symbols else None
