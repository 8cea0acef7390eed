"""The timed loop, and when it ends."""

from __future__ import annotations

import gc
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.core.sampling import Sampling
from harness.measure.worker.engine import Call

Clock = Callable[[], int]

FOREVER = 1 << 62
_Z95 = 1.96
_CHUNK = 16_384  # calls between two looks at anything but the deadline


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a timed stretch came to."""

    samples_ns: list[int]
    wall_ns: int  # from the first call's begin to the last one's end, pauses left out
    stopped_by: str


def time_calls(
    calls: Sequence[Call], clock: Clock, samples: array[int], first: int, last: int, deadline: int
) -> int:
    """Time calls number `first` to `last` in rotation into `samples`; return how far it came.

    Ends before `last` where a call ends at or after `deadline` (of `clock`). The one loop
    in which a latency is ever taken: warm-up, stretches and slices all run it.
    """
    width = len(calls)
    for i in range(first, last):
        call = calls[i % width]
        begun = clock()
        call()
        ended = clock()
        samples[i] = ended - begun
        if ended >= deadline:
            return i + 1
    return last


def warm_up(calls: Sequence[Call], clock: Clock, sampling: Sampling) -> list[int]:
    """Call until both `warmup_calls` and `warmup_s` are reached; return each call's ns."""
    samples: array[int] = array("q")
    begun, done = clock(), 0
    span_ns = _ns(sampling.warmup_s)
    while done < sampling.warmup_calls or clock() - begun < span_ns:
        short = max(0, sampling.warmup_calls - done)
        samples.extend(room(short or _CHUNK))
        deadline = FOREVER if short else begun + span_ns
        done = time_calls(calls, clock, samples, done, len(samples), deadline)
        del samples[done:]
    return samples.tolist()


def sample(calls: Sequence[Call], clock: Clock, sampling: Sampling) -> Stretch:
    """Time calls until one of the stop rules of `sampling` is met.

    Looking at the interval of p50 happens between chunks: it is in no sample
    and not in the wall time, and one call that is not counted follows it, so
    that caches and thread pools are as they were.
    """
    samples: array[int] = array("q")
    wall_ns, narrow, cap_ns = 0, False, _ns(sampling.max_seconds)
    while True:
        done = len(samples)
        if stopped_by := _stopped_by(sampling, done, wall_ns, narrow):
            return Stretch(samples.tolist(), wall_ns, stopped_by)
        if done and sampling.target_ci is not None:
            calls[(done - 1) % len(calls)]()
        last = _next_look(sampling, done)
        samples.extend(room(last - done))
        begun = clock()
        span_ns = cap_ns if done < sampling.min_calls else _span_ns(sampling)
        done = time_calls(calls, clock, samples, done, last, begun + span_ns - wall_ns)
        wall_ns += clock() - begun
        del samples[done:]
        if sampling.target_ci is not None:
            narrow = half_width_ratio(samples) <= sampling.target_ci


def room(calls: int) -> array[int]:
    """Return room for `calls` samples, its pages touched before anything is timed."""
    return array("q", bytes(8 * calls))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _span_ns(sampling: Sampling) -> int:
    asked = sampling.max_seconds if sampling.seconds is None else sampling.seconds
    return _ns(min(asked, sampling.max_seconds))


def _stopped_by(sampling: Sampling, done: int, wall_ns: int, narrow: bool) -> str:
    """Name the first rule that is met; nothing where none is."""
    if sampling.calls is not None and done >= sampling.calls:
        return "calls"
    if done >= sampling.max_calls:
        return "max_calls"
    enough = done >= sampling.min_calls
    if enough and sampling.seconds is not None and wall_ns >= _ns(sampling.seconds):
        return "seconds"
    if enough and narrow:
        return "target_ci"
    return "max_seconds" if wall_ns >= _ns(sampling.max_seconds) else ""


def _next_look(sampling: Sampling, done: int) -> int:
    """Return the number of calls at which to stop and look."""
    limit = sampling.max_calls if sampling.calls is None else min(sampling.calls, sampling.max_calls)
    if done < sampling.min_calls:
        return min(sampling.min_calls, limit)
    step = _CHUNK if sampling.target_ci is None else max(16, done // 4)
    return min(done + step, limit)


def half_width_ratio(samples: Sequence[int]) -> float:
    """Return the half-width of the 95% interval of the median as a ratio of it; inf below 6 samples.

    Between order statistics, so of any distribution: David and Nagaraja,
    Order Statistics, 7.1, the binomial ranks by their normal approximation.
    """
    n = len(samples)
    if n < 6:  # two in 2^n: below six the whole range covers less than 95%
        return math.inf
    ordered = sorted(samples)
    reach = _Z95 * math.sqrt(n) / 2
    low = max(0, math.floor(n / 2 - reach) - 1)
    high = min(n - 1, math.ceil(n / 2 + reach))
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return (ordered[high] - ordered[low]) / 2 / middle if middle else math.inf


def clock_facts(clock: Clock, name: str) -> dict[str, int | str]:
    """Measure what reading `clock` costs (median of 1,001) and its smallest step seen."""
    steps = []
    for _ in range(1001):
        begun = clock()
        steps.append(clock() - begun)
    steps.sort()
    smallest = next((step for step in steps if step > 0), 0)
    return {"name": name, "overhead_ns": steps[len(steps) // 2], "resolution_ns": smallest}


@contextmanager
def without_gc() -> Iterator[None]:
    """Keep the garbage collector out of the timed stretch."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
