"""Plan both arms of an A/B: of one suite or model file with settings of each arm, or of two files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path

from harness.ab.arms import pair_cases
from harness.ab.model import Pairing
from harness.core.conditions import spell
from harness.core.errors import InputError, SuiteError
from harness.core.suite import Plan, Suite
from harness.install import newest
from harness.plan.override import Setting
from harness.run.job import Newest, resolve_rolling_runtimes

Point = Mapping[str, str]
"""Axis -> value, of one arm."""

Planner = Callable[[Sequence[str], Sequence[str]], Plan]
"""Make a plan out of overrides and filters."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Both arms, planned and matched: what `harness.ab.job.run_ab` takes."""

    pairing: Pairing
    suite: Suite  # with the models of both arms
    base: Point  # what each arm is called
    head: Point
    memory: bool = True  # whether both measure it


def plan_arms(
    models: Sequence[Path],
    base: Point,
    head: Point,
    planner: Callable[[Path], Planner],
    newest: Newest = newest,
) -> Arms:
    """Plan both arms and match their cases; `planner` gives how plans of a suite or file are made.

    `models` is one suite or model file, or two files. Raises InputError.
    """
    varied = _varied(models, {"--base": base, "--head": head})
    files = {"--base": (models[0], base), "--head": (models[-1], head)}
    whole = [_plan(flag, point, planner(path)) for flag, (path, point) in files.items()]
    plans = [resolve_rolling_runtimes(plan, newest) for plan in whole]
    return Arms(
        pair_cases(plans[0], plans[1], varied),
        _join(*plans),
        _named(models[0], models, base),
        _named(models[-1], models, head),
        all(plan.suite.measure.wants("memory") for plan in plans),
    )


def _varied(models: Sequence[Path], points: Mapping[str, Point]) -> set[str]:
    """Name the axes in which the arms may differ. Raises InputError where there is nothing to differ in."""
    varied = {axis for point in points.values() for axis in point}
    same = points["--base"] == points["--head"]
    if len(models) == 2:
        if same and models[0].resolve() == models[1].resolve():
            raise InputError(f"{models[0]} is named twice: there is nothing to compare")
        return {*varied, "model"}
    if same:
        raise InputError(
            "nothing differs: name two model files, or what each arm is, such as --head graph_opt=basic"
        )
    return varied


def _plan(flag: str, point: Point, make: Planner) -> Plan:
    """Make one arm's plan: of the suite's own values where it has them, else with others put in.

    Raises InputError, whose messages name the option of the arm.
    """
    whole = make((), ())
    overrides: list[Setting] = []
    only: list[Setting] = []
    for axis, value in point.items():
        known = {spell(case.axes[axis]) for case in (*whole.cases, *(skip.case for skip in whole.skips))}
        option = f"{flag} {axis}={value}"
        if axis == "model" or value in known:
            only.append(Setting(f"{axis}={escape(value)}", option))
        else:
            names = (model.name for model in whole.suite.models)
            overrides += [Setting(f"models.{name}.axes.{axis}={value}", option) for name in names]
    if not overrides and not only:
        return whole
    try:
        return make(overrides, only)
    except SuiteError as error:  # the same of every model, and the key is one that nobody wrote
        options = {setting.option for setting in overrides}
        found = [replace(item, key="") if item.path in options else item for item in error.problems]
        raise SuiteError(tuple(dict.fromkeys(found))) from error


def _join(base: Plan, head: Plan) -> Suite:
    """Return one suite with the models of both arms."""
    return replace(base.suite, models=tuple(dict.fromkeys((*base.suite.models, *head.suite.models))))


def _named(model: Path, models: Sequence[Path], point: Point) -> Point:
    """Name an arm: its axes, and its file where there are two."""
    return {**({"model": str(model)} if len(models) == 2 else {}), **point}
