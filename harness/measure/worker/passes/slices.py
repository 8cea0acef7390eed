"""In a worker of an A/B: time calls whenever the parent asks, in place of the timing pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure.worker import slices, system, timing

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


def run(case: Run) -> None:
    """Warm up, then serve slices on the request's channel until the parent closes it."""
    channel = case.request.channel
    assert channel is not None, "a request for slices comes with a channel"
    if system.spread_threads(case.pool, case.request.cores.worker):
        case.answer["system"]["notes"].append("every thread has a core of its own")
    with timing.without_gc():
        case.engine.enter("warmup")
        warmup_ns = timing.warm_up(case.calls, case.engine.clock, case.request.sampling)
        case.engine.enter("slices")
        slices.serve(case.calls, case.engine, channel, warmup_ns)
