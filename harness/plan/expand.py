"""Multiply the axes out into cases.

Artifacts, sessions and loads are made once and shared by the cases. A rule is
a bit: an axis value knows, as one integer, the rules that it does not
contradict, and a cell meets the rules whose bits survive in all of its values.
So rules cost next to nothing a cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial, reduce
from itertools import product
from math import prod
from operator import and_
from typing import Any, Literal, TypeVar

from harness.core.case import CURRENT, FP32, NO_CONVERTER, PARTS, Artifact, Case, Load, Session, freeze, shown
from harness.core.conditions import fits
from harness.core.errors import Problem, SuiteError
from harness.core.plugins import SOURCES
from harness.core.suite import Plan, Skip
from harness.core.tools import TOOLS
from harness.plan.sweep import Rule, Sweep

MAX_CELLS = 1_000_000

Values = Mapping[str, tuple[Any, ...]]
Part = type[Artifact | Session | Load]
P = TypeVar("P", Artifact, Session, Load)


@dataclass(frozen=True, slots=True)
class Expansion:
    """The plan, and the rules that met no cell at all."""

    plan: Plan
    unmet: tuple[Rule, ...]


def expand(sweep: Sweep) -> Expansion:
    """Make every cell, grouped by artifact, then session, then load.

    Raises SuiteError where there are too many, or where two have the same key.
    """
    _refuse_giants(sweep)
    rules = _Rules(sweep.rules)
    parts = cache(partial(_parts, rules))  # models that take the same values share sessions and loads
    make_session = partial(Session, custom_ops=freeze(list(sweep.custom_ops)))
    cases: list[Case] = []
    skips: list[Skip] = []
    met = 0
    for model in sweep.suite.models:
        values = sweep.values[model.name]
        of_model = rules.bits("model", model.name)
        artifacts = parts(partial(Artifact, model), Artifact, _taken(Artifact, values))
        sessions = parts(make_session, Session, _taken(Session, values))
        loads = parts(Load, Load, _taken(Load, values))
        for artifact, of_artifact in artifacts:
            automatic = _cannot_export(artifact)
            for (session, of_session), (load, of_load) in product(sessions, loads):
                bits = of_model & of_artifact & of_session & of_load
                met |= bits
                if not rules.keep(bits):
                    continue
                case = Case(artifact, session, load)
                if because := automatic or rules.because(bits):
                    skips.append(Skip(case, because))
                else:
                    cases.append(case)
    _refuse_equal_keys(sweep, cases, skips)
    return Expansion(Plan(sweep.suite, tuple(cases), tuple(skips)), rules.unmet(met))


class _Rules:
    """Rules as bits of an integer, the first rule the lowest."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._skip = self._mask("skip")
        self._only = self._mask("only")
        self._filter = self._mask("filter")

    def bits(self, axis: str, value: Any) -> int:
        """Give the rules that `value` on `axis` does not contradict."""
        bits = 0
        for bit, rule in enumerate(self._rules):
            if axis not in rule.when or fits(value, rule.when[axis]):
                bits |= 1 << bit
        return bits

    def keep(self, bits: int) -> bool:
        """Return whether the filters keep a cell that meets the rules `bits`."""
        return (not self._only or bits & self._only != 0) and bits & self._filter == self._filter

    def because(self, bits: int) -> str:
        """Give the reason of the first skip rule in `bits`, or nothing."""
        skip = bits & self._skip
        return self._rules[(skip & -skip).bit_length() - 1].because if skip else ""

    def unmet(self, met: int) -> tuple[Rule, ...]:
        """Give the rules that are not in `met`."""
        return tuple(rule for bit, rule in enumerate(self._rules) if not met >> bit & 1)

    def _mask(self, purpose: Literal["skip", "only", "filter"]) -> int:
        return sum(1 << bit for bit, rule in enumerate(self._rules) if rule.purpose == purpose)


def _parts(
    rules: _Rules, make: Callable[..., P], part: Part, values: tuple[tuple[Any, ...], ...]
) -> list[tuple[P, int]]:
    """Make one part of every case: the product of the axes that set it, each with the rules it may meet."""
    axes = PARTS[part]
    choices = [
        [(value, rules.bits(axis, shown(axis, value))) for value in taken]
        for axis, taken in zip(axes, values, strict=True)
    ]
    made = []
    for chosen in product(*choices):
        bits = reduce(and_, (of_value for _, of_value in chosen))
        made.append((make(**{axis: value for axis, (value, _) in zip(axes, chosen, strict=True)}), bits))
    return made


def _taken(part: Part, values: Values) -> tuple[tuple[Any, ...], ...]:
    return tuple(values[axis] for axis in PARTS[part])


def _cannot_export(artifact: Artifact) -> str:
    """Return why an exporter, a converter or a quantizer makes no sense here; empty where it does."""
    kind, name = artifact.model.source.kind, artifact.model.name
    if artifact.quantizer != CURRENT and artifact.precision == FP32:
        return f"a quantizer converts to a precision: {name} is asked for in fp32"
    if kind not in SOURCES.builtin:
        return ""
    if artifact.exporter is not None and kind != "torch":
        return f"an exporter needs a torch source: {name} is {kind}"
    if artifact.converter == NO_CONVERTER:
        return ""
    if kind not in TOOLS:
        return f"a converter needs a source that one converts: {name} is {kind}"
    own, asked = TOOLS[kind].distribution, artifact.converter.kind.partition("==")[0]
    return "" if own == asked else f"{name} is {kind}, which {own} converts, not {asked}"


def _refuse_equal_keys(sweep: Sweep, cases: Sequence[Case], skips: Sequence[Skip]) -> None:
    """Refuse two cells of one key: a trend could not separate them."""
    counts = Counter(case.key for case in cases)
    counts.update(skip.case.key for skip in skips)
    repeated = [key for key, count in counts.items() if count > 1]
    if repeated:
        message = f"two cells have the key {repeated[0]!r}: two values of an axis mean the same"
        raise SuiteError([Problem(sweep.file, None, "axes", message)])


def _refuse_giants(sweep: Sweep) -> None:
    cells = sum(prod(len(taken) for taken in values.values()) for values in sweep.values.values())
    if cells > MAX_CELLS:
        message = f"the axes come to {cells} cells: at most {MAX_CELLS}, so take values or models out"
        raise SuiteError([Problem(sweep.file, None, "axes", message)])
