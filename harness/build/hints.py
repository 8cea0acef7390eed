"""Find what an input may hold, from the graph that reads it and from its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.artifact import Input

if TYPE_CHECKING:
    import onnx

_SAME_VALUES = frozenset({"Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten"})
_SAME_ROWS = frozenset({"Cast", "Identity", "DequantizeLinear"})


_RATES = frozenset({"sr", "fs", "rate", "sample_rate", "sampling_rate", "samplerate", "sr_hz"})
_RATE_HZ = 16_000
"""What a sampling rate is taken to be: speech models are made for it."""


def hint(item: Input, graph: onnx.GraphProto) -> Input:
    """Bound an input's random feed.

    Indices of a table lie within it; a mask is ones; a segment is 0 or 1; a
    sampling rate is one of speech. What the suite says under ``inputs`` overrides all of it.
    """
    integer = item.dtype.startswith(("int", "uint"))
    sizes = list(_table_sizes(item.name, graph)) if integer else []
    if sizes:
        item = replace(item, low=0, high=min(sizes))
    name = item.name.lower()
    if "mask" in name:
        return replace(item, low=None, high=None, fill=1)
    if name in _RATES and all(size in (1, None) or isinstance(size, str) for size in item.shape):
        return replace(item, low=None, high=None, fill=_RATE_HZ)
    if integer and ("token_type" in name or "segment" in name):
        return replace(item, low=0, high=min([2, *sizes]))
    return item


def _table_sizes(name: str, graph: onnx.GraphProto) -> Iterator[int]:
    """Yield how many rows each table has that `name` is an index of."""
    tables = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in _SAME_ROWS and node.input[0] in tables:
            tables[node.output[0]] = tables[node.input[0]]
    aliases = {name}
    for node in graph.node:  # in topological order, as every valid graph is
        if node.op_type in _SAME_VALUES and node.input[0] in aliases:
            aliases.add(node.output[0])
        if node.op_type == "Gather" and node.input[1] in aliases and node.input[0] in tables:
            axis = next((item.i for item in node.attribute if item.name == "axis"), 0)
            dims = tables[node.input[0]]
            if -len(dims) <= axis < len(dims):
                yield dims[axis]
