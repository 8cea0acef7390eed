import math

import numpy as np
import pytest

from harness.ab.blocks import read_block
from harness.core.record import Observation

NO_WORKERS = (None, None)


def worker(**peak):
    return Observation(passes=(), memory={"peak": peak})


def read(base, head, workers=NO_WORKERS, preempted=None):
    return read_block((base, head), preempted or ((0,) * len(base), (0,) * len(head)), workers)


CALM, NOISY = [1_000] * 22, [7_000] * 22


def test_abbas_in_which_something_else_took_the_core_are_left_out_of_a_p95():
    """Of eight, five are disturbed, BASE more than HEAD; the other three decide."""
    base, head = [NOISY] * 10 + [CALM] * 6, [CALM] * 16
    assert read(base, head)[0]["latency/p95"].ratio == pytest.approx(-math.log(7))
    for counts in (((1,) * 10 + (0,) * 6, (0,) * 16), ((0,) * 16, (0, 2) * 5 + (0,) * 6)):
        readings = read(base, head, preempted=counts)[0]
        assert readings["latency/p95"].ratio == 0
        assert readings["latency/p50"].ratio == pytest.approx(-math.log(7))


def test_where_too_few_abbas_are_undisturbed_all_count():
    base, head = [CALM] * 4 + [NOISY] * 6, [CALM] * 10
    counts = (0,) * 4 + (1,) * 6, (0,) * 10
    assert read(base, head, preempted=counts)[0]["latency/p95"].ratio == pytest.approx(-math.log(7))


@pytest.mark.parametrize("slices", [6, 16])
def test_where_undisturbed_calls_are_too_few_for_a_steady_p95_all_count_for_it(slices):
    few = [[1_000] * 5] * slices + [[3_000] * 5] * 30
    counts = (0,) * slices + (1,) * 30, (0,) * (slices + 30)
    readings, missing = read(few, few, preempted=counts)
    assert missing == {}
    assert readings["latency/p95"].base == pytest.approx(3e-6)


@pytest.mark.parametrize("arm", [0, 1])
def test_an_abba_in_which_an_arm_does_not_agree_with_itself_weighs_little_as_to_p50(arm):
    """The core slowed down in the midst of five of eight, in HEAD's part; the other three decide."""
    jumped, steady = [CALM, NOISY] * 5 + [CALM] * 6, [CALM] * 16
    slices = [steady, jumped] if arm else [jumped, steady]
    assert read(*slices)[0]["latency/p50"].ratio == 0
    slowed = [NOISY, NOISY] * 5 + [CALM] * 6  # all the way: that is a slower arm
    slices = [steady, slowed] if arm else [slowed, steady]
    assert abs(read(*slices)[0]["latency/p50"].ratio) == pytest.approx(math.log(7))


def slices_of(*ratios, calls=20):
    """ABBAs in which HEAD is slower by these ratios."""
    return [[1_000] * calls] * (2 * len(ratios)), [
        [round(1_000 * ratio)] * calls for ratio in ratios for _ in "AB"
    ]


def disturbed(generator, ratio, abbas=24):
    """An arm whose calls take 1 ms, but for two in five to which noise adds up to a half and more."""
    noise = generator.exponential(0.3, (2 * abbas, 2)) * (generator.random((2 * abbas, 2)) < 0.4)
    return np.rint(1e6 * ratio * np.exp(noise)).astype(int).tolist()


def test_noise_that_adds_to_few_calls_cancels_in_p50():
    """Hodges and Lehmann's estimate strays by a quarter less than a median of ratios of medians."""
    generator, pairs, medians = np.random.default_rng(3), [], []
    for _ in range(200):
        arms = disturbed(generator, 1.0), disturbed(generator, 1.02)
        pairs.append(read(*arms)[0]["latency/p50"].ratio)
        base, head = (np.median(np.reshape(arm, (-1, 4)), axis=1) for arm in arms)
        medians.append(np.median(np.log(head / base)))
    assert np.mean(pairs) == pytest.approx(math.log(1.02), abs=0.001)
    assert np.std(pairs) < 0.75 * np.std(medians)


def test_of_many_calls_p50_takes_quantiles_which_say_the_same():
    generator = np.random.default_rng(4)
    base, head = (generator.lognormal(10, 0.1, (80, 300)) * ratio for ratio in (1.0, 1.02))
    found = read(base.tolist(), head.tolist())[0]["latency/p50"].ratio
    pairs = [np.subtract.outer(np.log(h), np.log(b)) for b, h in zip(*map(_abbas, (base, head)), strict=True)]
    assert found == pytest.approx(np.median(pairs), abs=5e-4)


def _abbas(arm):
    return arm.reshape(-1, 600)


def test_calls_too_short_for_the_clock_have_no_p50():
    readings, _ = read([[0] * 20] * 4, [CALM] * 4)
    assert math.isnan(readings["latency/p50"].ratio)


def test_the_error_of_p50_is_the_spread_of_the_abbas_over_the_root_of_their_number():
    ratios = [1.01, 1.02, 1.03, 1.04, 1.05] * 5
    error = read(*slices_of(*ratios))[0]["latency/p50"].error
    assert error == pytest.approx(1.2533 * 1.4826 * math.log(1.04 / 1.03) / 5, rel=0.02)
    assert read(*slices_of(*[1.02] * 9))[0]["latency/p50"].error == 0


def test_the_error_of_p50_is_that_of_the_estimate():
    generator, found = np.random.default_rng(5), []
    for _ in range(120):
        readings, _ = read(*slices_of(*np.exp(generator.normal(0, 0.03, 24))))
        found.append((readings["latency/p50"].ratio, readings["latency/p50"].error))
    ratios, errors = zip(*found, strict=True)
    assert np.median(errors) == pytest.approx(np.std(ratios), rel=0.15)


def test_the_error_of_p95_is_that_of_the_estimate():
    generator, found = np.random.default_rng(5), []
    for _ in range(200):
        arms = [(1_000 * np.exp(generator.exponential(0.1, (20, 8)))).astype(int).tolist() for _ in "AB"]
        readings, _ = read(*arms)
        found.append((readings["latency/p95"].ratio, readings["latency/p95"].error))
    ratios, errors = zip(*found, strict=True)
    assert np.median(errors) == pytest.approx(np.std(ratios), rel=0.35)


@pytest.mark.parametrize("metric", ["latency/p50", "latency/p95"])
def test_an_error_is_the_same_whichever_arm_is_called_head(metric):
    generator = np.random.default_rng(8)
    one, other = ([generator.integers(1_000, 2_000, 20) for _ in range(12)] for _ in range(2))
    errors = [read(*slices)[0][metric].error for slices in ((one, other), (other, one))]
    assert errors[0] == pytest.approx(errors[1], rel=1e-9)
    assert errors[0] > 0


def test_the_weights_favour_neither_arm():
    generator = np.random.default_rng(3)
    for count in (2, 3, 4, 9):
        one, other = ([generator.integers(1_000, 1_100, 5) for _ in range(2 * count)] for _ in range(2))
        ratios = [read(*slices)[0]["latency/p50"].ratio for slices in ((one, other), (other, one))]
        assert ratios[0] == pytest.approx(-ratios[1], abs=1e-12)


def test_abbas_that_weigh_the_same_have_their_median():
    base = [CALM] * 8
    head = [[ns] * 20 for ns in (1_010, 1_010, 1_020, 1_020, 1_040, 1_040, 1_090, 1_090)]
    middle = (math.log(1.02) + math.log(1.04)) / 2
    assert read(base, head)[0]["latency/p50"].ratio == pytest.approx(middle)


def test_abbas_of_few_calls_are_joined_until_they_have_a_p95():
    """Twenty calls an ABBA, two of them slow: each has a p50, seven together have a p95."""
    base, head = [[1_000] * 9 + [2_000]] * 42, [[1_000] * 9 + [2_200]] * 42
    readings, missing = read(base, head)
    assert readings["latency/p50"].ratio == 0
    assert readings["latency/p95"].ratio == pytest.approx(math.log(1.1))
    assert missing == {}
    wild = [*head[:40], [9_000] * 10, [9_000] * 10]  # one round of three
    assert read(base, wild)[0]["latency/p95"].ratio == pytest.approx(math.log(1.1))


def test_too_few_calls_for_a_round_of_their_own_make_one_together():
    """Every ABBA but the last has three slow calls of twenty, that one none: a tenth of all are slow."""
    slow, fast = [1_000] * 7 + [2_000] * 3, [1_000] * 10
    base = [slow, slow, slow, slow, fast, fast]
    head = [[round(1.1 * ns) if ns > 1_000 else ns for ns in part] for part in base]
    assert read(base, head)[0]["latency/p95"].ratio == pytest.approx(math.log(1.1))


def test_a_ratio_is_that_of_the_quantiles_head_over_base():
    base, head = [[1_000] * 20] * 2, [[1_020] * 20] * 2
    readings, missing = read(base, head)
    for metric in ("latency/p50", "latency/p95"):
        assert readings[metric].ratio == pytest.approx(math.log(1.02))
        assert readings[metric].base == pytest.approx(1e-6)
        assert readings[metric].head == pytest.approx(1.02e-6)
    assert missing == {}


def test_a_slower_tail_is_in_the_p95_alone():
    base = [[1_000] * 18 + [2_000] * 2] * 2
    head = [[1_000] * 18 + [2_200] * 2] * 2
    readings, _ = read(base, head)
    assert readings["latency/p50"].ratio == 0
    assert readings["latency/p95"].ratio == pytest.approx(math.log(1.1))


def test_a_burst_of_noise_in_one_round_of_three_leaves_the_ratio_as_it_is():
    calm, noisy = [1_000] * 70, [7_000] * 70
    base = [calm, calm, noisy, calm, calm, calm]
    head = [calm] * 6
    readings, _ = read(base, head)
    assert readings["latency/p50"].ratio == 0
    assert readings["latency/p95"].ratio == 0


def test_an_unfinished_round_is_left_out():
    base, head = [[1_000] * 20] * 3, [[1_000] * 20, [1_000] * 20, [9_000] * 20]
    readings, _ = read(base, head)
    assert readings["latency/p50"].ratio == 0


def test_too_few_calls_have_no_p95_and_say_so():
    base, head = [[1_000] * 20] * 2, [[1_000] * 20, [1_000] * 19]
    readings, missing = read(base, head)
    assert set(readings) == {"latency/p50"}
    assert missing == {"latency/p95": "39 calls of an arm in a block; 40 are needed"}


def test_no_calls_have_no_quantile_at_all():
    readings, missing = read((), ())
    assert readings == {}
    assert missing["latency/p50"] == "no calls of an arm in a block"
    assert missing["latency/p95"] == "0 calls of an arm in a block; 40 are needed"


def test_calls_too_short_for_the_clock_do_not_break_it():
    for head in (0, 1):
        readings, _ = read([[0] * 20] * 4, [[head] * 20] * 4)
        for metric in ("latency/p50", "latency/p95"):
            assert not math.isfinite(readings[metric].ratio)
            assert readings[metric].error == 0


def test_memory_is_read_off_both_workers():
    calls = [[1_000] * 20] * 2
    readings, missing = read(calls, calls, (worker(bytes=100_000), worker(bytes=103_000)))
    assert readings["memory/peak"].ratio == pytest.approx(math.log(1.03))
    assert (readings["memory/peak"].base, readings["memory/peak"].head) == (100_000, 103_000)
    assert missing == {}


def test_memory_that_could_not_be_read_says_why_and_is_not_there_unless_asked_for():
    calls = [[1_000] * 20] * 2
    workers = (worker(bytes=100_000), worker(unavailable="the kernel refused"))
    readings, missing = read(calls, calls, workers)
    assert missing == {"memory/peak": "the kernel refused"}
    assert "memory/peak" not in readings
    not_asked = (Observation(passes=()), Observation(passes=()))
    assert "memory/peak" not in read(calls, calls, not_asked)[1]
