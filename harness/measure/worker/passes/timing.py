"""Time the calls, as the suite's sampling says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure.worker import timing

if TYPE_CHECKING:
    from harness.measure.worker.run import Run


def run(case: Run) -> None:
    """Warm up, then time a stretch, the garbage collector off; fill the part ``timing``."""
    engine, sampling, part = case.engine, case.request.sampling, case.answer["timing"]
    part["clock"] = timing.clock_facts(engine.clock, engine.clock_name)
    part["batch"] = case.request.load["batch"]
    with timing.without_gc():
        engine.enter("warmup")
        part["warmup_ns"] = timing.warm_up(case.calls, engine.clock, sampling)
        engine.enter("timing")
        before = engine.usage()
        stretch = timing.sample(case.calls, engine.clock, sampling)
        used = {name: value - before[name] for name, value in engine.usage().items()}
    part.update(samples_ns=stretch.samples_ns, wall_ns=stretch.wall_ns, stopped_by=stretch.stopped_by)
    part["cpu_ns"] = used["cpu_ns"]
    part["context_switches"] = {name: used[name] for name in ("voluntary", "involuntary")}
    part["page_faults"] = {name: used[name] for name in ("minor", "major")}
