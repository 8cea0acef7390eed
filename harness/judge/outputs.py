"""Read a model's outputs: which one counts, what it answers, whether it is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.artifact import INDICES, LABELS, QUANTITIES
from harness.judge.facts import Array

CLASSIFICATION, REGRESSION = "classification", "regression"
NO_ANSWER = -1
"""The class of a sample whose scores hold a NaN: right for no label."""


class Unfit(ValueError):
    """Outputs or labels that a metric cannot be taken of; the message is the metric's reason."""


class OtherShape(Unfit):
    """Outputs that differ in shape."""

    def __init__(self, ours: tuple[int, ...], reference: tuple[int, ...]) -> None:
        self.ours, self.reference = ours, reference
        self.in_samples_only = bool(ours and reference) and ours[1:] == reference[1:]
        super().__init__(self.against("the reference"))

    def against(self, name: str) -> str:
        """Write both shapes; `name` is what the other outputs are those of."""
        return f"the output's shape is {self.ours}, {name}'s is {self.reference}"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one worker computed from the evaluation rows, or why there is nothing.

    One array an output, in the model's order: samples on the first axis; of
    those in `per_call`, which have no row a sample, the values call by call.
    `classes` are the outputs that are known to be classes, and their axis in
    the model. `varies` is the largest difference between answers to the same
    input, infinite where there is no number; None where they are bit-equal or
    nobody knows. `counts` names the output that counts by the source of the model.
    """

    names: tuple[str, ...] = ()
    values: tuple[Array, ...] | None = None
    reason: str = ""
    per_call: frozenset[str] = frozenset()
    classes: Mapping[str, int] = field(default_factory=dict)
    precision: str = "fp32"  # what the file computes in
    varies: float | None = None
    alone: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)  # rows alone, the same together
    draws: tuple[str, ...] = ()  # operators of the model that draw random numbers
    types: Mapping[str, str] = field(default_factory=dict)  # element types that the arrays do not have
    counts: str | None = None  # None: the first
    indices: frozenset[str] = frozenset()  # outputs that hold places of elements, no classes

    def stored_as(self, name: str) -> str:
        """Return the element type that the model gives output `name` in; empty where there is none."""
        if self.values is None or name not in self.names:
            return ""
        return self.types.get(name, str(self.values[self.names.index(name)].dtype))

    def holding(self, contents: Mapping[str, str]) -> Outputs:
        """Return these in arrays of a type that fits what they hold: LABELS are integers, QUANTITIES not."""
        if self.values is None or not contents:
            return self

        def fitted(name: str, array: Array) -> Array:
            what = contents.get(name)
            if what == QUANTITIES and array.dtype.kind in "iu":
                return array.astype(np.float64)
            if what == LABELS and is_numeric(array) and np.array_equal(array, np.rint(array)):
                return array.astype(np.int64)
            return array

        values = tuple(fitted(name, array) for name, array in zip(self.names, self.values, strict=True))
        alone = {name: (fitted(name, one), fitted(name, other)) for name, (one, other) in self.alone.items()}
        types = {name: self.stored_as(name) for name in contents if name in self.names}
        indices = frozenset(name for name, what in contents.items() if what == INDICES)
        return replace(self, values=values, alone=alone, types={**types, **self.types}, indices=indices)


@dataclass(frozen=True, slots=True)
class Match:
    """One output that two models have."""

    name: str  # the reference's
    ours: Array
    reference: Array
    renamed: str = ""  # what ours is called, where it was matched by place
    sized_by_data: bool = False  # how many values there are depends on the samples
    classes: int | None = None  # the axis of its classes in the model; None: none are known
    stored_as: tuple[str, ...] = ()  # the element types of both
    indices: bool = False

    @property
    def pair(self) -> OutputPair:
        """Both, element by element. Raises Unfit."""
        return OutputPair(self.ours, self.reference, self.indices)

    @property
    def emptied(self) -> str:
        """Say that there is no value where the reference has some; empty where that is not so."""
        if self.ours.size or not self.reference.size:
            return ""
        return f"the output is empty; the other has {self.reference.size} values"

    @property
    def new_nonfinite(self) -> int:
        """How many NaN and Inf there are where the reference has a number, or another of them."""
        if self.ours.shape != self.reference.shape:
            return self.lone_nonfinite
        if self.ours.dtype.kind != "f" or self.reference.dtype.kind != "f":
            return max(0, nonfinite_count([self.ours]) - nonfinite_count([self.reference]))
        broken = ~np.isfinite(self.ours) & ~same_nonfinite(self.ours, self.reference)
        return int(np.count_nonzero(broken))

    @property
    def lone_nonfinite(self) -> int:
        """How many NaN and Inf there are, if the reference has none: a count that no size explains."""
        return 0 if nonfinite_count([self.reference]) else nonfinite_count([self.ours])


def chosen(arrays: Sequence[Array], names: Sequence[str], wanted: str | None) -> Array:
    """Return the output that counts: the one that the suite names, else the first. Raises Unfit."""
    if not arrays:
        raise Unfit("the model has no outputs")
    if wanted is None:
        return arrays[0]
    if wanted not in names:
        raise Unfit(f"no output is named {wanted!r}; outputs: {', '.join(names)}")
    return arrays[list(names).index(wanted)]


def task_of(task: str | None, labels: Array) -> str:
    """Return the task: as the suite says, else by the labels' type. Raises Unfit."""
    if labels.dtype.kind not in "iubf":
        raise Unfit(f"labels are of type {labels.dtype}; numbers are needed")
    return task or (REGRESSION if labels.dtype.kind == "f" else CLASSIFICATION)


def is_scores(output: Array) -> bool:
    """Return whether `output` holds scores, whose largest along the last axis is the answer."""
    return output.dtype.kind == "f" and output.ndim >= 2 and output.shape[-1] > 1


def is_numeric(output: Array) -> bool:
    """Return whether distances mean anything: of real values, and of integers too small for labels."""
    return output.dtype.kind == "f" or (output.dtype.kind in "iu" and output.dtype.itemsize <= SMALL_BYTES)


def are_labels(output: Array) -> bool:
    """Return whether an output holds labels: truth values, or integers that are no quantized ones."""
    return output.dtype.kind in "iub" and not is_numeric(output)


def known_classes(
    classes: Mapping[str, int],
    names: Sequence[str],
    *,
    wanted: str | None,
    task: str | None,
    labels: Array | None,
) -> dict[str, int]:
    """Return the outputs that are known to be classes, and their axis.

    Those that the graph names (`classes`), and the one that counts where the
    task is classification, or labels make it one. None for a regression.
    """
    if labels is not None and labels.dtype.kind in "iubf":
        task = task_of(task, labels)
    if task == REGRESSION:
        return {}
    counts = wanted if wanted is not None else next(iter(names), None)
    counted = {counts: -1} if task == CLASSIFICATION and counts is not None else {}
    return {**counted, **classes}


TEXT = "USO"
"""Kinds of arrays that hold texts."""

SMALL_BYTES = 2
"""Integers of so few bytes are quantized values rather than labels."""


def squeezed(output: Array) -> Array:
    """Drop trailing axes of one: [n, classes, 1, 1] is [n, classes], [n, 1] is [n]."""
    while output.ndim > 1 and output.shape[-1] == 1:
        output = output[..., 0]
    return output


def classes(output: Array, axis: int = -1) -> NDArray[np.int64]:
    """Return the answers of a classifier out of labels [n] or scores, whose classes are on `axis`.

    An answer is NO_ANSWER where its scores hold a NaN. Raises Unfit.
    """
    if -output.ndim <= axis < output.ndim and axis % output.ndim and output.shape[axis] > 1:
        output = np.moveaxis(output, axis, -1)
    else:
        output = squeezed(output)
    if is_scores(output):
        answers: NDArray[np.int64] = np.argmax(output, axis=-1).astype(np.int64)
        answers[np.isnan(output).any(axis=-1)] = NO_ANSWER
        return answers
    if output.dtype.kind in "iub":
        return output.astype(np.int64)
    raise Unfit(f"the output is {_kind(output)}: neither labels [n] nor scores [n, classes]")


def values(output: Array, n: int) -> NDArray[np.float64]:
    """Return the answers of a regression out of values [n] or [n, 1]. Raises Unfit."""
    flat = squeezed(output)
    if flat.shape != (n,) or flat.dtype.kind not in "fiu":
        raise Unfit(f"the output is {_kind(output)}: not values [{n}] or [{n}, 1]")
    return flat.astype(np.float64)


def label_vector(labels: Array, n: int) -> Array:
    """Return labels as [n]. Raises Unfit where they are not one a sample."""
    flat = squeezed(labels)
    if flat.ndim != 1:
        raise Unfit(f"labels have shape {labels.shape}: not one a sample")
    if len(flat) != n:
        raise Unfit(f"{len(flat)} labels for {n} samples of the output")
    if n == 0:
        raise Unfit("no samples")
    return flat


@dataclass(frozen=True, slots=True)
class OutputPair:
    """The outputs of a case and of its reference, on the same samples, element by element."""

    ours: Array
    reference: Array
    indices: bool = False  # places of elements: which they are is no answer by itself

    def __post_init__(self) -> None:
        if self.ours.shape != self.reference.shape:
            raise OtherShape(self.ours.shape, self.reference.shape)
        if self.ours.size == 0:
            raise Unfit("the output is empty")

    @property
    def numeric(self) -> bool:
        """Whether distances mean anything: both are real or quantized values, not labels."""
        return is_numeric(self.ours) and is_numeric(self.reference)

    def coded(self) -> OutputPair:
        """Return texts as numbers, one a text, so that they compare as labels do; other pairs as they are."""
        if not (self.ours.dtype.kind in TEXT and self.reference.dtype.kind in TEXT):
            return self
        texts = np.concatenate([self.ours.ravel(), self.reference.ravel()]).astype(str)
        codes = np.unique(texts, return_inverse=True)[1].astype(np.int64).reshape(2, *self.ours.shape)
        return OutputPair(codes[0], codes[1], self.indices)

    def degenerate(self) -> bool:
        """Return whether the reference gives (almost) the same output for every sample."""
        if self.reference.ndim == 0 or len(self.reference) < 2:
            return False
        rows = self.reference.reshape(len(self.reference), -1)
        if rows.dtype.kind != "f":
            return bool((rows == rows[0]).all())
        finite = np.isfinite(rows)
        always = finite.all(axis=0)
        if not always.any() or (finite.any(axis=0) != always).any():
            return False
        rows = rows[:, always].astype(np.float64)
        spread = np.max(rows, axis=0) - np.min(rows, axis=0)
        return bool(np.max(spread) <= DEGENERATE * np.max(np.abs(rows)))


DEGENERATE = 1e-6
"""Largest spread between samples, as a ratio of the largest value, that is rounding and no answer."""


def matched(ours: Outputs, reference: Outputs, wanted: str | None) -> list[Match]:
    """Match the outputs that count in both: `wanted` alone, else all, by name.

    The first is the one that metrics are taken of: the reference's first that
    ours has, of places of elements only where there is no other. Where the first of
    ours has a name that the reference lacks, and the other way round, it was renamed:
    these two are matched by place. Raises Unfit where there is no such output.
    """
    if wanted is not None:
        return [_match(ours, reference, wanted, wanted)]
    pairs = [(name, name) for name in reference.names if name in ours.names]
    first, theirs = ours.names[:1], reference.names[:1]
    if first and theirs and first[0] not in reference.names and theirs[0] not in ours.names:
        pairs.insert(0, (first[0], theirs[0]))
    if not pairs:
        both = ours.values and reference.values
        named = f"no output is named alike: {', '.join(ours.names)}; {', '.join(reference.names)}"
        raise Unfit(named if both else "the model has no outputs")
    return sorted((_match(ours, reference, *pair) for pair in pairs), key=lambda match: match.indices)


def _match(ours: Outputs, reference: Outputs, name: str, theirs: str) -> Match:
    array = chosen(ours.values or (), ours.names, name)
    other = chosen(reference.values or (), reference.names, theirs)
    loose = name in ours.per_call or theirs in reference.per_call
    axis = reference.classes.get(theirs, ours.classes.get(name))
    indices = axis is None and (name in ours.indices or theirs in reference.indices)
    return Match(
        name=theirs,
        ours=array,
        reference=other,
        renamed=name if name != theirs else "",
        sized_by_data=indices or (loose and any(item.ndim == 1 or len(item) == 1 for item in (array, other))),
        classes=None if loose else axis,
        stored_as=(ours.stored_as(name), reference.stored_as(theirs)),
        indices=indices,
    )


def nonfinite_count(arrays: Sequence[Array]) -> int:
    """Count the NaN and Inf in all outputs."""
    return sum(int(np.count_nonzero(~np.isfinite(array))) for array in arrays if array.dtype.kind == "f")


def same_nonfinite(ours: Array, reference: Array) -> NDArray[np.bool_]:
    """Return where both are NaN, or the same infinity."""
    found: NDArray[np.bool_] = (np.isinf(reference) & (ours == reference)) | (
        np.isnan(ours) & np.isnan(reference)
    )
    return found


def _kind(output: Any) -> str:
    return f"{output.dtype} of shape {output.shape}"
