"""The fixture `onnx_bench`: one case, measured within somebody's own test."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.core.case import AXES
from harness.core.errors import CaseError, InputError
from harness.core.form import Form
from harness.core.inputs import Fill
from harness.core.record import BAD, Record, Status
from harness.core.registry import closest
from harness.core.requirement import Requirement
from harness.core.sampling import Sampling
from harness.install import newest
from harness.pytest.stats import Stats

OPTIONS = ("data", "shapes", "fill", "batch_dim", "custom_ops", "seconds", "processes")


@dataclass(frozen=True, slots=True)
class OnnxBench:
    """Measure models through the common runner, one case a call."""

    cache_dir: Path
    work_dir: Path
    newest: Callable[[str], Requirement] = newest  # what a runtime that moves is now

    def __call__(
        self,
        model: str | os.PathLike[str] | Mapping[str, Any],
        *,
        data: str | os.PathLike[str] | None = None,
        shapes: Mapping[str, int] | None = None,
        fill: Mapping[str, Fill] | None = None,
        batch_dim: str | None = None,
        custom_ops: Sequence[str | os.PathLike[str]] = (),
        seconds: float | None = None,
        processes: int | None = None,
        **axes: Any,
    ) -> Stats:
        """Measure `model`: an .onnx file, or a source as a suite has it (``{"zoo": "squeezenet"}``).

        `data` names the data to evaluate on (a catalogue name or an .npz
        file), `shapes` sizes symbolic dimensions, `fill` gives the values of inputs that are no
        data (``{"shape": [1, -1]}``), `batch_dim` names the one that
        the batch drives, `custom_ops` are libraries to register, `seconds` (of timed calls)
        and `processes` say how long to measure. `axes` are the axes of a
        suite, a value each. Paths are relative to the current folder.

        Skips the test where this machine, runtime or exporter cannot, fails it
        where the model does not run. Raises TypeError for an unknown axis,
        InputError for a value that is wrong.
        """
        __tracebackhide__ = True  # a failure shows the line of the test, not these
        unknown = next((axis for axis in axes if axis not in AXES), None)
        if unknown is not None:
            raise TypeError(f"onnx_bench has no argument {unknown!r}: {closest(unknown, (*AXES, *OPTIONS))}")
        try:
            record = self._measure(
                dict(model) if isinstance(model, Mapping) else Path(model),
                axes,
                data=None if data is None else os.fspath(data),
                shapes=shapes,
                inputs={name: {"fill": value} for name, value in (fill or {}).items()},
                batch_dim=batch_dim,
                custom_ops=[os.fspath(path) for path in custom_ops],
                sampling=_sampling(seconds, processes),
            )
        except InputError as error:
            raise InputError(str(error)) from None
        except CaseError as error:
            pytest.fail(str(error))
        if record.status in BAD:
            pytest.fail(f"{record.case} {record.status}: {record.reason}")
        if record.status is not Status.OK:
            pytest.skip(f"{record.case} {record.status}: {record.reason}")
        return Stats(record)

    def _measure(self, model: Path | dict[str, Any], axes: Mapping[str, Any], **how: Any) -> Record:
        from harness.plan import plan_model
        from harness.run.bench import open_bench
        from harness.run.inputs import check_inputs
        from harness.run.job import environment, resolve_rolling_runtimes
        from harness.run.model_file import plan_model_file

        if isinstance(model, Path):
            plan, assumed = plan_model_file(model, axes, name="onnx_bench", form=Form.PYTHON, **how)
            if assumed:
                print(assumed)  # beside the test's own output
        else:
            plan = plan_model(model, axes, name="onnx_bench", **how)
        check_inputs(plan.cases, Form.PYTHON)
        plan = resolve_rolling_runtimes(plan, self.newest)
        if len(plan.cases) != 1:
            cases = f"these are {len(plan.cases)}; give every axis one value"
            raise InputError(f"onnx_bench measures one case, {cases}")
        bench = open_bench(plan.suite, self.cache_dir, self.work_dir, environment(plan))
        return bench.measure(plan.cases[0])


def _sampling(seconds: float | None, processes: int | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {"seconds": seconds, "processes": processes}
    if isinstance(seconds, int | float) and seconds > Sampling().max_seconds:
        wanted["max_seconds"] = seconds
    return {key: value for key, value in wanted.items() if value is not None}
