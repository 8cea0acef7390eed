"""Guess the size of a dimension that nothing binds, by its role: by its name, its neighbours and its input.

A guess is a list of candidates, the most plausible first: whoever runs the model
tries them in order. Nothing is guessed in silence: what was assumed is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

UNNAMED = frozenset({"", "?", "-1", "0", "unk", "None"})
"""Symbols that name nothing: each axis that carries one is a dimension of its own."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a dimension stands for, and the sizes that are tried for it."""

    name: str
    pattern: str  # found in the name, in any case
    sizes: tuple[int, ...]

    def found_in(self, text: str) -> bool:
        """Return whether a name speaks of this role."""
        return re.search(self.pattern, text, re.IGNORECASE) is not None  # compiled once, where it is asked


def _role(name: str, pattern: str, *sizes: int) -> Role:
    return Role(name, pattern, sizes)


BATCH = _role("batch", r"batch|^(n|b|bs|bsz)$|^num_?(samples|images)$", 1)
PAST = _role("past", r"past|cache|history", 0, 1, 16)
SEQUENCE = _role("sequence", r"seq|token|length|len$|^(s|l|t)$|words|text", 128, 512, 64, 32, 16, 8, 1)
SAMPLES = _role("samples", r"sample|audio|wave|signal|pcm", 16_000, 512, 576, 1_024, 1_536, 8_000, 48_000)
FRAMES = _role("frames", r"frame|time|step", 100, 200, 64, 16, 1_000, 1)
FEATURES = _role("features", r"feat|mel|freq|bins|hidden|dim$|embed", 80, 40, 64, 128, 256, 512)
HEIGHT = _role("height", r"height|^h$|rows|_h$", 224, 48, 320, 640, 256, 64, 32)
WIDTH = _role("width", r"width|^w$|cols|_w$", 224, 320, 640, 256, 64, 32)
CHANNELS = _role("channels", r"chan|^c$|depth", 3, 1, 4)
HEADS = _role("heads", r"head", 8, 12, 16, 4)
STATE = _role("state", r"state|hidden|cell|^[hc]_?\d*$", 1, 2)
CLASSES = _role("classes", r"class|label|categor", 2, 10, 1)
GRAPH = _role("graph", r"node|edge|atom|residue|bond|vert(ex|ices)|points", 16, 8, 32, 64, 1)
COUNT = _role("count", r"", 16, 8, 32, 64, 128, 1, 224, 512)
OTHER = _role("size", r"", 1, 8, 16, 32, 64, 128, 224)

ROLES = (BATCH, PAST, HEADS, CHANNELS, HEIGHT, WIDTH, SAMPLES, FRAMES, FEATURES, SEQUENCE, CLASSES, GRAPH)
"""Asked in this order."""

GENERIC = r"dim|unk|dynamic|axis|\d"
"""What an exporter calls a dimension that nobody named."""

IMAGE_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class Unbound:
    """A dimension that nothing binds: all axes of one name, or one axis without a name."""

    name: str  # as `--shape` takes it: the symbol, or ``input[axis]``
    role: str
    sizes: tuple[int, ...]  # candidates, the most plausible first
    places: tuple[tuple[str, int], ...]  # (input, axis)


def is_unnamed(shape: Sequence[int | str | None], axis: int) -> bool:
    """Return whether the size of an axis that is not fixed has no name of its own.

    A name that stands on axis 0 and on another one, of three or more, names unlike axes: the
    exporter was given one word for all that may vary.
    """
    size = shape[axis]
    if not isinstance(size, str) or size in UNNAMED:
        return True
    return len(shape) > 2 and shape[0] == size and shape.count(size) > 1


def unbound(
    shapes: Mapping[str, Sequence[int | str | None]],
    dtypes: Mapping[str, str],
    bound: Mapping[str, int] | None = None,
    weighted: Mapping[str, int] | None = None,
) -> tuple[Unbound, ...]:
    """Return every dimension of the inputs that has no size yet, with the sizes to try.

    `shapes` and `dtypes` are the inputs' (dtype as numpy names it); `bound` maps
    symbols or ``input[axis]`` to sizes, `weighted` those of ``input[axis]`` that a weight decides.
    """
    places: dict[str, list[tuple[str, int]]] = {}
    known = bound or {}
    for name, shape in shapes.items():
        for axis, size in enumerate(shape):
            if isinstance(size, int) and size > 0:
                continue
            place = f"{name}[{axis}]"
            symbol = place if is_unnamed(shape, axis) else str(size)
            if place not in known and symbol not in known:
                places.setdefault(symbol, []).append((name, axis))
    found: dict[str, Unbound] = {}
    for symbol, where in sorted(places.items(), key=lambda item: "+" in item[0]):
        name, axis = where[0]
        role, sizes = _guess(symbol, name, axis, shapes[name], dtypes[name])
        if shapes[name][axis] == 0:  # an exporter's word for open, or truly empty
            sizes = (*dict.fromkeys((*sizes, 0)),)
        decided = [(weighted or {}).get(f"{name}[{axis}]") for name, axis in where]
        sizes = next(((size,) for size in decided if size is not None), sizes)
        parts = [part.strip() for part in symbol.split("+")]
        if len(parts) > 1 and all(part.isdecimal() or part in found or part in known for part in parts):
            role, sizes = "sum", _sums(parts, found, known)
        found[symbol] = Unbound(symbol, role, sizes, tuple(where))
    return tuple(found.values())


def _sums(parts: Sequence[str], found: Mapping[str, Unbound], known: Mapping[str, int]) -> tuple[int, ...]:
    """Return the sizes of a dimension such as ``past + sequence``, one for each candidate of its parts."""
    sizes = [
        (int(part),) if part.isdecimal() else (known[part],) if part in known else found[part].sizes
        for part in parts
    ]
    tries = max(map(len, sizes))
    return tuple(sum(size[min(number, len(size) - 1)] for size in sizes) for number in range(tries))


def _guess(
    symbol: str, name: str, axis: int, shape: Sequence[int | str | None], dtype: str
) -> tuple[str, tuple[int, ...]]:
    """Return role and candidates of one dimension."""
    named = not symbol.endswith(f"[{axis}]")
    for role in ROLES if named else ():
        if role.found_in(symbol):
            return role.name, role.sizes
    if axis == 0:
        return BATCH.name, BATCH.sizes
    role = next(_by_neighbours(name, axis, shape, dtype), OTHER)
    if (
        named
        and role is SAMPLES
        and not SAMPLES.found_in(name)
        and not re.search(GENERIC, symbol, re.IGNORECASE)
    ):
        role = COUNT  # somebody gave it a name, and no sound has that one
    return role.name, role.sizes


def _by_neighbours(name: str, axis: int, shape: Sequence[int | str | None], dtype: str) -> Iterator[Role]:
    """Yield what an axis may be by its place among the others, by the input's name and type."""
    rank = len(shape)
    if PAST.found_in(name):
        yield PAST if axis == rank - 2 else HEADS if axis == 1 else FEATURES
    if STATE.found_in(name):
        yield STATE
    if rank == 4:
        last = shape[-1] in IMAGE_CHANNELS
        yield (HEIGHT, WIDTH, CHANNELS)[axis - 1] if last else (CHANNELS, HEIGHT, WIDTH)[axis - 1]
    if dtype.startswith(("int", "uint")):
        yield SEQUENCE
    if SAMPLES.found_in(name) or (rank == 2 and dtype.startswith("float") and axis == 1):
        yield SAMPLES
    if rank == 3:
        yield FRAMES if axis == 1 else FEATURES
