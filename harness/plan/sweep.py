"""A suite with its axes and rules: all that the expansion needs, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import Any, Literal

from harness.core.case import DEFAULTS, Model, shown
from harness.core.conditions import fits, spell
from harness.core.errors import InputError
from harness.core.plugins import EXPORTERS
from harness.core.registry import closest
from harness.core.suite import Suite
from harness.plan.document import KeyPath, shorten
from harness.plan.override import option_of
from harness.plan.schema import SuiteSchema
from harness.plan.when import CONDITION_AXES, condition

Values = Mapping[str, Mapping[str, tuple[Any, ...]]]
"""Model -> axis -> values."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, and what becomes of the cells that meet it.

    skip: they are left out; only: a cell must meet one of these; filter: a
    cell must meet every one of these; mention: nothing, some part of the suite
    speaks of them.
    """

    purpose: Literal["skip", "only", "filter", "mention"]
    when: Mapping[str, Sequence[str]]
    written: KeyPath  # where it is in the suite
    because: str = ""  # a skip's reason, a filter's text


@dataclass(frozen=True, slots=True)
class Sweep:
    """A suite, the values of every axis by model, and the rules."""

    suite: Suite
    file: str  # what messages call it
    values: Values
    rules: tuple[Rule, ...]
    custom_ops: tuple[str, ...] = ()  # libraries that every session registers


def sweep(schema: SuiteSchema, file: str, name: str, path: str, text: str) -> Sweep:
    """Turn a checked suite into the nouns that the loops use."""
    models = tuple(item.model(key) for key, item in schema.models.items())
    values = {model.name: _values(schema, model) for model in models}
    suite = Suite(
        name=schema.name or name,
        path=path,
        models=models,
        sampling=schema.sampling.sampling(),
        measure=schema.measure.measure(schema.strict_provider),
        gates=tuple(gate.gate() for gate in schema.gates),
        baseline=_typed(schema.baseline, values),
        text=text,
        description=schema.description,
    )
    return Sweep(suite, file, values, tuple(_rules(schema)), schema.session.custom_ops or ())


def unknown_values(rule: Rule, values: Values) -> Iterator[tuple[str, str]]:
    """Give the axes of `rule` with a value that no model takes, and say so: it could never match."""
    for axis, wanted in rule.when.items():
        known = _known(axis, values)
        for pattern in wanted:
            if not any(fits(text, (pattern,)) for text in known):
                yield axis, f"no cell has {axis} {shorten(repr(pattern))}: {closest(pattern, known)}"


def filters(only: Sequence[str]) -> Iterator[Rule]:
    """Read ``axis=value[,value]``: one rule an axis. Raises InputError."""
    wanted: dict[str, list[str]] = {}
    written: dict[str, list[str]] = {}
    for text in only:
        axis, _, values = text.partition("=")
        flag = option_of(text, "--only")
        if not all(values.split(",")):
            raise InputError(f"{flag}: expected AXIS=VALUE[,VALUE] such as batch=1,8")
        if axis not in CONDITION_AXES:
            raise InputError(f"{flag}: unknown axis {shorten(repr(axis))}: {closest(axis, CONDITION_AXES)}")
        wanted.setdefault(axis, []).extend(values.split(","))
        written.setdefault(axis, []).append(text)
    for axis, texts in wanted.items():
        of_one = written[axis][0] if len(written[axis]) == 1 else f"{axis}={','.join(texts)}"
        yield Rule("filter", condition({axis: texts}), (), option_of(of_one, "--only"))


def _known(axis: str, values: Values) -> dict[str, Any]:
    """Give every value that `axis` takes in any model, by its text."""
    if axis == "model":
        return {model: model for model in values}
    taken = [shown(axis, value) for model in values.values() for value in model[axis]]
    return {spell(value): value for value in taken}


def _values(schema: SuiteSchema, model: Model) -> dict[str, tuple[Any, ...]]:
    """Give the values of every axis for `model`: its own, else the suite's, else the default."""
    defaults = {axis: (default,) for axis, default in DEFAULTS.items()}
    values: dict[str, tuple[Any, ...]] = {**defaults, **schema.axes, **schema.models[model.name].axes}
    if model.source.kind == "torch":
        values["exporter"] = tuple(exporter or next(iter(EXPORTERS)) for exporter in values["exporter"])
    return values


def _typed(point: Mapping[str, str], values: Values) -> dict[str, Any]:
    """Write a point's texts as the values that `Case.axes` holds."""
    return {axis: _known(axis, values).get(text, text) for axis, text in point.items()}


def _rules(schema: SuiteSchema) -> Iterator[Rule]:
    for index, skip in enumerate(schema.skip):
        yield Rule("skip", skip.when, ("skip", index, "when"), skip.because)
    for index, only in enumerate(schema.only):
        yield Rule("only", only, ("only", index))
    for index, gate in enumerate(schema.gates):
        yield Rule("mention", gate.case, ("gates", index, "case"))
    yield Rule("mention", {axis: (escape(text),) for axis, text in schema.baseline.items()}, ("baseline",))
