"""Choose values for an input of the graph that is no data, but an argument of an operator: a shape, an axis.

Each is a list of tries, the most plausible first. Who runs the model finds the one that works; a build,
which runs nothing, takes the first. A value may be the name of a dimension: its size is meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from harness.core.roles import BATCH

if TYPE_CHECKING:
    import onnx

    from harness.build.uses import Walk

Value = int | float | str
Size = int | str | None
"""A fixed size, the name of a dimension of an input, or None where it is not known."""


class Way(IntEnum):
    """How the elements of an input came to an operator."""

    ALL = 0  # as they are
    SOME = 1  # some of them, or others beside them
    COMPUTED = 2


@dataclass(frozen=True, slots=True)
class Argument:
    """An input that is an operator's argument: which one, and the values to try, most plausible first."""

    name: str  # "Reshape shape"
    tries: tuple[tuple[Value, ...], ...]  # none where nothing can be guessed


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known where an argument is asked for."""

    length: int | None  # of the argument, None where it is open or where it is one number
    dims: tuple[Size, ...] | None  # of the operator's first input
    made: tuple[Size, ...] | None = None  # of its output, as the file declares it
    last: int | None = None  # size of the last axis that the next operator wants
    channels: int | None = None  # of axis 1, that the next operator wants
    outputs: int = 1
    axes: tuple[int, ...] | None = None  # that the operator works on, where the file says so
    named: tuple[str, ...] = ()  # dimensions of the model's inputs that are no batch
    fixed: tuple[int, ...] = ()  # and sizes

    @property
    def rank(self) -> int:
        """Axes of the operator's first input; as many as the argument has values, where that is not known."""
        return len(self.dims) if self.dims is not None else self.length or 1

    @property
    def wanted(self) -> int:
        """How many values are asked for; one for each axis where the file leaves it open."""
        return self.length or self.rank

    def sizes(self) -> list[Value]:
        """The sizes of the axes, 1 where one is not known."""
        return [1 if size is None else size for size in self.dims or (1,) * self.rank]


LONGEST = 16
"""Values that an argument has at most; more are data."""

Tries = Iterator[Sequence[Value]]
Rule = Callable[[Asked], Tries]


def _reshape(asked: Asked) -> Tries:
    count, rank = asked.wanted, asked.rank
    if asked.made is not None and len(asked.made) == count and asked.made.count(None) <= 1:
        yield [-1 if size is None else size for size in asked.made]
    first: Value = asked.sizes()[0] if asked.dims and asked.dims[0] is not None else 0
    if asked.channels and count > 2:
        whole = math.prod(size for size in (asked.dims or ())[1:] if isinstance(size, int))
        side = math.isqrt(max(whole // asked.channels, 1)) if count == 4 else 1
        if count == 4 and side * side * asked.channels == whole:
            yield [first, asked.channels, side, side]
        yield [first, asked.channels, *[1] * (count - 3), -1]
    if asked.last and count > 1:
        yield [*([first] if count > 2 else []), *[1] * (count - 3), -1, asked.last]
    between = asked.sizes()[1 : count - 1] if count <= rank else [1] * (count - 2)
    yield [first, *between, -1] if count > 1 else [-1]
    yield [-1, *[1] * (count - 1)]
    yield [-1, *asked.sizes()[rank - count + 1 :]] if 1 < count <= rank else [*[1] * (count - 1), -1]


def _like(asked: Asked) -> Tries:
    sizes = asked.sizes()
    yield [1] * (asked.wanted - len(sizes)) + sizes[max(len(sizes) - asked.wanted, 0) :]
    yield [1] * asked.wanted


def _spread(asked: Asked) -> Iterator[list[int]]:
    """Twice the size on the last two axes of a picture, then on no axis, then on each."""
    twice = min(2, max(asked.rank - 2, 1), asked.wanted)
    yield [1] * (asked.wanted - twice) + [2] * twice
    yield [1] * asked.wanted


def _scales(asked: Asked) -> Tries:
    yield from _spread(asked)


def _resized(asked: Asked) -> Tries:
    sizes = asked.sizes()
    picked = [sizes[axis] for axis in asked.axes] if asked.axes else sizes[-asked.wanted :]
    for factors in _spread(asked):
        yield [_times(*pair) for pair in zip(picked, factors, strict=False)]


def _times(size: Value, factor: int) -> Value:
    return size if isinstance(size, str) else size * factor


def _repeats(asked: Asked) -> Tries:
    yield [1] * asked.wanted
    for axis in reversed(range(asked.wanted)):
        yield [2 if axis == other else 1 for other in range(asked.wanted)]


def _pads(asked: Asked) -> Tries:
    yield [0] * (asked.length or 2 * asked.rank)


def _limit(asked: Asked) -> Tries:
    yield from ([name] for name in asked.named)
    yield from ([size] for size in (16, 1, *asked.fixed))


def _window(asked: Asked) -> Tries:
    sizes: tuple[Value, ...] = (*asked.named, *asked.fixed, 400)
    yield from ([size] for size in sizes)


def _depth(asked: Asked) -> Tries:
    yield from ([size] for size in (asked.last, 2, 10) if size)


def _last_axes(asked: Asked) -> Tries:
    count = asked.length or 1
    yield list(range(-count, 0))
    yield list(range(count))


def _axes(asked: Asked) -> Tries:
    count = asked.length or 1
    yield list(range(max(asked.rank - count, 0), max(asked.rank, count)))


def _new_axes(asked: Asked) -> Tries:
    count = asked.length or 1
    yield list(range(count))
    yield list(range(1, 1 + count))
    yield list(range(-count, 0))


def _single_axes(asked: Asked) -> Tries:
    found = [axis for axis, size in enumerate(asked.dims or ()) if size == 1]
    if len(found) >= (asked.length or 1):
        yield found[: asked.length or 1]


def _ends(asked: Asked) -> Tries:
    sizes = asked.sizes()
    if asked.axes and len(asked.axes) == (asked.length or 1) and max(asked.axes) < len(sizes):
        yield [sizes[axis] for axis in asked.axes]
    yield (sizes if asked.axes is None and asked.dims else sizes[-1:] * (asked.length or 1))[
        : asked.length or 1
    ]


def _parts(asked: Asked) -> Tries:
    axis, count = (asked.axes or (0,))[0], asked.length or asked.outputs
    size = asked.dims[axis] if asked.dims and -len(asked.dims) <= axis < len(asked.dims) else None
    if isinstance(size, int) and size >= count:
        yield [size // count] * (count - 1) + [size - size // count * (count - 1)]


def _of_axis(asked: Asked) -> Tries:
    size = asked.sizes()[(asked.axes or (1,))[0]] if asked.rank > 1 else None
    yield from ([each] for each in (size, 64) if each)


def _grid(asked: Asked) -> Tries:
    first = asked.sizes()[0]
    yield [first, 3, 224, 224] if asked.wanted == 4 or asked.length is None else [first, 3, 16, 32, 32]


def _unpooled(asked: Asked) -> Tries:
    sizes = asked.sizes()
    yield [*sizes[:2], *(size * 2 if isinstance(size, int) else size for size in sizes[2:])]
    yield sizes


def _image(asked: Asked) -> Tries:
    yield [1] * (asked.wanted - 1) + asked.sizes()[-1:]


def _crop(asked: Asked) -> Tries:
    sizes = asked.sizes()
    picked = [sizes[axis] for axis in asked.axes] if asked.axes else sizes
    yield [max(size // 2, 1) if isinstance(size, int) else size for size in picked]


def _one(*values: Value) -> Rule:
    """Return tries of single values, the same for each element."""

    def tries(asked: Asked) -> Tries:
        yield from ([value] * (asked.length or 1) for value in values)

    return tries


RULES: Mapping[tuple[str, int], tuple[str, Rule]] = {
    ("Reshape", 1): ("shape", _reshape),
    ("Expand", 1): ("shape", _like),
    ("Tile", 1): ("repeats", _repeats),
    ("Pad", 1): ("pads", _pads),
    ("Resize", 2): ("scales", _scales),
    ("Resize", 3): ("sizes", _resized),
    ("Upsample", 1): ("scales", _scales),
    ("Range", 0): ("start", _one(0)),
    ("Range", 1): ("limit", _limit),
    ("Range", 2): ("delta", _one(1)),
    ("ConstantOfShape", 0): ("shape", _one(1)),
    ("Slice", 1): ("starts", _one(0)),
    ("Slice", 2): ("ends", _ends),
    ("Slice", 3): ("axes", _axes),
    ("Slice", 4): ("steps", _one(1)),
    ("TopK", 1): ("k", _one(1)),
    ("OneHot", 1): ("depth", _depth),
    ("Split", 1): ("split", _parts),
    ("Unsqueeze", 1): ("axes", _new_axes),
    ("Squeeze", 1): ("axes", _single_axes),
    ("CumSum", 1): ("axis", _one(-1, 0)),
    ("Trilu", 1): ("k", _one(0)),
    ("Loop", 0): ("trip count", _one(1)),
    ("Dropout", 1): ("ratio", _one(0.5)),
    ("Dropout", 2): ("training_mode", _one(0)),
    ("NonMaxSuppression", 2): ("max_output_boxes_per_class", _one(100)),
    ("AffineGrid", 1): ("size", _grid),
    ("MaxUnpool", 2): ("output_shape", _unpooled),
    ("CenterCropPad", 1): ("shape", _crop),
    ("Col2Im", 1): ("image_shape", _image),
    ("Col2Im", 2): ("block_shape", _one(1)),
    ("DFT", 1): ("dft_length", _of_axis),
    ("STFT", 1): ("frame_step", _one(160, 16, 1)),
    ("STFT", 3): ("frame_length", _one(400, 64)),
    ("HannWindow", 0): ("size", _window),
    ("HammingWindow", 0): ("size", _window),
    ("BlackmanWindow", 0): ("size", _window),
    ("MelWeightMatrix", 0): ("num_mel_bins", _one(40)),
    ("MelWeightMatrix", 1): ("dft_length", _one(512)),
    ("MelWeightMatrix", 2): ("sample_rate", _one(16_000)),
    ("MelWeightMatrix", 3): ("lower_edge_hertz", _one(0.0)),
    ("MelWeightMatrix", 4): ("upper_edge_hertz", _one(7_000.0)),
    **{
        (f"Reduce{kind}", 1): ("axes", _last_axes)
        for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
    },
}
"""(operator, place of its input) -> what the argument is called, and the values that are tried for it."""


def find_argument(name: str, walk: Walk) -> Argument | None:
    """Return the argument that the graph input `name` is; None where it is data."""
    asked = walk.asked.get(name, [])
    dims = next((_declared(item, walk) for item in walk.model.graph.input if item.name == name), None)
    if not asked or dims is None or len(dims) > 1:
        return None
    size = dims[0] if dims else 1
    if isinstance(size, str) and (asked[0][2] is Way.COMPUTED or _is_shared(name, size, walk)):
        return None  # a number for each sample
    length = size if isinstance(size, int) else None
    if length is not None and length > LONGEST:
        return None
    found: dict[tuple[Value, ...], None] = {}
    for node, position, way in asked:
        for values in _tries(name, node, position, way, length, walk):
            if length is None or len(values) == length:
                found.setdefault(tuple(values))
    node, position, _ = asked[0]
    return Argument(f"{node.op_type} {RULES[node.op_type, position][0]}", tuple(found))


def _is_shared(name: str, size: str, walk: Walk) -> bool:
    """Return whether the length of a vector is the batch, or a dimension of another input."""
    others = (item for item in walk.model.graph.input if item.name != name)
    return BATCH.found_in(size) or any(size in (_declared(item, walk) or ()) for item in others)


def _tries(name: str, node: onnx.NodeProto, position: int, way: Way, length: int | None, walk: Walk) -> Tries:
    rule = RULES[node.op_type, position][1]
    if way is Way.COMPUTED:
        yield from ([size] * (length or 1) for size in (1, 2, 16, 8, 64, 224))
        return
    if way is Way.SOME and (node.op_type, position) == ("Reshape", 1):
        yield from ([size] * (length or 1) for size in (1, -1))
        return
    yield from rule(_facts(name, node, length, walk))


def _facts(name: str, node: onnx.NodeProto, length: int | None, walk: Walk) -> Asked:
    """Gather what is known of a node that takes the input `name` as an argument."""
    declared = {item.name: item for item in (*walk.model.graph.value_info, *walk.model.graph.output)}
    last = channels = None
    for reader in walk.readers.get(node.output[0], ()):
        weight = walk.weights.get(reader.input[1]) if len(reader.input) > 1 else None
        if weight and reader.op_type in ("MatMul", "Gemm") and len(weight) == 2:
            across = reader.op_type == "Gemm" and any(a.name == "transB" and a.i for a in reader.attribute)
            last = weight[1 if across else 0]
        if weight and reader.op_type in ("Add", "Mul") and len(weight) == 1 and weight[0] > 1:
            last = weight[0]
        if weight and reader.op_type == "Conv" and len(weight) > 2:
            channels = weight[1] * next((a.i for a in reader.attribute if a.name == "group"), 1)
    others = [item for item in walk.model.graph.input if item.name not in {name, *walk.weights}]
    sizes = [size for item in others for size in (_declared(item, walk) or ())[1:]]
    return Asked(
        length=length,
        dims=walk.dims(node.input[0]) if node.input[0] != name else None,
        made=_declared(declared[node.output[0]], walk) if node.output[0] in declared else None,
        last=last,
        channels=channels,
        outputs=len(node.output),
        axes=_axes_of(node, walk, length or 1),
        named=tuple(dict.fromkeys(size for size in sizes if isinstance(size, str))),
        fixed=tuple(dict.fromkeys(size for size in sizes if isinstance(size, int))),
    )


def _axes_of(node: onnx.NodeProto, walk: Walk, count: int) -> tuple[int, ...] | None:
    """Return the axes that a node works on, where the file says so; the last `count` where they are fed."""
    if node.op_type == "Slice" and len(node.input) > 3:
        known = walk.constants.get(node.input[3])
        return tuple(range(-count, 0)) if known is None else tuple(int(axis) for axis in known.reshape(-1))
    for item in node.attribute:
        if item.name == "axes":
            return tuple(item.ints)
        if item.name == "axis":
            return (item.i,)
    return None


def _declared(item: onnx.ValueInfoProto, walk: Walk) -> tuple[Size, ...] | None:
    """Return a shape as the file declares it; a dimension that no input has is not known."""
    if not item.type.tensor_type.HasField("shape"):
        return None
    known = {
        dim.dim_param for value in walk.model.graph.input for dim in value.type.tensor_type.shape.dim
    } - {""}
    return tuple(
        int(dim.dim_value) if dim.dim_value > 0 else dim.dim_param if dim.dim_param in known else None
        for dim in item.type.tensor_type.shape.dim
    )
