import math
from array import array

import pytest

from harness.core.sampling import Sampling
from harness.measure.worker.timing import (
    FOREVER,
    clock_facts,
    half_width_ratio,
    room,
    sample,
    time_calls,
    warm_up,
    without_gc,
)


class Model:
    """Calls that take what they are told, by a clock that only they move."""

    def __init__(self, *spans_ns, feeds=1):
        self.spans_ns = spans_ns
        self.now_ns = 0
        self.made = []
        self.calls = [lambda feed=feed: self.call(feed) for feed in range(feeds)]

    def call(self, feed):
        self.now_ns += self.spans_ns[len(self.made) % len(self.spans_ns)]
        self.made.append(feed)

    def clock(self):
        return self.now_ns


def sampling(**asked):
    return Sampling(**{"seconds": None, "warmup_calls": 0, "warmup_s": 0.0, **asked})


def test_every_call_is_a_sample_in_order():
    model = Model(10, 20, 30)
    stretch = sample(model.calls, model.clock, sampling(calls=7))
    assert stretch.samples_ns == [10, 20, 30, 10, 20, 30, 10]
    assert (stretch.wall_ns, stretch.stopped_by) == (130, "calls")


def test_feeds_take_turns():
    model = Model(1, feeds=3)
    sample(model.calls, model.clock, sampling(calls=7))
    assert model.made == [0, 1, 2, 0, 1, 2, 0]


def test_a_span_of_seconds_ends_with_the_call_that_fills_it():
    model = Model(300_000_000)
    stretch = sample(model.calls, model.clock, sampling(seconds=1.0, min_calls=1))
    assert (len(stretch.samples_ns), stretch.wall_ns, stretch.stopped_by) == (4, 1_200_000_000, "seconds")


def test_the_first_rule_that_is_met_ends_it():
    model = Model(300_000_000)
    both = sampling(seconds=1.0, calls=3, min_calls=1)
    assert sample(model.calls, model.clock, both).stopped_by == "calls"
    assert (
        sample(model.calls, model.clock, sampling(seconds=1.0, calls=9, min_calls=1)).stopped_by == "seconds"
    )


def test_min_calls_go_on_past_the_seconds():
    model = Model(400_000_000)
    stretch = sample(model.calls, model.clock, sampling(seconds=0.1, min_calls=5))
    assert (len(stretch.samples_ns), stretch.stopped_by) == (5, "seconds")


def test_max_seconds_cap_even_the_min_calls():
    model = Model(20_000_000_000)
    stretch = sample(model.calls, model.clock, sampling(seconds=1.0, min_calls=5, max_seconds=30.0))
    assert (len(stretch.samples_ns), stretch.stopped_by) == (2, "max_seconds")


def test_max_seconds_cap_a_count_of_calls():
    model = Model(1_000_000_000)
    stretch = sample(model.calls, model.clock, sampling(calls=100, max_seconds=7.0))
    assert (len(stretch.samples_ns), stretch.stopped_by) == (7, "max_seconds")


def test_max_calls_cap_a_span_of_seconds():
    model = Model(1)
    stretch = sample(model.calls, model.clock, sampling(seconds=1.0, max_calls=50_000))
    assert (len(stretch.samples_ns), stretch.stopped_by) == (50_000, "max_calls")


def test_samples_of_many_chunks_are_all_there():
    model = Model(1_000, 2_000)
    stretch = sample(model.calls, model.clock, sampling(calls=40_001))
    assert stretch.samples_ns == [1_000, 2_000] * 20_000 + [1_000]
    assert stretch.wall_ns == sum(stretch.samples_ns)


def test_a_tight_interval_of_the_median_ends_it():
    model = Model(1_000, 1_001)
    stretch = sample(model.calls, model.clock, sampling(target_ci=0.01, min_calls=10))
    assert (len(stretch.samples_ns), stretch.stopped_by) == (10, "target_ci")


def test_a_wide_interval_goes_on_until_the_cap():
    model = Model(1_000, 3_000)
    stretch = sample(model.calls, model.clock, sampling(target_ci=0.01, max_calls=100))
    assert (len(stretch.samples_ns), stretch.stopped_by) == (100, "max_calls")


def test_looking_at_the_interval_is_in_no_sample_and_followed_by_a_call_that_is_not_counted():
    model = Model(1_000, 3_000, feeds=2)
    stretch = sample(model.calls, model.clock, sampling(target_ci=0.01, min_calls=5, max_calls=21))
    # looks at 5 and at 21: one uncounted call, of the feed that ran last, between the two
    assert len(model.made) == 22
    assert model.made[:7] == [0, 1, 0, 1, 0, 0, 1]
    assert stretch.wall_ns == sum(stretch.samples_ns)
    assert model.now_ns - stretch.wall_ns == 3_000


def test_warm_up_makes_its_calls_and_fills_its_seconds():
    model = Model(100_000_000)
    assert warm_up(model.calls, model.clock, sampling(warmup_calls=3)) == [100_000_000] * 3
    assert len(warm_up(model.calls, model.clock, sampling(warmup_s=0.45))) == 5
    assert len(warm_up(model.calls, model.clock, sampling(warmup_calls=3, warmup_s=0.45))) == 5
    assert len(warm_up(model.calls, model.clock, sampling(warmup_calls=9, warmup_s=0.45))) == 9
    assert warm_up(model.calls, model.clock, sampling()) == []


def test_the_loop_can_be_driven_in_slices():
    model = Model(10, 20, 30, feeds=2)
    samples = room(6)
    assert time_calls(model.calls, model.clock, samples, 0, 2, FOREVER) == 2
    model.now_ns += 1_000_000  # someone else's turn
    assert time_calls(model.calls, model.clock, samples, 2, 6, FOREVER) == 6
    assert samples.tolist() == [10, 20, 30, 10, 20, 30]
    assert model.made == [0, 1, 0, 1, 0, 1]


def test_a_slice_ends_with_the_call_that_reaches_its_deadline():
    model = Model(10)
    samples = room(9)
    assert time_calls(model.calls, model.clock, samples, 0, 9, 30) == 3
    assert samples.tolist()[:4] == [10, 10, 10, 0]


@pytest.mark.parametrize("n", [6, 10, 64, 101, 1000])
def test_the_interval_of_the_median_covers_95_percent(n):
    from scipy.stats import binom

    half = half_width_ratio(array("q", [*range(1_000_001, 1_000_001 + n)]))
    ranks = half * 2 * (1_000_000 + (n + 1) / 2)  # samples are consecutive: width in ns is width in ranks
    low = round((n - 1 - ranks) / 2)
    covered = binom.cdf(n - low - 1, n, 0.5) - binom.cdf(low, n, 0.5)
    assert covered >= 0.949
    assert n < 64 or covered <= 0.98


def test_five_samples_have_no_interval():
    assert half_width_ratio(array("q", [1, 1, 1, 1, 1])) == math.inf
    assert half_width_ratio(array("q", [0] * 10)) == math.inf
    assert half_width_ratio(array("q", [7] * 10)) == 0


def test_the_clock_is_measured():
    ticks = iter(range(0, 100_000, 7))
    assert clock_facts(lambda: next(ticks), "ticks") == {
        "name": "ticks",
        "overhead_ns": 7,
        "resolution_ns": 7,
    }
    assert clock_facts(lambda: 5, "still") == {"name": "still", "overhead_ns": 0, "resolution_ns": 0}


def test_the_garbage_collector_is_off_while_timing():
    import gc

    with without_gc():
        assert not gc.isenabled()
    assert gc.isenabled()
