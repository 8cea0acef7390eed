"""Choose sizes for the dimensions that nothing binds, so that a bare model can be measured at once.

Sizes are guessed by role (`harness.core.roles`) and checked by running the model
once. What was assumed is printed, recorded, and part of the case's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from harness.build import files
from harness.build.arrays import stubs
from harness.build.hints import arguments
from harness.build.reading import kinds_of, read_model
from harness.build.uses import stale_outputs
from harness.core.custom_ops import missing_domains
from harness.core.errors import CaseError, Failed, InputError
from harness.core.feeds import (
    TEXT,
    ask_for_argument,
    ask_for_rank,
    ask_for_text,
    batch_dimensions,
    data_rows,
    dimension_names,
    fixed_size,
    guesses,
    is_open,
    needs_value,
    with_overrides,
    wrong_values,
)
from harness.core.form import Form, spell_fill
from harness.core.inputs import Fill, Input, is_picture
from harness.core.registry import closest
from harness.core.roles import Unbound
from harness.measure.fit import first_fit

TRIES = 48
"""Combinations of sizes and values that are tried at most."""

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Assumed:
    """Sizes and values that were chosen for a model."""

    sizes: Mapping[str, int]  # as `--shape` takes them; empty where nothing was left open
    axes: Mapping[str, Any] = field(default_factory=dict)  # axis -> the one value that the model takes
    fills: Mapping[str, Fill] = field(default_factory=dict)  # of inputs that are arguments

    @property
    def name(self) -> str:
        """What the value of the axis ``shapes`` is called in keys: ``assumed-48x320``."""
        return f"assumed-{'x'.join(map(str, self.sizes.values()))}"

    @property
    def what(self) -> str:
        """What was assumed: ``assumed: height=48 batch=1``."""
        chosen = {**self.sizes, **{name: spell_fill(fill) for name, fill in self.fills.items()}, **self.axes}
        return f"assumed: {' '.join(f'{name}={value}' for name, value in chosen.items())}"

    def line(self, form: Form = Form.COMMAND) -> str:
        """What was assumed, and how to say the same in `form`, as a shell or Python takes it."""
        parts = [form.shapes(self.sizes)] if self.sizes else []
        parts += [form.fills(self.fills)] if self.fills else []
        parts += [form.axis(axis, value) for axis, value in self.axes.items()]
        return f"{self.what}; set with {(', ' if form is Form.PYTHON else ' ').join(parts)}"

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """What was assumed of values, as a suite has it under ``inputs``."""
        plain = {name: list(fill) if isinstance(fill, tuple) else fill for name, fill in self.fills.items()}
        return {name: {"fill": fill} for name, fill in plain.items()}


def assume(
    model: Path,
    bound: Mapping[str, int],
    *,
    batch_dim: str | None = None,
    data: str | None = None,
    custom_ops: Sequence[str] = (),
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    form: Form = Form.COMMAND,
) -> Assumed:
    """Choose a size for every dimension of `model` that neither `bound` nor the batch gives.

    An input that is an operator's argument (a Reshape's shape) is given values in the same way, unless
    `inputs` has some. With `data` nothing is chosen: it has the sizes. Raises InputError where the file is
    no model or its external data is not there, where inputs and data do not go together, where
    text is asked for, and where the model does not run at anything tried, with every dimension and value
    as `form` takes it.
    """
    if not model.is_file():
        return Assumed({})  # the plan says what is wrong with its name
    try:
        parsed = files.parse(model)
        files.check_data(model, parsed)
        reading = read_model(parsed)
        own = [item.name for item in reading.inputs]
        if strange := sorted(set(inputs or {}) - set(own)):
            asked = f"{form.flag('fill')} {strange[0]}"
            raise InputError(f"{model}: {asked}: no such input: {closest(strange[0], own)}")
        known = with_overrides(reading.inputs, inputs or {})
        axes = own_axes(known, kinds_of(parsed))
        if stale_outputs(parsed):  # a second call would be refused the first one's output
            axes["io"] = "run"
    except CaseError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{model}: cannot be read: {error.strerror or error}") from error
    if data and data.endswith(".npz") and Path(data).is_file():
        data_rows(data, stubs(Path(data)), known)
    shapeless = [] if data else [item for item in known if is_open(item, bound)]
    left = () if data else open_dimensions(known, bound, batch_dim)
    if not data and (text := [item for item in known if item.dtype == TEXT]):
        raise InputError(f"{model}: {'; '.join(ask_for_text(item, form) for item in text)}")
    _check_names(model, known, bound, batch_dim, form)
    if wrong := wrong_values(known, bound):
        raise InputError(f"{model}: {wrong}")
    free = [item for item in known if item.argument and item.name not in (inputs or {})]
    if unknown := [item for item in free if needs_value(item)]:
        raise InputError(f"{model}: {'; '.join(ask_for_argument(item, form=form) for item in unknown)}")
    if data or not (left or free or shapeless):
        return Assumed({}, axes)
    tries = arguments(reading.inputs, parsed) if free else {}
    given = [(item.name, tries[item.name]) for item in free]
    sizes: list[dict[str, int]] = []
    fills: list[dict[str, Fill]] = []
    for axes_of in _ranks(shapeless):
        shaped = [
            replace(item, shape=axes_of[item.name], unranked=False) if item.name in axes_of else item
            for item in known
        ]
        left = open_dimensions(shaped, bound, batch_dim)
        chosen, values = combined([(item.name, item.sizes) for item in left], given)
        sole = {f"{name}[0]": 1 for name, shape in axes_of.items() if len(shape) == 1}
        alone = [item for item in shapeless if not axes_of[item.name]]
        scalars = {item.name: _number(item, place) for place, item in enumerate(alone, 1)}
        sizes += [{**sole, **items} for items in chosen]
        fills += [{**scalars, **items} for items in values]
    fit = first_fit(
        model,
        known,
        [{**bound, **chosen} for chosen in sizes],
        fills=fills,
        batch_dim=batch_dim,
        custom_ops=custom_ops,
    )
    if not fit.opened:
        why = fit.errors[-1]
        if reading.custom_domains:
            why = f"{missing_domains(reading.custom_domains, custom_ops, form)} ({why})"
        raise InputError(f"{model}: ONNX Runtime does not load it: {why}")
    if fit.chosen is None and shapeless:
        asked = "; ".join(ask_for_rank(item, form) for item in shapeless)
        raise InputError(f"{model}: {asked} (none of {len(fit.errors)} tried runs: {fit.why})")
    if fit.chosen is None and free:
        why = f"none of {len(fit.errors)} tried runs ({fit.why})"
        raise InputError(f"{model}: {'; '.join(ask_for_argument(item, why, form) for item in free)}")
    if fit.chosen is None:
        raise InputError(
            f"{model}: no size is given for {', '.join(item.name for item in left)}, and none of "
            f"{len(fit.errors)} tried runs ({fit.why}); say them yourself, such as "
            f"{form.shapes({item.name: item.sizes[0] for item in left})}"
        )
    axes = axes if fit.bindable else {**axes, "io": "run"}
    return Assumed(sizes[fit.chosen], axes, fills[fit.chosen])


RANKS = (2, 3, 4, 1, 0)
"""Numbers of axes that are tried of an input without a shape; without axes it is one number."""

MOST_RANKS = 16
"""Combinations of them, where several inputs have no shape."""


def _ranks(shapeless: Sequence[Input]) -> Iterator[dict[str, tuple[None, ...]]]:
    """Yield what is tried of inputs without a shape: axes by input; once nothing where all have one.

    The last of several inputs, all behind the first, are numbers in the end: limits, a scale, a switch.
    """
    names = [item.name for item in shapeless]
    ranks = sorted(product(RANKS, repeat=len(names)), key=lambda ranks: sum(map(RANKS.index, ranks)))
    numbers = [(rank, *[0] * (len(names) - 1)) for rank in RANKS if len(names) > 1]
    for chosen in dict.fromkeys((*ranks[:MOST_RANKS], *numbers)):
        yield {name: (None,) * rank for name, rank in zip(names, chosen, strict=True)}


def _number(item: Input, place: int) -> Fill:
    """Return a value for an input that is one number: the least that its use allows, else its place.

    Places rise from 1, so that of two limits the second is the larger one.
    """
    return place if item.low is None else item.low


def _check_names(
    model: Path,
    inputs: Sequence[Input],
    bound: Mapping[str, int],
    batch_dim: str | None,
    form: Form,
) -> None:
    """Raise InputError where a dimension is named that the model does not have."""
    known = [size for item in inputs for size in dimension_names(item, bound) if isinstance(size, str)]
    known += [f"{item.name}[0]" for item in inputs if is_open(item, bound)]
    named = [*(("shapes" if form is Form.PYTHON else "--shape", name) for name in bound)]
    for flag, name in (*named, (form.flag("batch_dim"), batch_dim)):
        if name is not None and name not in known:
            if fixed := fixed_size(name, inputs, form):
                raise InputError(f"{model}: {flag} {name}: {fixed}")
            raise InputError(f"{model}: {flag} {name}: no such dimension: {closest(name, known)}")


def own_axes(inputs: Sequence[Input], kinds: Iterable[str]) -> dict[str, Any]:
    """Return what the model leaves no choice of: its fixed batch, and calls without binding.

    Outputs that are no tensors (`kinds`: "sequence", "map", "optional") cannot be bound, nor can text.
    """
    axes: dict[str, Any] = {}
    first = [item.shape[0] for item in inputs if len(item.shape) > 1 and not is_picture(item.shape)]
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
    found = guesses(inputs, bound)
    try:
        driven = batch_dimensions(inputs, bound, batch_dim)
    except Failed:
        driven = frozenset()  # several that might be: each is given a size, 1 before all
    ranks = {f"{item.name}[0]": item for item in inputs if item.argument and len(item.shape) == 1}
    found = tuple(replace(item, sizes=_lengths(item, ranks, inputs)) for item in found)
    # a sum follows from its parts
    return tuple(item for item in found if item.role != "sum" and item.name not in driven)


def _lengths(item: Unbound, ranks: Mapping[str, Input], inputs: Sequence[Input]) -> tuple[int, ...]:
    """Return the sizes to try for a dimension: those of a vector of values follow from the values."""
    name, axis = item.places[0]
    argument = ranks.get(f"{name}[{axis}]")
    if argument is None:
        return item.sizes
    fill = argument.fill
    ranked = [len(other.shape) for other in inputs if not other.argument]
    return (len(fill), 0) if isinstance(fill, list | tuple) else (*ranked[:1], 1, 2, 4, 0)


def combined(
    sizes: Sequence[tuple[str, Sequence[int]]], fills: Sequence[tuple[str, Sequence[Fill]]] = ()
) -> tuple[list[dict[str, int]], list[dict[str, Fill]]]:
    """Combine what is tried of each name: the most plausible of each first, TRIES at most.

    Returns the sizes of each try, and the values.
    """
    counts = [len(tries) for _, tries in (*sizes, *fills)]
    ranked = sorted(product(*map(range, counts)), key=lambda place: (sum(place), max(place, default=0)))
    places, split = ranked[:TRIES], len(sizes)
    return (
        [_picked(sizes, place[:split]) for place in places],
        [_picked(fills, place[split:]) for place in places],
    )


def _picked(choices: Sequence[tuple[str, Sequence[Choice]]], place: Sequence[int]) -> dict[str, Choice]:
    return {name: tries[index] for (name, tries), index in zip(choices, place, strict=True)}
