"""Write profiles as a chrome trace: the last profiled call of each case, a process each, all begun at 0.

The format: "Trace Event Format", which Perfetto and chrome://tracing open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.profile.model import Profile


def chrome_trace(profiles: Sequence[Profile]) -> dict[str, Any]:
    """Return the trace as plain data; times in µs, as recorded."""
    events: list[dict[str, Any]] = []
    for number, profile in enumerate(profiles, 1):
        threads = {
            thread: at for at, thread in enumerate(dict.fromkeys(span.thread for span in profile.spans))
        }
        events.append(_named("process_name", number, 0, f"{profile.case} ({profile.runtime})"))
        events += [_named("thread_name", number, at, f"thread {at}") for at in threads.values()]
        events += [
            {
                "ph": "X",
                "pid": number,
                "tid": threads[span.thread],
                "ts": span.begun_us,
                "dur": span.us,
                "name": span.name,
                "cat": span.op,
                "args": {"operator": span.op, "provider": span.provider, "stands for": span.source},
            }
            for span in profile.spans
        ]
    return {"traceEvents": events, "displayTimeUnit": "ns"}


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}
