"""Measure from Python, and load what is stored: each as the command of that name, through the same runner."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.ab.model import ASKED, ABSettings, choose_budget, split_metrics
from harness.core.case import AXES
from harness.core.conditions import spell
from harness.core.errors import InputError, NotFoundError
from harness.core.form import Form
from harness.core.inputs import Fill
from harness.core.registry import closest
from harness.results.model import Results
from harness.results.progress import choose_listener
from harness.results.verdict import Verdict

if TYPE_CHECKING:
    from harness.ab.plans import Planner
    from harness.core.suite import Plan
    from harness.explain.model import Explanations, OutputsExplanation, TimeExplanation
    from harness.profile.model import Profiles

AxisValue = str | int | Mapping[str, Any]
"""One value of an axis: ``8``, ``"int8_static"``, or a mapping as a suite has it."""

PathLike = str | os.PathLike[str]

SUITES = (".yaml", ".yml")


def sweep(
    model: PathLike,
    *,
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    fill: Mapping[str, Fill] | None = None,
    output: str | None = None,
    seconds: float | None = None,
    processes: int | None = None,
    overrides: Sequence[str] = (),
    results: PathLike = "results",
    cache: PathLike | None = None,
    resume: bool = False,
    progress: bool = True,
    **axes: AxisValue | Sequence[AxisValue],
) -> Results:
    """Measure the file `model` over the product of `axes`, as ``harness sweep`` does.

    ``sweep("m.onnx", batch=[1, 8], precision=["fp32", "int8_static"])``. `data` is a catalogue
    name or an .npz file with an array for each input; `shapes` binds symbolic dimensions; `fill`
    gives the values of inputs that are no data (``{"shape": [1, -1]}``);
    `seconds` of timed calls (1) in each of `processes` fresh workers (1) a case; `overrides`
    are ``key=value`` of a suite. Relative paths are of the current folder. A case that fails
    is a record with its status and reason, never an exception. Ctrl-C keeps what was measured:
    the same call with `resume` measures the rest. Raises InputError, StoreError.
    """
    from harness.run.model_file import plan_model_file

    if strange := [axis for axis in axes if axis not in AXES]:
        raise InputError(f"sweep: unknown axis {strange[0]!r}: {closest(strange[0], AXES)}")
    plan, assumed = plan_model_file(
        Path(model),
        {axis: _listed(values) for axis, values in axes.items()},
        data=data,
        shapes=shapes,
        inputs=_inputs(fill),
        output=output,
        sampling={"seconds": seconds, "processes": processes},
        overrides=overrides,
        form=Form.PYTHON,
    )
    _log(assumed)
    return _measure(plan, results, cache, resume, progress)


def run(
    suite: PathLike,
    *,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    results: PathLike = "results",
    cache: PathLike | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Results:
    """Measure every case of `suite`, a YAML file or the name of a starter suite, as ``harness run`` does.

    `overrides` are ``key=value``, `only` are ``axis=value[,value]``. See `sweep` for the rest.
    """
    from harness.plan import plan

    return _measure(plan(Path(suite), overrides, only), results, cache, resume, progress)


def ab(
    a: PathLike,
    b: PathLike | None = None,
    *,
    base: Mapping[str, str | int] | None = None,
    head: Mapping[str, str | int] | None = None,
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    fill: Mapping[str, Fill] | None = None,
    batch: int | Sequence[int] | None = None,
    min_effect: float = 0.01,
    alpha: float = 0.01,
    budget_s: float | None = None,
    see: float | None = None,
    metrics: Sequence[str] = ABSettings().metrics,
    seed: int | None = None,
    results: PathLike = "results",
    cache: PathLike | None = None,
    progress: bool = True,
) -> Verdict:
    """Compare the files `a` (BASE) and `b` (HEAD) by an interleaved A/B, as ``harness ab`` does.

    Or two settings of one file or suite: ``ab("m.onnx", base={"graph_opt": "disable"},
    head={"graph_opt": "all"})``. `data`, `shapes`, `fill` and `batch` are for files. `min_effect` is
    the least change of interest and `alpha` the chance of a false regression in the job, both
    ratios; `budget_s` seconds of blocks a case (None: as many as `see`, the change that is to be
    visible, takes, up to a cap; with `see` it is the cap); `metrics` are what to decide on.
    Ctrl-C gives the verdict on what is known by then. Raises InputError, StoreError.
    """
    from harness.ab.job import run_ab
    from harness.ab.plans import plan_arms

    if not 0 <= min_effect < 1 or not 0 < alpha < 1:
        raise InputError("ab: min_effect and alpha are ratios below 1, such as 0.01")
    if see is not None and not min_effect < see < 1:
        raise InputError("ab: see is a ratio above min_effect, such as 0.02")
    budget = choose_budget(budget_s, see)
    if strange := [name for name in metrics if name not in ASKED]:
        raise InputError(f"ab: metrics: {closest(strange[0], ASKED)}, not {strange[0]!r}")
    models = [Path(path) for path in (a, b) if path is not None]
    planner = _Planner(data, shapes, fill, {} if batch is None else {"batch": _listed(batch)})
    arms = plan_arms(models, _point("base", base), _point("head", head), planner)
    chosen = secrets.randbelow(2**32) if seed is None else seed
    result = run_ab(
        arms.pairing,
        arms.suite,
        ABSettings(
            min_effect,
            alpha,
            budget.budget_s,
            chosen,
            *split_metrics(metrics),
            see=budget.see,
            most_s=budget.most_s,
        ),
        Path(results).absolute(),
        _cache(cache),
        base=arms.base,
        head=arms.head,
        listener=choose_listener(progress),
    )
    return Verdict(result)


def explain(
    a: PathLike,
    b: PathLike | None = None,
    *,
    base: Mapping[str, str | int] | None = None,
    head: Mapping[str, str | int] | None = None,
    outputs: bool = False,
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    fill: Mapping[str, Fill] | None = None,
    batch: int | Sequence[int] | None = None,
    regions: int = 3,
    budget_s: float | None = None,
    results: PathLike = "results",
    cache: PathLike | None = None,
    progress: bool = True,
) -> Explanations[TimeExplanation] | Explanations[OutputsExplanation]:
    """Explain why `b` (HEAD) differs from `a` (BASE), or two settings of one, as ``harness explain`` does.

    Arms as of `ab`. With `outputs`, where the numbers part, else where the time goes: `regions` of each
    case are proven. `budget_s` is of blocks for each region (10), or of a case (60). Raises InputError,
    StoreError.
    """
    from harness.ab.plans import plan_arms
    from harness.explain.job import ProofSettings, times
    from harness.explain.job import outputs as explain_outputs

    models = [Path(path) for path in (a, b) if path is not None]
    planner = _Planner(data, shapes, fill, {} if batch is None else {"batch": _listed(batch)})
    arms = plan_arms(models, _point("base", base), _point("head", head), planner)
    how = {"base": arms.base, "head": arms.head, "listener": choose_listener(progress)}
    if outputs:
        spent_s = 60.0 if budget_s is None else budget_s
        return explain_outputs(arms.pairing, arms.suite, _cache(cache), budget_s=spent_s, **how)  # type: ignore[arg-type]
    spent_s = 10.0 if budget_s is None else budget_s
    proof = ProofSettings(regions=regions, budget_s=spent_s, seed=secrets.randbelow(2**32))
    return times(arms.pairing, arms.suite, Path(results).absolute(), _cache(cache), proof, **how)  # type: ignore[arg-type]


def profile(
    model: PathLike,
    *,
    by: str = "node",
    roofs: str = "kept",
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    fill: Mapping[str, Fill] | None = None,
    only: Sequence[str] = (),
    overrides: Sequence[str] = (),
    results: PathLike = "results",
    cache: PathLike | None = None,
    progress: bool = True,
    **axes: AxisValue | Sequence[AxisValue],
) -> Profiles:
    """Profile a model file, over the product of `axes`, or a suite, as ``harness profile`` does.

    A row is a node, an operator or a region (`by`); `roofs` are those kept, measured again or none. `data`,
    `shapes`, `fill` and `axes` are for files. `frame()` of what comes back is a row each, `profiles` has all
    of it, and `missing` the cases without one. Operators and roofs are kept in `results`, for the report.
    Raises InputError, StoreError.
    """
    from harness.plan import is_starter, plan
    from harness.profile.job import profile as take
    from harness.profile.model import By, RoofSource
    from harness.run.model_file import plan_model_file

    for name, value, known in (("by", by, By), ("roofs", roofs, RoofSource)):
        if value not in list(known):
            raise InputError(
                f"profile: {name}: {closest(value, [str(item) for item in known])}, not {value!r}"
            )
    if strange := [axis for axis in axes if axis not in AXES]:
        raise InputError(f"profile: unknown axis {strange[0]!r}: {closest(strange[0], AXES)}")
    path = Path(model)
    if path.suffix in SUITES or is_starter(path):
        if data or shapes or fill or axes:
            raise InputError("profile: data, shapes, fill and axes are for model files; a suite has its own")
        planned = plan(path, overrides, only)
    else:
        listed = {axis: _listed(values) for axis, values in axes.items()}
        planned, assumed = plan_model_file(
            path,
            listed,
            data=data,
            shapes=shapes,
            inputs=_inputs(fill),
            overrides=overrides,
            only=only,
            form=Form.PYTHON,
        )
        _log(assumed)
    return take(
        planned,
        _cache(cache),
        By(by),
        roofs=RoofSource(roofs),
        results_dir=Path(results).absolute(),
        listener=choose_listener(progress),
    )


def load(results: PathLike = "results", run: str | None = "latest", *, suite: str | None = None) -> Results:
    """Load a stored run of the folder `results`; None: all of them, oldest first.

    `run` is an identifier or its beginning, ``latest``, ``previous``, ``anchor``, a date
    or a git revision; `suite` narrows the choice. Raises NotFoundError where there is none,
    StoreError where the folder cannot be read.
    """
    from harness import store

    folder = Path(results).absolute()
    found = [store.find_run(folder, run, suite=suite)] if run else store.runs(folder, suite)
    if not found:
        raise NotFoundError(f"{results}: no runs yet; measure one with api.run(suite) or 'harness run SUITE'")
    return _reviewed(folder, found)


class _Planner:
    """Makes plans of a suite or a model file, with what an arm adds."""

    def __init__(
        self,
        data: str | None,
        shapes: Mapping[str, int] | None,
        fill: Mapping[str, Fill] | None,
        axes: Mapping[str, Any],
    ) -> None:
        self.data, self.shapes, self.fill, self.axes = data, shapes, fill, axes

    def __call__(self, path: Path) -> Planner:
        from harness.plan import is_starter, plan
        from harness.run.model_file import plan_model_file

        if path.suffix in SUITES or is_starter(path):
            if self.data or self.shapes or self.fill or self.axes:
                raise InputError("ab: data, shapes, fill and batch are for model files; a suite has its own")
            return lambda overrides, only: plan(path, overrides, only)

        def planned(overrides: Sequence[str], only: Sequence[str]) -> Plan:
            made, assumed = plan_model_file(
                path,
                self.axes,
                data=self.data,
                shapes=self.shapes,
                inputs=_inputs(self.fill),
                overrides=overrides,
                only=only,
                form=Form.PYTHON,
            )
            _log(assumed)
            return made

        return planned


def _inputs(fill: Mapping[str, Fill] | None) -> dict[str, dict[str, Any]]:
    """Write `fill` as a suite has it under ``inputs``."""
    return {name: {"fill": value} for name, value in (fill or {}).items()}


def _point(name: str, axes: Mapping[str, str | int] | None) -> dict[str, str]:
    point = {axis: spell(value) for axis, value in (axes or {}).items()}
    for axis in point:
        if axis not in ("model", *AXES):
            raise InputError(f"ab: {name}: unknown axis {axis!r}: {closest(axis, ('model', *AXES))}")
    return point


def _measure(plan: Plan, results: PathLike, cache: PathLike | None, resume: bool, progress: bool) -> Results:
    from harness import store
    from harness.plan import estimate
    from harness.run.job import run as measure_all

    folder = Path(results).absolute()
    listener = choose_listener(
        progress, estimate(plan, store.durations(folder, plan.suite.name)).seconds if progress else 0.0
    )
    done = measure_all(plan, folder, _cache(cache), resume=resume, listener=listener)
    if not done.folder.exists():
        raise KeyboardInterrupt  # before anything was measured
    return _reviewed(folder, [store.find_run(folder, done.run)], done.left)


def _reviewed(folder: Path, found: Sequence[Any], left: int = 0) -> Results:
    from harness.run.review import review

    reports = tuple(review(folder, item) for item in found)
    return Results(reports, tuple(item.run for item in found), str(folder), left)


def _cache(cache: PathLike | None) -> Path:
    from harness.build import default_cache_dir

    return Path(cache).absolute() if cache else default_cache_dir()


def _listed(values: Any) -> list[Any]:
    several = isinstance(values, Sequence) and not isinstance(values, str)
    return list(values) if several else [values]


def _log(line: str) -> None:
    if line:
        print(line, file=sys.stderr)
