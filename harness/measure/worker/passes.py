"""The stages of a worker, in order; what each writes is described in `harness.measure.worker`."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from harness.core.errors import HarnessError, Unsupported
from harness.core.feeds import (
    Dimensions,
    Rows,
    bind_dimensions,
    cut,
    data_rows,
    distinct_count,
    random_rows,
    sample_count,
)
from harness.measure.cores import pin
from harness.measure.worker import evaluate, slices, system, timing
from harness.measure.worker.answer import Answer
from harness.measure.worker.arrays import read_arrays
from harness.measure.worker.engine import Call, Engine, one_line
from harness.measure.worker.request import Request

PROOF_FEEDS = 2  # a second call shows the arena once it has grown


class Run:
    """One case on its way through the stages."""

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
        """Go through all stages; an error ends them and is part of the answer."""
        for stage in ("session", *self.request.passes):
            begun = self.engine.clock()
            try:
                getattr(self, f"_{stage}")()
                self.answer.passes.append(stage)
            except Exception as error:
                self.answer.parts["error"] = self._error(stage, error)
            self.answer["system"]["stage_ns"][stage] = self.engine.clock() - begun
            self._read_system()
            self.answer.write()
            if "error" in self.answer.parts:
                return

    def _error(self, stage: str, error: Exception) -> dict[str, str]:
        known = error if isinstance(error, HarnessError) else self.engine.explain(error)
        if known is not error:
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
            told = before[name] is not None and after[name] is not None
            part[name] = after[name] - before[name] if told else None

    def _read_resident(self, phase: str) -> None:
        if "memory" in self.request.passes:
            self.answer["memory"][phase] = self.engine.resident(phase)

    def _read_peak(self, phase: str, refused: str) -> None:
        """Read the peak; one that could not be reset is not the peak asked for."""
        if "memory" in self.request.passes:
            self.answer["memory"][phase] = {"unavailable": refused} if refused else self.engine.peak(phase)

    def _session(self) -> None:
        engine, clock, part = self.engine, self.engine.clock, self.answer["session"]
        dims = self._make_feeds()
        self._read_resident("before_runtime")
        engine.enter("import")
        begun = clock()
        self.answer["runtime"].update(engine.load())
        self.answer["runtime"]["import_ns"] = clock() - begun
        self._read_resident("after_import")
        if self.request.start_cores and (note := pin(self.request.cores.worker)):
            self.answer["system"]["notes"].append(note)

        engine.prepare()
        threads = system.threads()
        refused = engine.reset_peak()
        engine.enter("session")
        begun = clock()
        engine.create()
        part["create_ns"] = clock() - begun
        self._read_peak("session_peak", refused)
        self._read_resident("after_session")
        after = system.threads()
        self.pool = after - threads
        part["threads"] = {"before": len(threads), "after": len(after)}
        part["cores"] = system.process_cores()
        part["thread_cores"] = system.thread_cores()
        part.update(engine.describe())
        part["input_shapes"] = {item.name: list(dims.shape(item)) for item in self.request.inputs}

        self.calls = engine.bind(self.feeds)
        part["call"] = _called(self.calls[0])
        engine.enter("first_call")
        begun = clock()
        self.calls[0]()
        part["first_call_ns"] = clock() - begun
        self._read_resident("after_first_call")

    def _make_feeds(self) -> Dimensions:
        request = self.request
        batch = request.load["batch"]
        rows, dims = self._rows(request.distinct * batch)
        n = sample_count(rows, dims)
        distinct = distinct_count(request.distinct, n, batch)
        self.feeds = cut(rows, request.inputs, batch, dims, distinct)
        kind = "data" if request.data else "random"
        self.answer["feeds"].update(kind=kind, distinct=distinct, rows=n, seed=request.seed)
        return dims

    def _rows(self, count: int) -> tuple[Rows, Dimensions]:
        """Return at most `count` samples of each input: of the data, and drawn where it has none."""
        request, load = self.request, self.request.load
        data = None
        if request.data:
            data, _ = data_rows(request.data, read_arrays(request.data), request.inputs, count)
        dims = bind_dimensions(request.inputs, load["batch"], load["shapes"], load["batch_dim"], data)
        n = count if data is None else sample_count(data, dims)
        absent = [item for item in request.inputs if data is None or item.name not in data]
        return {**random_rows(absent, n, dims, request.seed), **(data or {})}, dims

    def _memory(self) -> None:
        self.engine.enter("memory")
        refused = self.engine.reset_peak()
        for call in self.calls:
            call()
        self._read_peak("peak", refused)
        self.answer["memory"]["arena_peak"] = {"unavailable": "the proof pass did not run"}

    def _timing(self) -> None:
        engine, sampling, part = self.engine, self.request.sampling, self.answer["timing"]
        part["clock"] = timing.clock_facts(engine.clock, engine.clock_name)
        part["batch"] = self.request.load["batch"]
        with timing.without_gc():
            engine.enter("warmup")
            part["warmup_ns"] = timing.warm_up(self.calls, engine.clock, sampling)
            engine.enter("timing")
            before = engine.usage()
            stretch = timing.sample(self.calls, engine.clock, sampling)
            used = {name: value - before[name] for name, value in engine.usage().items()}
        part.update(samples_ns=stretch.samples_ns, wall_ns=stretch.wall_ns, stopped_by=stretch.stopped_by)
        part["cpu_ns"] = used["cpu_ns"]
        part["context_switches"] = {name: used[name] for name in ("voluntary", "involuntary")}
        part["page_faults"] = {name: used[name] for name in ("minor", "major")}

    def _slices(self) -> None:
        """Warm up, then time calls whenever the parent asks; in place of the timing pass."""
        channel = self.request.channel
        assert channel is not None, "a request for slices comes with a channel"
        if system.spread_threads(self.pool, self.request.cores.worker):
            self.answer["system"]["notes"].append("every thread has a core of its own")
        with timing.without_gc():
            self.engine.enter("warmup")
            warmup_ns = timing.warm_up(self.calls, self.engine.clock, self.request.sampling)
            self.engine.enter("slices")
            slices.serve(self.calls, self.engine, channel, warmup_ns)

    def _outputs(self) -> None:
        self.engine.enter("outputs")
        batch = self.request.load["batch"]
        rows, dims = self._rows(self.request.rows)
        batches = cut(rows, self.request.inputs, batch, dims)
        path = self.folder.absolute() / "outputs.npz"
        n = sample_count(rows, dims)
        self.answer["outputs"].update(evaluate.evaluate(self.engine.evaluate, batches, batch, n, path))

    def _proof(self) -> None:
        self.engine.enter("proof")
        self.calls = []
        self.engine.close()
        proof = self.engine.prove(self.feeds[:PROOF_FEEDS], self.folder)
        arena_peak = proof.pop("arena_peak")
        if "memory" in self.request.passes:
            self.answer["memory"]["arena_peak"] = arena_peak
        self.answer["proof"].update(proof)


def _called(call: Call) -> str:
    """Name the function that a timed call is, as the engine bound it: it tells what `io` came to."""
    return str(getattr(getattr(call, "func", call), "__name__", type(call).__name__))
