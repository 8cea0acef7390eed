"""Time the calls that gates need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.core.case import Case
from harness.core.conditions import matches
from harness.core.metrics import spec_of
from harness.core.sampling import Sampling
from harness.core.suite import Gate
from harness.stats.floor import sample_floor


def raising(gates: Sequence[Gate], sampling: Sampling) -> tuple[Gate, ...]:
    """Keep the gates that may ask for more calls than are timed anyway: those of a high percentile."""
    shares = ((gate, spec_of(gate.metric).quantile or 0.0) for gate in gates)
    return tuple(gate for gate, share in shares if share > 0.5 and sample_floor(share) > sampling.min_calls)


def calls_needed(gates: Sequence[Gate], axes: Mapping[str, str | int | None]) -> int:
    """Return the calls of a process that the gates of a case with these axes take; 0 where none does."""
    shares = [spec_of(gate.metric).quantile or 0.0 for gate in gates if matches(axes, gate.case)]
    return max((sample_floor(share) for share in shares if share > 0.5), default=0)


def gated_sampling(sampling: Sampling, gates: Sequence[Gate], case: Case) -> Sampling:
    """Time at least the calls that the gates of `case` take; `max_calls` and `max_seconds` still cap them."""
    asking = raising(gates, sampling)
    needed = calls_needed(asking, case.axes) if asking else 0
    if needed <= sampling.min_calls:
        return sampling
    calls = None if sampling.calls is None else min(max(sampling.calls, needed), sampling.max_calls)
    return replace(sampling, min_calls=min(needed, sampling.max_calls), calls=calls)
