"""Find the tensors that two arms share, and show them as outputs of the graphs that really ran.

A tensor is looked at in the optimized graph of its arm, loaded without further optimization: an output that
is added to the source graph would prevent fusions, and with them the error that is looked for. Names of
tensors survive optimization. In the blocked layout a node is named after the tensor that it computes
(``NAME_nchwc``), with the channels last after the source's node (``NODE_token_1``): both are put back in
order to be seen. A quantized tensor is seen as the real values that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.build.cut import expose, reads, tensors_of
from harness.explain.model import Scale, SharedTensor, Sight, Step

if TYPE_CHECKING:
    import onnx

LAYOUT = "_nchwc"
NCHWC = "com.microsoft.nchwc"
MICROSOFT = "com.microsoft"
REORDERS = ("ReorderInput", "ReorderOutput")
TOKEN = re.compile(r"_token_\d+$")
CHANNELS_FIRST = (0, 3, 1, 2)
"""The permutation that puts the channels of an image where the source has them."""

ACTIVATIONS = ("Relu", "Clip")
"""What a quantized operator takes up before its output is quantized."""

SEEN = "seen:"
"""Before the name of an output that shows a tensor in another form, and of what makes it."""

SCALE_INPUTS: Mapping[str, tuple[int, int]] = {
    "QuantizeLinear": (1, 2),
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QGemm": (7, 8),
    "QLinearSigmoid": (3, 4),
    "QLinearLeakyRelu": (3, 4),
    "QLinearSoftmax": (3, 4),
    "QLinearAveragePool": (3, 4),
    "QLinearGlobalAveragePool": (3, 4),
    "QLinearConcat": (0, 1),
}
"""Operator whose output is quantized -> where its scale and zero point are among its inputs."""

QUANTIZED = "_quantized"
"""Behind the name of what ONNX Runtime's quantizer makes of a tensor in its operator format."""


def sights(
    optimized: onnx.GraphProto, source: onnx.GraphProto, channels: Mapping[str, int]
) -> dict[str, Sight]:
    """Return the tensors of `source` that can be seen in `optimized`, in the order in which it computes them.

    `channels` are those of tensors that may be in the blocked layout.
    """
    known = set(tensors_of(source))
    scales, rounded = _scales(source), _quantized_behind(source)
    found: dict[str, Sight] = {}
    for node in optimized.node:
        name = node.name.removesuffix(LAYOUT)
        if node.domain == NCHWC and node.op_type not in REORDERS:
            if name != node.name and name in known and name in channels:
                found[name] = Sight(name, node.output[0], channels=channels[name])
            continue
        for tensor in node.output:
            if tensor in known:
                found[tensor] = Sight(tensor, tensor, scale=scales.get(tensor))
        behind = rounded.get(TOKEN.sub("", node.name), "") if TOKEN.search(node.name) else ""
        if _channels_last(node) and behind in channels and behind not in found:
            found[behind] = Sight(behind, node.output[0], scale=scales.get(behind), channels_last=True)
    return found


def _channels_last(node: onnx.NodeProto) -> bool:
    flagged = any(item.name == "channels_last" and item.i for item in node.attribute)
    return flagged or node.op_type.startswith("Nhwc")


def _quantized_behind(source: onnx.GraphProto) -> dict[str, str]:
    """Return what the output of each named node is quantized to, its activation between them."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in source.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = {}
    for node in source.node:
        at = node
        while at.output and len(nexts := readers.get(at.output[0], [])) == 1:
            at = nexts[0]
            if at.op_type == "QuantizeLinear" and node.name:
                found[node.name] = at.output[0]
            if at.op_type not in ACTIVATIONS:
                break
    return found


def _scales(source: onnx.GraphProto) -> dict[str, Scale]:
    """Return how each quantized tensor stands for real values, where constants say so."""
    constants = {item.name for item in source.initializer}
    found = {}
    for node in source.node:
        places = SCALE_INPUTS.get(node.op_type)
        if places is None or not node.output:
            continue
        names = [node.input[place] if place < len(node.input) else "" for place in places]
        if names[0] not in constants or (names[1] and names[1] not in constants):
            continue
        axis = next((item.i for item in node.attribute if item.name == "axis"), None)
        quantizes = node.op_type == "QuantizeLinear"
        origin = node.input[0] if quantizes else node.output[0].removesuffix(QUANTIZED)
        found[node.output[0]] = Scale(names[0], names[1], axis if quantizes else None, origin)
    return found


def share(base: Mapping[str, Sight], head: Mapping[str, Sight]) -> list[SharedTensor]:
    """Match the tensors of both arms, in HEAD's order: by name, and a quantized one by what was quantized."""
    by_origin = {sight.scale.origin: sight for sight in base.values() if sight.scale}
    found = []
    for name, sight in head.items():
        origin = sight.scale.origin if sight.scale else ""
        if name in base:
            other = base[name]
            both = bool(sight.scale) and bool(other.scale)
            pair = SharedTensor(name, _plain(other, both), _plain(sight, both))
        elif origin and origin not in head and origin in base:
            pair = SharedTensor(origin, replace(base[origin], scale=None), sight)
        elif origin and origin in by_origin and by_origin[origin].name not in head:
            pair = SharedTensor(name, by_origin[origin], sight)
        elif name in by_origin and name not in base and by_origin[name].name not in head:
            pair = SharedTensor(name, by_origin[name], replace(sight, scale=None))
        else:
            continue
        found.append(pair)
    return found


def _plain(sight: Sight, quantized: bool) -> Sight:
    """Look at a tensor as it is, unless both arms know what its values stand for."""
    return sight if quantized else replace(sight, scale=None)


def show(optimized: onnx.ModelProto, source: onnx.GraphProto, wanted: Sequence[Sight]) -> dict[str, str]:
    """Make `wanted` outputs of `optimized`; return what each one's output is called, by the sight's tensor.

    What shows a tensor in another form is added behind all nodes, and changes nothing before it.
    """
    names: dict[str, str] = {}
    given = {item.name for item in optimized.graph.input}
    for sight in wanted:
        tensor = sight.tensor
        if tensor in given:  # an input of the model is no output of it as it is
            tensor = _copy(optimized, sight)
        if sight.channels is not None:
            tensor = _reorder(optimized, sight)
        if sight.channels_last:
            tensor = _transpose(optimized, sight)
        if sight.scale is not None:
            tensor = _dequantize(optimized, source, tensor, sight, sight.scale)
        names[sight.tensor] = tensor
    expose(optimized, list(dict.fromkeys(names.values())))
    return names


def _reorder(optimized: onnx.ModelProto, sight: Sight) -> str:
    from onnx import helper

    made = f"{SEEN}{sight.name}"
    node = helper.make_node("ReorderOutput", [sight.tensor], [made], domain=NCHWC, channels=sight.channels)
    optimized.graph.node.append(node)
    return made


def _copy(optimized: onnx.ModelProto, sight: Sight) -> str:
    from onnx import helper

    made = f"{SEEN}{sight.name}"
    optimized.graph.node.append(helper.make_node("Identity", [sight.tensor], [made]))
    return made


def _transpose(optimized: onnx.ModelProto, sight: Sight) -> str:
    from onnx import helper

    made = f"{SEEN}first:{sight.name}"
    optimized.graph.node.append(helper.make_node("Transpose", [sight.tensor], [made], perm=CHANNELS_FIRST))
    return made


def _dequantize(
    optimized: onnx.ModelProto, source: onnx.GraphProto, tensor: str, sight: Sight, scale: Scale
) -> str:
    from onnx import helper

    made = f"{SEEN}{sight.name}"
    constants = {item.name: item for item in source.initializer}
    present = {item.name for item in optimized.graph.initializer}
    inputs = [tensor]
    for name in filter(None, (scale.scale, scale.zero_point)):
        inputs.append(f"{SEEN}{name}")
        if inputs[-1] not in present:
            optimized.graph.initializer.add().CopyFrom(constants[name])
            optimized.graph.initializer[-1].name = inputs[-1]
            present.add(inputs[-1])
    node = helper.make_node("DequantizeLinear", inputs, [made], domain=MICROSOFT)
    if scale.axis is not None:
        node.attribute.append(helper.make_attribute("axis", scale.axis))
    optimized.graph.node.append(node)
    if MICROSOFT not in {item.domain for item in optimized.opset_import}:
        optimized.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return made


def steps(optimized: onnx.GraphProto, seen: Iterable[Sight], inputs: Iterable[str]) -> dict[str, Step]:
    """Return how a graph gets to each tensor of `seen`, by its name, from those before it."""
    seen = list(seen)
    makers = {name: at for at, node in enumerate(optimized.node) for name in node.output if name}
    names = {sight.tensor: sight.name for sight in seen} | {name: name for name in inputs}
    found = {}
    for sight in seen:
        between, read, queue = set[int](), dict[str, None](), [sight.tensor]
        while queue:
            at = makers.get(queue.pop())
            if at is None or at in between:
                continue
            between.add(at)
            for name in sorted(reads(optimized.node[at])):
                if name in names:
                    read[names[name]] = None
                else:
                    queue.append(name)
        nodes = [optimized.node[at] for at in sorted(between)]
        found[sight.name] = Step(
            ops=tuple(node.op_type for node in nodes),
            nodes=tuple(node.name or f"({node.output[0]})" for node in nodes),
            inputs=tuple(read),
        )
    return found
