"""One case on its way through a worker: the session, then each pass that was asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, Unsupported
from harness.core.feeds import Dimensions, Rows, bind_dimensions, data_rows, random_rows, sample_count
from harness.core.passes import BY_NAME
from harness.measure.worker import system
from harness.measure.worker.answer import Answer
from harness.measure.worker.arrays import read_arrays
from harness.measure.worker.engine import Call, Engine, one_line
from harness.measure.worker.request import Request
from harness.measure.worker.session import open_session


class Run:
    """What the stages of one case share: the request, the engine, and the answer as it fills."""

    def __init__(self, request: Request, engine: Engine, folder: Path, notes: list[str]) -> None:
        self.request = request
        self.engine = engine
        self.folder = folder
        self.answer = Answer(folder)
        self.feeds: list[Rows] = []
        self.calls: list[Call] = []
        self.pool: set[int] = set()  # threads that the session has started
        self._before = system.counters(request.cores.worker)
        self.answer["system"].update(notes=notes, environment=system.environment(), stage_ns={})

    def run(self) -> None:
        """Open the session and go through the passes; an error ends them and is part of the answer."""
        self._stage("session", open_session)
        for name in self.request.passes:
            if "error" in self.answer.parts:
                return
            self._stage(name, load(BY_NAME[name].function))

    def _stage(self, name: str, stage: Callable[[Run], None]) -> None:
        begun = self.engine.clock()
        try:
            stage(self)
            self.answer.passes.append(name)
        except Exception as error:
            self.answer.parts["error"] = self._error(name, error)
        self.answer["system"]["stage_ns"][name] = self.engine.clock() - begun
        self._read_system()
        self.answer.write()

    def _error(self, stage: str, error: Exception) -> dict[str, str]:
        known = error if isinstance(error, HarnessError) else self.engine.explain(error)
        if known is not error:
            import traceback

            traceback.print_exception(error, file=sys.stderr)
        status = "unsupported" if isinstance(known, Unsupported) else "failed"
        kind = type(error).__name__
        return {"status": status, "pass": stage, "type": kind, "message": one_line(str(known))}

    def _read_system(self) -> None:
        before, after = self._before, system.counters(self.request.cores.worker)
        part = self.answer["system"]
        part.update(load_before=before["load"], load_after=after["load"])
        part["frequency_mhz"] = system.frequency_mhz(self.request.cores.worker)
        for name in ("steal_ticks", "throttled_periods"):
            known = before[name] is not None and after[name] is not None
            part[name] = after[name] - before[name] if known else None

    def read_resident(self, phase: str) -> None:
        """Read the resident size, where memory is measured."""
        if "memory" in self.request.passes:
            self.answer["memory"][phase] = self.engine.resident(phase)

    def read_peak(self, phase: str, refused: str) -> None:
        """Read the peak; one that could not be reset is not the peak asked for."""
        if "memory" in self.request.passes:
            self.answer["memory"][phase] = {"unavailable": refused} if refused else self.engine.peak(phase)

    def rows(self, count: int) -> tuple[Rows, Dimensions]:
        """Return at most `count` samples of each input: of the data, and drawn where it has none."""
        request, asked = self.request, self.request.load
        data, name = None, request.data_name or request.data or "data"
        if request.data:
            data, _ = data_rows(name, read_arrays(request.data), request.inputs, count)
        dims = bind_dimensions(
            request.inputs, asked["batch"], asked["shapes"], asked["batch_dim"], data, name
        )
        n = count if data is None else sample_count(data, dims)
        absent = [item for item in request.inputs if data is None or item.name not in data]
        return {**random_rows(absent, n, dims, request.seed), **(data or {})}, dims


def make_run(request: Request, folder: Path, notes: Sequence[str] = ()) -> Run:
    """Make the run of `request`, with the engine that it names."""
    return Run(request, load(request.engine)(request), folder, list(notes))


def load(target: str) -> Any:
    """Import what ``module:attribute`` names."""
    module, _, name = target.partition(":")
    return vars(importlib.import_module(module))[name]
