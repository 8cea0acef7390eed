"""The inputs of a graph: by themselves, for a worker needs nothing else of an artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fill = float | Sequence[int | float | str]
"""One value for all elements, or a value each: a number, or a dimension whose size it is."""


PICTURE_SIDE = 32
"""Pixels from which two fixed axes are the sides of a picture."""


def is_picture(shape: Sequence[int | str | None]) -> bool:
    """Return whether these are the channels of one picture, height and width: no axis is a batch."""
    large = all(isinstance(size, int) and size >= PICTURE_SIDE for size in shape[1:])
    return len(shape) == 3 and shape[0] in (3, 4) and large


@dataclass(frozen=True, slots=True)
class Input:
    """One graph input.

    `shape` holds integers, names of symbolic dimensions, or None for an
    anonymous one. `dtype` is numpy's name. `low` and `high` (exclusive for
    integers) bound random feeds; `fill` makes the feed a constant (a mask of
    ones); several values are those of a vector. `argument` names the operator's
    argument that the input is (``Reshape shape``): it is no data, so it has no
    samples and no batch. `within` and `counts` name a dimension, as ``shapes`` binds it: the
    elements are places on it, or its size. `weighted` are (axis, size) that a weight of
    the graph decides, axes from the end negative. An `unranked` input has no shape in the
    file: it has as many axes as are given sizes.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]
    low: float | None = None
    high: float | None = None
    fill: Fill | None = None
    within: str = ""
    counts: str = ""
    argument: str = ""
    weighted: tuple[tuple[int, int], ...] = ()
    unranked: bool = False

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Input:
        """Read what JSON has of an input: its lists are tuples here."""
        pairs = tuple((axis, size) for axis, size in item.get("weighted", ()))
        return cls(**{**item, "shape": tuple(item["shape"]), "weighted": pairs})

    @property
    def is_unbounded(self) -> bool:
        """Whether these are integers that nothing bounds: they are drawn from 0 and 1."""
        bounds = (self.low, self.high, self.fill)
        named = self.within or self.counts or self.argument
        return self.dtype.startswith(("int", "uint")) and not named and bounds == (None,) * 3

    @property
    def dtype_in_words(self) -> str:
        """The type as people call it: numpy's name, and text for strings."""
        return "text" if self.dtype == "object" else self.dtype
