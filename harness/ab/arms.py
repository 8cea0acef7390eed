"""Match the cases of two arms: those that differ in nothing but the axes that were varied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.ab.model import Pair, Pairing
from harness.core.case import Case
from harness.core.conditions import spell
from harness.core.errors import InputError
from harness.core.suite import Plan


def pair_cases(base: Plan, head: Plan, varied: Iterable[str]) -> Pairing:
    """Match the cases of two plans by all axes but those `varied` (``model`` may be one of them).

    Raises InputError where an arm has several cases for one place, where no
    case has a partner, and where partners do not differ at all.
    """
    apart = frozenset(varied)
    ours, theirs = _places(base.cases, apart, "--base"), _places(head.cases, apart, "--head")
    pairs = tuple(
        Pair(_name(case, theirs[place], apart), case, theirs[place])
        for place, case in ours.items()
        if place in theirs
    )
    if not pairs:
        raise InputError(_no_pairs(base, head, apart))
    if same := [pair for pair in pairs if pair.base == pair.head]:
        raise InputError(f"{same[0].base.key} is the same in both arms: let --base and --head differ")
    return Pairing(
        pairs=pairs,
        only_base=tuple(case.key for place, case in ours.items() if place not in theirs),
        only_head=tuple(case.key for place, case in theirs.items() if place not in ours),
        skipped={skip.case.key: skip.because for plan in (base, head) for skip in plan.skips},
    )


Place = tuple[tuple[str, Any], ...]


def _places(cases: Sequence[Case], apart: frozenset[str], flag: str) -> dict[Place, Case]:
    places: dict[Place, Case] = {}
    for case in cases:
        place = tuple((axis, value) for axis, value in case.axes.items() if axis not in apart)
        if place in places:
            axis = next(axis for axis in apart if case.axes[axis] != places[place].axes[axis])
            values = " and ".join(spell(each.axes[axis]) for each in (places[place], case))
            raise InputError(f"{flag} has {axis} {values} for one case: add {flag} {axis}=VALUE")
        places[place] = case
    return places


def _name(base: Case, head: Case, apart: frozenset[str]) -> str:
    """Name what the arms have in common, as keys do; of two models, both."""
    models = dict.fromkeys(case.artifact.model.name for case in (base, head))
    levels = base.key.split("/")[1:]
    shared = [
        f"{axis}={value}"
        for axis, value in base.axes.items()
        if axis not in apart and f"{axis}={value}" in levels
    ]
    return "/".join(["->".join(models), *shared])


def _no_pairs(base: Plan, head: Plan, apart: frozenset[str]) -> str:
    for flag, plan in (("--base", base), ("--head", head)):
        if not plan.cases and plan.skips:
            return f"{flag}: the suite skips {plan.skips[0].case.key}: {plan.skips[0].because}"
    keys = " and ".join(plan.cases[0].key if plan.cases else "none" for plan in (base, head))
    axes = ", ".join(sorted(apart))
    return f"no case has a partner: the arms may differ in {axes} only, and are, for one, {keys}"
