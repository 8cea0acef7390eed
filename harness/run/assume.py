"""Choose sizes for the dimensions that nothing binds, so that a bare model can be measured at once.

Sizes are guessed by role (`harness.core.roles`) and checked by running the model
once. What was assumed is printed, recorded, and part of the case's key.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from typing import Any

from harness.build.arrays import stubs
from harness.build.reading import output_kinds, read_onnx
from harness.core.custom_ops import missing_domains
from harness.core.errors import CaseError, Failed, InputError
from harness.core.feeds import TEXT, ask_for_text, batch_dimensions, data_rows, dimension_names
from harness.core.inputs import Input
from harness.core.registry import closest
from harness.core.roles import BATCH, Unbound, unbound
from harness.measure.fit import first_fit

TRIES = 48
"""Combinations of sizes that are tried at most."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """Sizes that were chosen for a model."""

    sizes: Mapping[str, int]  # as `--shape` takes them; empty where nothing was left open
    axes: Mapping[str, Any] = field(default_factory=dict)  # axis -> the one value that the model takes

    @property
    def name(self) -> str:
        """What the value of the axis ``shapes`` is called in keys: ``assumed-48x320``."""
        return f"assumed-{'x'.join(map(str, self.sizes.values()))}"

    @property
    def what(self) -> str:
        """What was assumed: ``assumed: height=48 batch=1``."""
        chosen = {**self.sizes, **self.axes}
        return f"assumed: {' '.join(f'{name}={value}' for name, value in chosen.items())}"

    @property
    def line(self) -> str:
        """What was assumed, and which options set it."""
        options = [*(["--shape"] if self.sizes else []), *(f"--{axis}" for axis in self.axes)]
        return f"{self.what}; set with {' and '.join(options)}"


def assume(
    model: Path,
    bound: Mapping[str, int],
    *,
    batch_dim: str | None = None,
    data: str | None = None,
    custom_ops: Sequence[str] = (),
) -> Assumed:
    """Choose a size for every dimension of `model` that neither `bound` nor the batch gives.

    With `data` no sizes are chosen: it has them. Raises InputError where the file is no model, where its
    inputs and the data do not go together, where text is asked for, and where the model does not run at
    any size tried, with every dimension in the form that ``--shape`` takes.
    """
    if not model.is_file():
        return Assumed({})  # the plan says what is wrong with its name
    try:
        reading = read_onnx(model)
        inputs = reading.inputs
        axes = own_axes(inputs, output_kinds(model))
    except CaseError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{model}: cannot be read: {error.strerror or error}") from error
    if data and data.endswith(".npz") and Path(data).is_file():
        data_rows(data, stubs(Path(data)), inputs)
    left = () if data else open_dimensions(inputs, bound, batch_dim)
    if not data and (text := [item for item in inputs if item.dtype == TEXT]):
        raise InputError(f"{model}: {'; '.join(map(ask_for_text, text))}")
    _check_names(model, inputs, bound, batch_dim)
    if not left:
        return Assumed({}, axes)
    tried = candidates(left)
    fit = first_fit(
        model,
        inputs,
        [{**bound, **sizes} for sizes in tried],
        batch_dim=batch_dim,
        custom_ops=custom_ops,
    )
    if not fit.opened:
        why = fit.errors[-1]
        if reading.custom_domains:
            why = f"{missing_domains(reading.custom_domains, custom_ops)} ({why})"
        raise InputError(f"{model}: ONNX Runtime does not load it: {why}")
    if fit.chosen is None:
        flags = " ".join(f"--shape {shlex.quote(f'{item.name}={item.sizes[0]}')}" for item in left)
        raise InputError(
            f"{model}: no size is given for {', '.join(item.name for item in left)}, and none of "
            f"{len(fit.errors)} tried runs ({fit.why}); say them yourself, such as {flags}"
        )
    return Assumed(tried[fit.chosen], axes if fit.bindable else {**axes, "io": "run"})


def _check_names(
    model: Path, inputs: Sequence[Input], bound: Mapping[str, int], batch_dim: str | None
) -> None:
    """Raise InputError where a dimension is named that the model does not have."""
    known = [size for item in inputs for size in dimension_names(item, bound) if isinstance(size, str)]
    for flag, name in (*(("--shape", name) for name in bound), ("--batch-dim", batch_dim)):
        if name is not None and name not in known:
            raise InputError(f"{model}: {flag} {name}: no such dimension: {closest(name, known)}")


def own_axes(inputs: Sequence[Input], kinds: Iterable[str]) -> dict[str, Any]:
    """Return what the model leaves no choice of: its fixed batch, and calls without binding.

    Outputs that are no tensors (`kinds`: "sequence", "map", "optional") cannot be bound, nor can text.
    """
    axes: dict[str, Any] = {}
    first = [item.shape[0] for item in inputs if len(item.shape) > 1]
    whole = [size for size in first if isinstance(size, int) and size > 0]
    if whole and len(whole) == len(first) and whole[0] > 1:
        axes["batch"] = whole[0]
    if any(kind != "tensor" for kind in kinds) or any(item.dtype == TEXT for item in inputs):
        axes["io"] = "run"
    return axes


def open_dimensions(
    inputs: Sequence[Input], bound: Mapping[str, int], batch_dim: str | None = None
) -> tuple[Unbound, ...]:
    """Return the dimensions that neither `bound` nor the batch gives a size."""
    found = unbound(
        {item.name: item.shape for item in inputs},
        {item.name: item.dtype for item in inputs},
        bound,
    )
    driven = _driven(inputs, bound, batch_dim)
    # a sum follows from its parts
    return tuple(item for item in found if item.role != "sum" and not _is_batch(item, driven))


def _driven(
    inputs: Sequence[Input], bound: Mapping[str, int], batch_dim: str | None
) -> frozenset[str] | None:
    try:
        return batch_dimensions(inputs, bound, batch_dim)
    except Failed:
        return None


def _is_batch(item: Unbound, driven: frozenset[str] | None) -> bool:
    if driven is not None:
        return item.name in driven
    return item.role == BATCH.name and any(axis == 0 for _, axis in item.places)


def candidates(left: Sequence[Unbound]) -> list[dict[str, int]]:
    """Combine the sizes to try: the most plausible of each first, TRIES at most."""
    places = sorted(
        product(*(range(len(item.sizes)) for item in left)),
        key=lambda place: (sum(place), max(place, default=0)),
    )
    return [
        {item.name: item.sizes[index] for item, index in zip(left, place, strict=True)}
        for place in islice(places, TRIES)
    ]
