from dataclasses import replace

from make import make_case

from harness.core.sampling import Sampling
from harness.core.suite import Gate
from harness.plan.gated import gated_sampling


def test_a_gated_percentile_gets_the_calls_that_it_takes():
    sampling = Sampling(seconds=None, calls=50)
    made = gated_sampling(sampling, [Gate("latency/p95", max=1.0)], make_case())
    assert made == replace(sampling, calls=130, min_calls=130)
    late = [Gate("latency/p95", max=1.0), Gate("latency/p99", max=1.0)]
    assert gated_sampling(Sampling(), late, make_case()).min_calls == 662


def test_what_no_gate_asks_for_is_sampled_as_the_suite_says():
    gates = [Gate("latency/p50", max=1.0), Gate("latency/p99", max=1.0, case={"batch": ["64"]})]
    assert gated_sampling(Sampling(), gates, make_case()) == Sampling()


def test_the_caps_of_the_suite_stay():
    made = gated_sampling(Sampling(max_calls=100), [Gate("latency/p99", max=1.0)], make_case())
    assert (made.min_calls, made.max_calls, made.max_seconds) == (100, 100, 30.0)
