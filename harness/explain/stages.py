"""Cut the tensors of a graph into stages that memory holds, by the sizes that follow from its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.explain.model import SharedTensor

if TYPE_CHECKING:
    import onnx

UNKNOWN = 4
"""Tensors of unknown size that are looked at together."""

WIDTH = 8
"""Bytes of a value whose type nobody knows yet."""


def infer(model: onnx.ModelProto, fed: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors as far as they follow from those of the inputs."""
    import onnx
    from onnx import shape_inference

    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    for item in sized.graph.input:
        for dim, size in zip(item.type.tensor_type.shape.dim, fed.get(item.name, ()), strict=False):
            dim.dim_value = size
    del sized.graph.value_info[:]
    for item in sized.graph.output:
        item.type.tensor_type.ClearField("shape")
    try:
        graph = shape_inference.infer_shapes(sized, data_prop=True).graph
    except Exception:  # of a graph that it does not know
        return {}
    found = {}
    for item in (*graph.value_info, *graph.output):
        shape = item.type.tensor_type.shape.dim
        if item.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in shape):
            found[item.name] = tuple(dim.dim_value for dim in shape)
    return found


def stages(
    shared: Sequence[SharedTensor], values: Mapping[str, int], calls: int, most_bytes: int
) -> Iterator[list[SharedTensor]]:
    """Cut the tensors into stages that hold `most_bytes` at most, in their order.

    A tensor that alone holds more is a stage of its own, and one of unknown size a share of one.
    """
    stage: list[SharedTensor] = []
    held = 0
    for item in shared:
        size = values[item.name] * calls * WIDTH if item.name in values else most_bytes // UNKNOWN
        if stage and held + size > most_bytes:
            yield stage
            stage, held = [], 0
        stage.append(item)
        held += size
    if stage:
        yield stage
