"""Find what an input may hold, from the graph that reads it and from its name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.build.arguments import Argument
from harness.build.uses import Use, find_uses
from harness.core.inputs import Fill, Input
from harness.core.roles import FRAMES, PAST, SAMPLES, SEQUENCE, is_unnamed

if TYPE_CHECKING:
    import onnx

_RATES = frozenset({"sr", "fs", "rate", "sample_rate", "sampling_rate", "samplerate", "sr_hz"})
_RATE_HZ = 16_000
"""What a sampling rate is taken to be: speech models are made for it."""

_ARGUMENTS = (
    (re.compile(r"^f_?min|^min_?f|low_?freq"), 50.0),
    (re.compile(r"^f_?max|^max_?f|high_?freq"), 4_000.0),
    (re.compile(r"noise_?(scale|w)|thres|conf|score|iou|top_?p|prob"), 0.5),
    (re.compile(r"eps"), 1e-5),
    (re.compile(r""), 1.0),
)
"""What arguments that are real numbers are taken to be, by the first name that fits: never negative."""

_LENGTHS = re.compile(r"(^|[_.\W])(n?lens?|lengths?|seqlens?|n_?frames|num_?frames|n_?samples)$|length", re.I)


def hints(items: Sequence[Input], model: onnx.ModelProto) -> tuple[Input, ...]:
    """Bound the random feeds of a model's inputs.

    Indices lie in what they index, a length is that of what it counts, a mask masks
    nothing, a segment is 0 or 1, a sampling rate is one of speech, a scale is 1. What the suite says
    under ``inputs`` overrides all of it.
    """
    uses = find_uses(model, {item.name: item.dtype for item in items})
    return tuple(_hint(item, uses[item.name], items) for item in items)


def tries(item: Input, argument: Argument, items: Sequence[Input] = ()) -> tuple[Fill, ...]:
    """Return the values to try for an input that is an argument: one number where all elements are alike."""
    found = []
    for values in argument.tries:
        alike = len(set(values)) == 1 and not isinstance(values[0], str)
        found.append(values[0] if alike else values)
    if _is_length(item) and (size := _counted(item, Use(), items)) is not None:
        found.insert(0, size if isinstance(size, int) else (size,))
    return tuple(dict.fromkeys(found))


def arguments(items: Sequence[Input], model: onnx.ModelProto) -> dict[str, tuple[Fill, ...]]:
    """Return the inputs that are arguments of operators, each with the values to try."""
    uses = find_uses(model, {item.name: item.dtype for item in items})
    known = {item.name: (item, uses[item.name].argument) for item in items}
    return {name: tries(item, found, items) for name, (item, found) in known.items() if found}


def _hint(item: Input, use: Use, items: Sequence[Input]) -> Input:
    integer = item.dtype.startswith(("int", "uint"))
    name = item.name.lower()
    if use.argument is not None:
        given = next(iter(tries(item, use.argument, items)), None)
        return replace(item, fill=given, argument=use.argument.name)
    if integer and _is_length(item) and (size := _counted(item, use, items)) is not None:
        return _filled(item, size)
    if use.is_index:
        item = _index(item, use)
        return replace(item, high=min(2, item.high or 2)) if _is_segment(name) and integer else item
    if use.fill is not None:
        return replace(item, fill=use.fill)
    if integer and (sizes := [size for size in use.counts if size is not None]):
        return _filled(item, sizes[0])
    if integer or item.dtype == "bool":
        if use.keep is not None or "mask" in name:
            return replace(item, fill=1 if use.keep is None else use.keep)
    elif "mask" in name:
        # a picture of what to paint is anything from 0 to 1; what weighs tokens is 1
        return (
            replace(item, low=0, high=1)
            if len(item.shape) == 4 and use.keep is None
            else replace(item, fill=1)
        )
    if name in _RATES and all(size in (1, None) or isinstance(size, str) for size in item.shape):
        return replace(item, fill=_RATE_HZ)
    if integer and _is_segment(name):
        return replace(item, low=0, high=2)
    if integer and not use.looked_up:
        return _widened(item, use)
    if item.dtype.startswith("float") and _is_argument(item, items):
        return replace(item, fill=next(value for pattern, value in _ARGUMENTS if pattern.search(name)))
    return item


PICTURE = 256
"""How many values a byte has: what a picture, a text or a sound in integers is made of."""


MOST = 1 << 16
"""Of a wider range, what is compared is a sentinel rather than data."""


def _widened(item: Input, use: Use) -> Input:
    """Bound integers that look nothing up: by what the graph compares them with, else by a type of a byte.

    Others stay 0 and 1, which every use takes.
    """
    if use.compared is not None and all(map(math.isfinite, use.compared)):
        low, high = min(math.floor(use.compared[0]), 0), max(math.ceil(use.compared[1]) + 1, 2)
        limits = np.iinfo(item.dtype)
        low, high = max(low, limits.min), min(high, limits.max + 1)
        return replace(item, low=low, high=high) if high - low <= MOST else item
    if item.dtype == "uint8" and len(item.shape) > 1:
        return replace(item, low=0, high=PICTURE)
    if item.dtype == "int8" and len(item.shape) > 1:
        return replace(item, low=-PICTURE // 2, high=PICTURE // 2)
    return item


def _is_argument(item: Input, items: Sequence[Input]) -> bool:
    """Tell whether an input is one number beside inputs that are data: a threshold, a scale, a frequency."""
    alone = item.shape in ((), (1,)) and not item.unranked
    return alone and any(len(other.shape) > 1 for other in items)


def _is_segment(name: str) -> bool:
    return "token_type" in name or "segment" in name


def _index(item: Input, use: Use) -> Input:
    low = max(use.low, 0) if use.low > -float("inf") else 0
    high = None if use.high == float("inf") else use.high + 1
    if high is not None and high <= low:
        high = low + 1
    return replace(item, low=low, high=high, within=use.within[0] if use.within and high is None else "")


def _filled(item: Input, size: int | str) -> Input:
    return replace(item, counts=size) if isinstance(size, str) else replace(item, fill=size)


def _is_length(item: Input) -> bool:
    flat = len(item.shape) <= 1 or (len(item.shape) == 2 and item.shape[1] == 1)
    return flat and bool(_LENGTHS.search(item.name))


def _counted(item: Input, use: Use, items: Sequence[Input]) -> int | str | None:
    """Return the size of the axis whose steps a length counts: a number, or the name of its dimension."""
    if PAST.found_in(item.name):
        names = (size for other in items for size in other.shape if isinstance(size, str))
        return next((name for name in names if PAST.found_in(name) and "+" not in name), 0)
    if sizes := [size for size in use.counts if size is not None]:
        return sizes[0]
    stem = _LENGTHS.sub("", item.name).strip("_.").lower()
    others = [other for other in items if len(other.shape) >= 2 and other.name != item.name]
    akin = [other for other in others if stem and (stem in other.name.lower() or other.name.lower() in stem)]
    for other in [*akin, *others][:1]:
        axis = max(range(len(other.shape)), key=lambda axis: _likeness(other, axis))
        size = other.shape[axis]
        if isinstance(size, int) and size > 0:
            return size
        return f"{other.name}[{axis}]" if is_unnamed(other.shape, axis) else str(size)
    return None


def _likeness(other: Input, axis: int) -> tuple[int, int]:
    """Rank an axis by how likely a length counts its steps: by its name, as one of variable size, by size."""
    size = other.shape[axis]
    if isinstance(size, int) and size > 0:
        return (1 if axis else 0), size
    named = any(role.found_in(str(size)) for role in (SEQUENCE, FRAMES, SAMPLES))
    return (3 if named else 2 if axis else 0), 0
