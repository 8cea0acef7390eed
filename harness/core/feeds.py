"""Give a model's inputs sizes and values: seeded random rows, or rows of data.

A *row* is one sample. Rows are kept one array an input, samples on the first
axis, and cut into batches last; so the same rows reach a model whatever its
batch, and two models can be compared row by row. An input that has no batch
axis (a scale, a scalar) is one array that every batch shares.

Used by the worker, under any runtime's numpy: imports nothing else.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.core.errors import Failed, InputError, Unsupported
from harness.core.form import Form, listed, spell_value
from harness.core.inputs import Input, is_picture
from harness.core.roles import (
    BATCH,
    FRAMES,
    GRAPH,
    HEIGHT,
    PAST,
    SEQUENCE,
    WIDTH,
    Unbound,
    is_unnamed,
    unbound,
)

Rows = dict[str, np.ndarray]
"""One array an input, samples on the first axis; without samples where the input has no batch axis."""

LABELS = "y"
SOLE = "x"


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What every symbolic dimension is bound to, and where each input's samples lie."""

    batch: int
    sizes: Mapping[str, int]  # dimension -> size, the batch included
    axes: Mapping[str, int | None]  # input -> its batch axis, None where it has none
    driven: frozenset[str] = frozenset()  # symbolic dimensions that are the batch

    def shape(self, item: Input) -> tuple[int, ...]:
        """Return the shape that `item` is fed with."""
        names = dimension_names(item, self.sizes)
        return tuple(self.sizes[name] if isinstance(name, str) else name for name in names)

    def row_shape(self, item: Input) -> tuple[int, ...]:
        """Return the shape of one sample of `item`: its shape without the batch axis."""
        shape, axis = self.shape(item), self.axes[item.name]
        return shape if axis is None else shape[:axis] + shape[axis + 1 :]


def dimension_names(item: Input, bound: Mapping[str, int]) -> tuple[int | str, ...]:
    """Return the shape of `item`, fixed sizes as they are.

    A dimension without a name, and one that `bound` gives a size by its place, is
    called by its place: ``x[2]``.
    """
    item = ranked(item, bound)
    return tuple(_dimension_name(item, axis, bound) for axis in range(len(item.shape)))


def ranked(item: Input, bound: Mapping[str, int], array: np.ndarray | None = None) -> Input:
    """Give an input without a shape as many axes as `bound` gives sizes to, or as its data or values have."""
    if not item.unranked:
        return item
    begin = f"{item.name}["
    axes = [name.removeprefix(begin).removesuffix("]") for name in bound if name.startswith(begin)]
    given = 1 if isinstance(item.fill, list | tuple) else 0
    rank = max([given, 0 if array is None else array.ndim, *(int(a) + 1 for a in axes if a.isdecimal())])
    return replace(item, shape=(None,) * rank, unranked=False)


def is_open(item: Input, bound: Mapping[str, int]) -> bool:
    """Return whether nothing says how many axes an input has that has no shape in the file."""
    return item.unranked and item.fill is None and not ranked(item, bound).shape


def ask_for_rank(item: Input, form: Form = Form.COMMAND) -> str:
    """Ask for the shape of an input that has none in the file."""
    sizes = {f"{item.name}[0]": 1, f"{item.name}[1]": dict(item.weighted).get(-1, 4)}
    return (
        f"input {item.name!r} has no shape in the file; give a size for each axis that it has, such as "
        f"{form.shapes(sizes)}{form.or_suite('shapes', listed(sizes))}; where it is one number, "
        f"{form.fills({item.name: 1})}"
    )


def guesses(inputs: Sequence[Input], bound: Mapping[str, int]) -> tuple[Unbound, ...]:
    """Return every dimension that `bound` gives no size, with the sizes to try."""
    known = [ranked(item, bound) for item in inputs]
    return unbound(
        {item.name: item.shape for item in known},
        {item.name: item.dtype for item in known},
        bound,
        {
            f"{item.name}[{axis % len(item.shape)}]": size
            for item in known
            for axis, size in item.weighted
            if -len(item.shape) <= axis < len(item.shape)
        },
    )


def _dimension_name(item: Input, axis: int, bound: Mapping[str, int]) -> int | str:
    size, place = item.shape[axis], f"{item.name}[{axis}]"
    if isinstance(size, int) and size > 0:
        return size
    return place if place in bound or is_unnamed(item.shape, axis) else str(size)


def bind_dimensions(
    inputs: Sequence[Input],
    batch: int | None,
    shapes: Mapping[str, int],
    batch_dim: str | None = None,
    data: Mapping[str, np.ndarray] | None = None,
    data_name: str = "data",
) -> Dimensions:
    """Bind every symbolic dimension of `inputs`.

    `batch` None means the model's own: its fixed batch, else 1. `shapes` binds
    by name; `data` (as `data_rows` reads it; `data_name` in errors) binds what
    `shapes` leaves open. The batch drives `batch_dim`, else the dimension that is named so, else the
    symbolic axis 0 of the inputs: unless it is named for something else (time),
    or is on several axes of one input.

    Raises Failed naming a dimension that nothing binds, Unsupported where the
    model's batch is fixed at another size, InputError where data does not fit.
    """
    arrays = data or {}
    if shapeless := [item for item in inputs if item.name not in arrays and is_open(item, shapes)]:
        raise Failed("; ".join(map(ask_for_rank, shapeless)))
    inputs = [ranked(item, shapes, arrays.get(item.name)) for item in inputs]
    names = {item.name: dimension_names(item, shapes) for item in inputs}
    known_symbols = {name for shape in names.values() for name in shape if isinstance(name, str)}
    sampled = {item.name: names[item.name] for item in inputs if not item.argument}
    if unknown := sorted(set(shapes) - known_symbols):
        if fixed := fixed_size(unknown[0], inputs):
            raise Failed(f"shapes binds {unknown[0]!r}: {fixed}")
        known = ", ".join(sorted(known_symbols)) or "none"
        raise Failed(f"shapes binds {unknown[0]!r}; the symbolic dimensions of the model: {known}")
    driven = _driven(sampled, known_symbols, shapes, batch_dim)
    batch, axes = _batch_axes(sampled, driven, batch, shapes)
    axes |= dict.fromkeys(names.keys() - sampled.keys())
    sizes = {**dict.fromkeys(driven, batch), **shapes}
    if data is not None:
        sizes = {**_data_sizes(names, axes, data), **sizes}
    sizes |= add_up(known_symbols, sizes)
    symbols = (size for shape in names.values() for size in shape if isinstance(size, str))
    if left := [size for size in dict.fromkeys(symbols) if size not in sizes]:
        raise Failed(not_bound(left, inputs, sizes))
    dimensions = Dimensions(batch, sizes, axes, frozenset(driven))
    if data is not None:
        _check_data(data_name, inputs, dimensions, data)
    return dimensions


def fixed_size(place: str, inputs: Sequence[Input], form: Form = Form.COMMAND) -> str:
    """Return why ``INPUT[AXIS]`` takes no size: it is fixed in the file, or not there; empty where it may."""
    for item in inputs:
        axis = place.removeprefix(f"{item.name}[").removesuffix("]")
        if f"{item.name}[{axis}]" != place or not axis.isdecimal():
            continue
        if int(axis) >= len(item.shape):
            return f"input {item.name!r} has {len(item.shape)} axes, counted from 0"
        size = item.shape[int(axis)]
        if isinstance(size, int) and size > 0:
            head = next((other.name for other in inputs if other.shape), "")
            if axis == "0" and item.name == head and len(item.shape) > 1:
                return fixed_batch(item.name, size, form)
            return f"the file fixes that dimension at {size}; export the model with a dynamic axis to vary it"
    return ""


def fixed_batch(name: str, size: int, form: Form = Form.COMMAND) -> str:
    """Return what is to be known of a batch that the file fixes."""
    return (
        f"input {name!r} has a fixed batch of {size}: say {form.axis('batch', size)}, "
        "or export the model with a dynamic first axis"
    )


def add_up(symbols: Iterable[str], sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the sizes of dimensions that are named as a sum of others, such as ``past + sequence``."""
    found = {}
    for symbol in symbols:
        parts = [part.strip() for part in symbol.split("+")]
        if (
            len(parts) > 1
            and symbol not in sizes
            and all(part.isdecimal() or part in sizes for part in parts)
        ):
            found[symbol] = sum(int(part) if part.isdecimal() else sizes[part] for part in parts)
    return found


def not_bound(
    left: Sequence[str], inputs: Sequence[Input], bound: Mapping[str, int], form: Form = Form.COMMAND
) -> str:
    """Name every dimension without a size, and say how to give them, in `form` and in a suite.

    The sizes are examples, by the role of each dimension. One that is the sum of others follows from them.
    """
    found = guesses(inputs, bound)
    sizes = {guess.name: guess.sizes[0] for guess in found}
    where = {guess.name: "{} axis {}".format(*guess.places[0]) for guess in found}
    sums = add_up(left, {name: size for name, size in {**sizes, **bound}.items() if "+" not in name})
    left = [name for name in left if name not in sums] or list(left)
    named = ", ".join(name if name.endswith("]") else f"{name} ({where[name]})" for name in left)
    given = {name: sizes[name] for name in left}
    verb = "dimension is" if len(left) == 1 else "dimensions are"
    or_suite = form.or_suite("shapes", listed(given))
    return f"{verb} not bound: {named}; give sizes with {form.shapes(given)}{or_suite}"


def batch_dimensions(
    inputs: Sequence[Input], shapes: Mapping[str, int], batch_dim: str | None = None
) -> frozenset[str]:
    """Return the symbolic dimensions that the batch drives. Raises Failed where that is a question."""
    names = {item.name: dimension_names(item, shapes) for item in inputs if not item.argument}
    symbols = {size for shape in names.values() for size in shape if isinstance(size, str)}
    return frozenset(_driven(names, symbols, shapes, batch_dim))


def _driven(
    names: Mapping[str, tuple[int | str, ...]],
    symbols: set[str],
    shapes: Mapping[str, int],
    batch_dim: str | None,
) -> set[str]:
    """Find the symbolic dimensions that the batch drives."""
    if batch_dim is not None:
        if batch_dim not in symbols:
            known = ", ".join(sorted(symbols)) or "none"
            raise Failed(f"batch_dim is {batch_dim!r}; the symbolic dimensions of the model: {known}")
        return {batch_dim}
    open_sizes = {size for shape in names.values() for size in shape if isinstance(size, str)} - set(shapes)
    free = open_sizes - _square(names)
    named_so = sorted(size for size in free if not size.endswith("]") and BATCH.found_in(size))
    first = {shape[0] for shape in names.values() if shape and isinstance(shape[0], str)} & free
    first = {size for size in first if size.endswith("]") or not _no_batch(size)}
    named = sorted(size for size in first if not size.endswith("]"))
    sure = [size for size in named_so if "batch" in size.lower()]
    named_so = sure or ([] if named else named_so)
    if named_so and (not named or len(named) > 1 or named[0] not in named_so):
        named = named_so
        first = {size for size in first if size.endswith("]") and _beside(size, names, named_so)} | set(named)
    if len(named) > 1:
        raise Failed(
            f"inputs start with different dimensions ({', '.join(named)}); say which one the batch "
            f"drives (batch_dim: {named[0]}) and bind the others in shapes"
        )
    return first


def _square(names: Mapping[str, tuple[int | str, ...]]) -> set[str]:
    """Return the dimensions that are on several axes of one input: to drive one would drive the other."""
    return {
        size for shape in names.values() for size in shape if isinstance(size, str) and shape.count(size) > 1
    }


def _beside(place: str, names: Mapping[str, tuple[int | str, ...]], batch: Sequence[str]) -> bool:
    """Return whether the input of an axis without a name has no dimension that is named for the batch."""
    return not any(size in batch for size in names[place.rpartition("[")[0]])


def _no_batch(symbol: str) -> bool:
    """Return whether a dimension is named for something that is no batch."""
    if BATCH.found_in(symbol):
        return False
    return any(role.found_in(symbol) for role in (SEQUENCE, FRAMES, PAST, GRAPH, WIDTH)) or (
        HEIGHT.found_in(symbol) and "row" not in symbol.lower()  # a row may be a sample
    )


def _batch_axes(
    names: Mapping[str, tuple[int | str, ...]],
    driven: set[str],
    batch: int | None,
    shapes: Mapping[str, int],
) -> tuple[int, dict[str, int | None]]:
    """Decide the batch and each input's axis of it; a fixed axis 0 of the first input counts."""
    if driven:
        axes = {
            name: next((i for i, size in enumerate(shape) if size in driven), None)
            for name, shape in names.items()
        }
        return batch or 1, axes
    head = next((name for name, shape in names.items() if shape), None)
    if head is None:
        if batch not in (None, 1):
            raise Unsupported(f"no input has a batch axis; asked for a batch of {batch}")
        return 1, dict.fromkeys(names, None)
    first = names[head][0]
    if isinstance(first, str) and (first not in shapes or _no_batch(first) or first in _square(names)):
        if batch not in (None, 1):
            raise Unsupported(
                f"axis 0 of input {head!r} is {first!r}, which is no batch; asked for a batch of {batch}; "
                f"'batch_dim: {first}' makes it one"
            )
        return 1, dict.fromkeys(names, None)
    if is_picture(names[head]):
        if batch not in (None, 1):
            shape = ", ".join(map(str, names[head]))
            raise Unsupported(
                f"input {head!r} is [{shape}], one picture without a batch axis; asked for a batch of {batch}"
            )
        return 1, dict.fromkeys(names, None)
    fixed = shapes[first] if isinstance(first, str) else first
    if isinstance(first, str) and batch not in (None, fixed):
        raise Unsupported(
            f"axis 0 of input {head!r}, {first!r}, is given the size {fixed}; asked for a batch of {batch}; "
            f"say which dimension the batch drives: --batch-dim {first}"
        )
    if batch not in (None, fixed):
        raise Unsupported(f"{fixed_batch(head, fixed)}; a batch of {batch} was asked for")
    return fixed, {name: 0 if shape and shape[0] == first else None for name, shape in names.items()}


def _data_sizes(
    names: Mapping[str, tuple[int | str, ...]],
    axes: Mapping[str, int | None],
    data: Mapping[str, np.ndarray],
) -> dict[str, int]:
    """Read symbolic dimensions off the data's samples."""
    sizes = {}
    for name, array in data.items():
        axis = axes[name]
        row = [size for i, size in enumerate(names[name]) if i != axis]
        sizes.update(
            {size: n for size, n in zip(row, array.shape[1:], strict=False) if isinstance(size, str)}
        )
    return sizes


def _check_data(
    name: str, inputs: Sequence[Input], dimensions: Dimensions, data: Mapping[str, np.ndarray]
) -> None:
    for item in inputs:
        if item.name not in data:
            continue
        if dimensions.axes[item.name] is None:
            raise InputError(
                f"{name}: input {item.name!r} has no batch axis, so it takes no samples; "
                f"make it a constant: inputs: {{{item.name}: {{fill: 1}}}}"
            )
        have, want = data[item.name].shape[1:], dimensions.row_shape(item)
        if have != want:
            raise InputError(f"{name}: samples of {item.name!r} have shape {have}; the model takes {want}")


def random_rows(inputs: Sequence[Input], rows: int, dims: Dimensions, seed: int) -> Rows:
    """Draw `rows` samples an input, the same for a seed whatever the batch they are cut into.

    Floats are standard normal, or uniform in [low, high) where either is given;
    integers lie in [low, high), in {0, 1} where no bound is known; `fill` makes
    a constant. Each input has a stream of its own, so an input more or less
    leaves the others as they were. Raises Unsupported for types without numbers.
    """
    drawn = {}
    for item in inputs:
        row = dims.row_shape(item)
        shape = row if dims.axes[item.name] is None else (rows, *row)
        drawn[item.name] = _draw(
            sized(item, dims.sizes), shape, np.random.default_rng([seed, zlib.crc32(item.name.encode())])
        )
    return drawn


def sized(item: Input, sizes: Mapping[str, int]) -> Input:
    """Put numbers in place of the dimensions that bound `item`; one without a size bounds nothing.

    Raises Failed where a value is the size of a dimension that is not there.
    """
    if isinstance(item.fill, list | tuple):
        if lost := [value for value in item.fill if isinstance(value, str) and value not in sizes]:
            known = ", ".join(sizes) or "none"
            raise Failed(f"input {item.name!r}: {lost[0]!r} is no dimension of the model; those: {known}")
        return replace(item, fill=[sizes[v] if isinstance(v, str) else v for v in item.fill])
    if item.counts and item.fill is None:
        return replace(item, fill=sizes.get(item.counts), counts="")
    if item.within and item.high is None and item.within in sizes:
        return replace(item, low=item.low or 0, high=max(sizes[item.within], 1), within="")
    return item


def _draw(item: Input, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    if item.dtype == TEXT:
        raise InputError(ask_for_text(item))
    if needs_value(item):
        raise InputError(ask_for_argument(item))
    dtype = _dtype(item)
    if item.fill is not None:
        values = np.asarray(item.fill)
        values = values.reshape(()) if values.size == 1 else values
        if values.ndim and (not shape or shape[-1] != values.size):
            raise Failed(f"input {item.name!r} is of shape {shape}; {values.size} values are given for it")
        return np.full(shape, values, dtype)
    if dtype.kind == "f":
        # in float32 whatever the type: an FP16 model and its FP32 reference are fed the same rows
        if item.low is None and item.high is None:
            return generator.standard_normal(shape, np.float32).astype(dtype)
        low = 0.0 if item.low is None else item.low
        high = low + 1.0 if item.high is None else item.high
        return (low + (high - low) * generator.random(shape, np.float32)).astype(dtype)
    low_int = 0 if item.low is None else math.ceil(item.low)
    high_int = low_int + 2 if item.high is None else math.ceil(item.high)
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not limits[0] <= low_int < high_int <= limits[1] + 1:
        raise Failed(f"input {item.name!r}: no {dtype} lies in [{low_int}, {high_int})")
    return generator.integers(low_int, high_int, shape, np.int64).astype(dtype)


TEXT = "object"
"""What numpy calls the type of strings."""


def ask_for_text(item: Input, form: Form = Form.COMMAND) -> str:
    """Ask for an input that holds text, with an example: nobody can make up what a model reads."""
    rank = max(len(item.shape), 1)
    example = f"{'[' * rank}'some', 'text'{']' * rank}"
    given = "data='FILE.npz'" if form is Form.PYTHON else "--data FILE.npz (in a suite: data: FILE.npz)"
    return (
        f"input {item.name!r} holds text, which is not made up: give it as {given}, "
        f"written by np.savez('FILE.npz', {item.name}=np.array({example}))"
    )


def wrong_values(inputs: Sequence[Input], bound: Mapping[str, int]) -> str:
    """Return what is wrong with the values that are given for a vector; empty where nothing is."""
    known = {size for item in inputs for size in dimension_names(item, bound) if isinstance(size, str)}
    for item in inputs:
        if not isinstance(item.fill, list | tuple):
            continue
        count = item.shape[0] if item.shape else None if item.unranked else 1
        if isinstance(count, int) and 0 < count != len(item.fill) > 1:
            return f"input {item.name!r} has {count} elements; {len(item.fill)} values are given for it"
        if lost := [value for value in item.fill if isinstance(value, str) and value not in known]:
            listed = ", ".join(sorted(known)) or "none"
            return f"input {item.name!r}: {lost[0]!r} is no dimension of the model; those: {listed}"
    return ""


def needs_value(item: Input) -> bool:
    """Return whether an input is an operator's argument for which nothing is known."""
    return bool(item.argument) and item.fill is None and item.low is None and item.high is None


def ask_for_argument(item: Input, why: str = "no value is known for it", form: Form = Form.COMMAND) -> str:
    """Ask for an input that is an operator's argument, with an example in `form` and for a suite."""
    count = next((size for size in item.shape if isinstance(size, int)), 1)
    given: list[Any] = [1] if item.fill is None else np.ravel(np.asarray(item.fill, object)).tolist()
    values = given if len(given) == count else given[:1] * count
    texts = list(map(spell_value, values))
    written = f"[{', '.join(texts)}]" if item.shape else texts[0]
    fill = form.fills({item.name: values if item.shape or form is Form.COMMAND else values[0]})
    or_suite = form.or_suite("inputs", f"{{{json.dumps(item.name)}: {{fill: {written}}}}}")
    return (
        f"input {item.name!r} is the argument {item.argument!r} of an operator, and {why}; give it with "
        f"{fill}{or_suite}"
    )


def _dtype(item: Input) -> np.dtype[Any]:
    """Return numpy's type of `item`, object for strings. Raises Unsupported for types that numpy lacks."""
    try:
        dtype = np.dtype(item.dtype)
    except TypeError:
        dtype = np.dtype("V")
    if dtype.kind not in "fiubO":
        raise Unsupported(f"input {item.name!r} is of type {item.dtype}; feeds are made of numbers only")
    return dtype


def data_rows(
    where: str, arrays: Mapping[str, np.ndarray], inputs: Sequence[Input], rows: int | None = None
) -> tuple[Rows, np.ndarray | None]:
    """Give the first `rows` samples and their labels (None without a ``y``).

    `arrays` has one array an input under its name, or ``x`` for a sole one; an
    input with a `fill` may be absent. Values are cast to the model's type where
    that keeps their meaning. Raises InputError, which begins with `where` they
    are from, and Unsupported.
    """
    arrays = dict(arrays)
    labels = arrays.pop(LABELS, None) if LABELS not in {item.name for item in inputs} else None
    if len(inputs) == 1 and SOLE in arrays and inputs[0].name not in arrays:
        arrays[inputs[0].name] = arrays.pop(SOLE)
    found = {item.name: _pick(where, item, arrays) for item in inputs if _present(where, item, arrays)}
    lengths = {name: len(array) for name, array in found.items()}
    lengths |= {} if labels is None else {LABELS: len(labels)}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        listed = ", ".join(f"{name}: {n}" for name, n in lengths.items()) or "none"
        raise InputError(f"{where}: arrays must have the same number of samples, at least one; got {listed}")
    return {name: array[:rows] for name, array in found.items()}, None if labels is None else labels[:rows]


def _present(where: str, item: Input, arrays: Mapping[str, np.ndarray]) -> bool:
    if item.name not in arrays and item.fill is None:
        listed = ", ".join(sorted(arrays)) or "none"
        raise InputError(f"{where}: no array for the model's input {item.name!r}; arrays: {listed}")
    return item.name in arrays


def _pick(where: str, item: Input, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    array, dtype = arrays[item.name], _dtype(item)
    if (array.ndim != len(item.shape) and not item.unranked) or array.ndim == 0:
        raise InputError(
            f"{where}: {item.name!r} has {array.ndim} axes; the model's input has {len(item.shape)}, "
            f"the first one of the data being its samples"
        )
    if array.dtype == dtype:
        return array
    if (dtype.kind == "O") != (array.dtype.kind in "US"):
        held = "numbers" if dtype.kind == "O" else "text"
        raise InputError(f"{where}: {item.name!r} holds {held}; the model takes {item.dtype_in_words}")
    if dtype.kind == "O":
        return array.astype(str).astype(object)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype) if array.dtype.kind in "fiub" else None
    if cast is None or not _same_meaning(array, cast):
        raise InputError(
            f"{where}: {item.name!r} is {array.dtype}; its values do not fit the model's {dtype}"
        )
    return cast


def _same_meaning(array: np.ndarray, cast: np.ndarray) -> bool:
    """Return whether a cast kept the values: rounding of a float is fine, anything else is not."""
    if cast.dtype.kind == "f":
        return bool(np.array_equal(np.isfinite(array), np.isfinite(cast)))
    return bool(np.array_equal(array, cast))


def cut(
    rows: Mapping[str, np.ndarray],
    inputs: Sequence[Input],
    batch: int,
    dims: Dimensions,
    count: int | None = None,
) -> list[Rows]:
    """Cut rows into batches, C-contiguous and shaped as the model takes them.

    Without `count`: as many as hold every row once. Where rows run out they
    start again from the first; so the last batch is padded, and of n rows the
    k-th batch holds ``min(batch, n - k * batch)`` that are new.
    """
    n = sample_count(rows, dims)
    count = -(-n // batch) if count is None else count
    batches = []
    for k in range(count):
        index = np.arange(k * batch, (k + 1) * batch) % n
        batches.append({item.name: _place(rows[item.name], index, dims.axes[item.name]) for item in inputs})
    return batches


def _place(array: np.ndarray, index: np.ndarray, axis: int | None) -> np.ndarray:
    return np.asarray(array if axis is None else np.moveaxis(array[index], 0, axis), order="C")


def sample_count(rows: Mapping[str, np.ndarray], dims: Dimensions) -> int:
    """Return how many samples `rows` holds; one where no input has a batch axis."""
    return next((len(array) for name, array in rows.items() if dims.axes[name] is not None), 1)


def distinct_count(wanted: int, rows: int, batch: int) -> int:
    """Return how many different batches `cut` can make of `rows`, `wanted` at most."""
    return min(wanted, rows // math.gcd(rows, batch))


def with_overrides(inputs: Sequence[Input], overrides: Mapping[str, Mapping[str, Any]]) -> tuple[Input, ...]:
    """Apply a suite's ``inputs:`` (low, high, fill by input name); a range takes the place of a fill.

    Raises Failed on an unknown name.
    """
    known = {item.name for item in inputs}
    if unknown := sorted(set(overrides) - known):
        raise Failed(f"inputs names {unknown[0]!r}; the model's inputs: {', '.join(sorted(known))}")
    return tuple(
        _overridden(item, overrides[item.name]) if item.name in overrides else item for item in inputs
    )


def _overridden(item: Input, given: Mapping[str, Any]) -> Input:
    item = replace(item, **{"fill": None, "within": "", "counts": "", **given})
    if isinstance(item.fill, list) and len(item.shape) == 1 and not item.argument:
        return replace(item, argument="a constant")
    return item
