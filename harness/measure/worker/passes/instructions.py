"""Count the instructions of warm calls and of a session's creation, in a worker of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure.worker import counters, timing

if TYPE_CHECKING:
    from harness.measure.worker.run import Run

WARM_ROUNDS = 2
WINDOWS = 3
"""Stretches that are counted, the smallest of which is the count.

Each calls every input once. What a runtime does by the clock (its own statistics, every few seconds) is in
some of them and not in others.
"""


def run(case: Run) -> None:
    """Count every stretch of calls, then a further session's creation; fill the part ``instructions``."""
    case.engine.enter("instructions")
    counter, part = counters.open_counter(), case.answer["instructions"]
    calls = case.calls
    threads, names = len(case.pool) + 1, ("intra_threads", "inter_threads")
    part.update(how=counter.how, calls=len(calls), windows=WINDOWS, threads=threads)
    part["options"] = {name: case.answer["session"]["options"][name] for name in names}
    part["config"] = dict(case.answer["session"]["options"]["config"])
    with timing.without_gc():
        for _ in range(WARM_ROUNDS):
            for call in calls:
                call()
        counts = []
        for _ in range(WINDOWS):
            counter.start()
            for call in calls:
                call()
            counts.append(counter.stop("call"))
        case.calls = []
        case.engine.close()
        counter.start()
        case.engine.create()
        created = counter.stop("session")
    if created is not None:  # else they are in files, which the parent reads
        part["counts"] = {"call": counts, "session": [created]}
