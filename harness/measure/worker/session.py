"""The stage before every pass: feeds, the runtime's import, the session, its first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.feeds import Dimensions, cut, distinct_count, sample_count, sized
from harness.measure.cores import pin
from harness.measure.worker import system
from harness.measure.worker.engine import Call

if TYPE_CHECKING:
    from harness.core.inputs import Input
    from harness.measure.worker.run import Run


def open_session(run: Run) -> None:
    """Fill the parts ``feeds``, ``runtime`` and ``session``, and those of ``memory`` that are read here."""
    engine, clock, part = run.engine, run.engine.clock, run.answer["session"]
    dims = _make_feeds(run)
    _import_runtime(run)

    engine.prepare()
    threads = system.threads()
    refused = engine.reset_peak()
    engine.enter("session")
    begun = clock()
    engine.create()
    part["create_ns"] = clock() - begun
    run.read_peak("session_peak", refused)
    run.read_resident("after_session")
    after = system.threads()
    run.pool = after - threads
    part["threads"] = {"before": len(threads), "after": len(after)}
    part["cores"] = system.process_cores()
    part["thread_cores"] = system.thread_cores()
    part.update(engine.describe())
    part["input_shapes"] = {item.name: list(dims.shape(item)) for item in run.request.inputs}
    drawn = [sized(item, dims.sizes) for item in run.request.inputs if _by_sizes(item)]
    part["drawn"] = {item.name: [item.low, item.high, item.fill] for item in drawn}

    run.calls = engine.bind(run.feeds)
    part["call"] = _called(run.calls[0])
    engine.enter("first_call")
    begun = clock()
    run.calls[0]()
    part["first_call_ns"] = clock() - begun
    run.read_resident("after_first_call")


def _by_sizes(item: Input) -> bool:
    """Return whether what an input is fed follows from the sizes of dimensions."""
    return bool(item.within or item.counts) or isinstance(item.fill, list | tuple)


def _import_runtime(run: Run) -> None:
    run.read_resident("before_runtime")
    run.engine.enter("import")
    begun = run.engine.clock()
    run.answer["runtime"].update(run.engine.load())
    run.answer["runtime"]["import_ns"] = run.engine.clock() - begun
    run.read_resident("after_import")
    if run.request.start_cores and (note := pin(run.request.cores.worker)):
        run.answer["system"]["notes"].append(note)


def _make_feeds(run: Run) -> Dimensions:
    request = run.request
    batch = request.load["batch"]
    rows, dims = run.rows(request.distinct * batch)
    n = sample_count(rows, dims)
    distinct = distinct_count(request.distinct, n, batch)
    run.feeds = cut(rows, request.inputs, batch, dims, distinct)
    kind = "data" if request.data else "random"
    run.answer["feeds"].update(kind=kind, distinct=distinct, rows=n, seed=request.seed)
    return dims


def _called(call: Call) -> str:
    """Name the function that a timed call is, as the engine bound it: it shows what `io` came to."""
    return str(getattr(getattr(call, "func", call), "__name__", type(call).__name__))
