import math

import numpy as np
import pytest

from harness.stats.floor import sample_floor
from harness.stats.intervals import (
    between_processes,
    binomial_shares,
    mean_interval,
    paired_share_interval,
    quantile_interval,
    quantile_ranks,
    share_interval,
    t_quantile,
)


@pytest.mark.parametrize(("quantile", "floor"), [(0.9, 64), (0.95, 130), (0.99, 662)])
def test_a_quantile_needs_two_samples_beyond_it_with_99_percent_confidence(quantile, floor):
    from scipy.stats import binom

    assert sample_floor(quantile) == floor
    assert binom.sf(1, floor, 1 - quantile) >= 0.99 > binom.sf(1, floor - 1, 1 - quantile)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_ranks_hold_the_quantile_in_95_percent_and_no_narrower_tail_would(quantile):
    from scipy.stats import binom

    n = max(10, sample_floor(quantile))
    low, high = quantile_ranks(n, quantile)
    assert binom.cdf(low - 1, n, quantile) <= 0.025 < binom.cdf(low, n, quantile)
    assert binom.cdf(high - 1, n, quantile) >= 0.975 > binom.cdf(high - 2, n, quantile)


def test_the_median_of_ten_lies_between_the_second_and_the_ninth():
    assert quantile_ranks(10, 0.5) == (2, 9)
    assert quantile_interval(np.arange(10, 0, -1.0), 0.5) == (2.0, 9.0)


def test_five_samples_have_no_interval_of_the_median():
    assert quantile_ranks(5, 0.5) is None
    assert quantile_ranks(6, 0.5) == (1, 6)


def test_order_statistics_cover_the_true_quantile_of_a_skewed_distribution():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(1000):
        low, high = quantile_interval(generator.lognormal(0, 1, 200), 0.9)
        hits += low <= math.exp(1.2815515655446004) <= high
    assert hits >= 940


def test_processes_are_joined_by_the_geometric_mean_and_student():
    value, low, high = between_processes([1.0, 4.0])
    assert value == pytest.approx(2.0)
    half = 12.706204736174694 * math.log(4) / 2  # t(0.975, 1) * sd / sqrt(2)
    assert (low, high) == (pytest.approx(2 * math.exp(-half)), pytest.approx(2 * math.exp(half)))


def test_one_process_has_no_interval_between_processes():
    assert between_processes([3.0]) == (3.0, None, None)
    assert between_processes([0.0, 2.0]) == (1.0, None, None)


def test_a_share_has_wilsons_interval():
    # Newcombe 1998, table I, row 3: 81 of 263
    assert share_interval(81, 263) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert share_interval(0, 10)[0] == 0.0
    assert share_interval(10, 10)[1] == 1.0


def test_a_paired_difference_of_shares_has_bonett_and_prices_interval():
    low, high = paired_share_interval(gained=0, lost=0, n=500)
    assert (low, high) == (pytest.approx(-0.005522, abs=1e-6), pytest.approx(0.005522, abs=1e-6))
    low, high = paired_share_interval(gained=3, lost=13, n=98)
    centre, half = -0.1, 1.959963984540054 * math.sqrt((0.18 - 0.01) / 100)
    assert (low, high) == (pytest.approx(centre - half), pytest.approx(centre + half))


def test_the_paired_interval_covers_in_95_percent():
    generator = np.random.default_rng(2)
    kinds = generator.multinomial(300, [0.03, 0.05, 0.92], 2000)  # gained, lost, the same
    hits = 0
    for gained, lost, _ in kinds:
        low, high = paired_share_interval(gained, lost, 300)
        hits += low <= -0.02 <= high
    assert 0.94 <= hits / 2000 <= 0.99


def test_a_mean_has_students_interval():
    low, high = mean_interval(np.array([1.0, 2.0, 3.0]))
    half = 4.302652729911275 / math.sqrt(3)
    assert (low, high) == (pytest.approx(2 - half), pytest.approx(2 + half))
    assert mean_interval(np.array([1.0])) is None


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 7, 130, 1000, 30_000])
def test_binomial_shares_are_scipys(n, share):
    from scipy.special import bdtr

    np.testing.assert_allclose(binomial_shares(n, share), bdtr(np.arange(n + 1), n, share), atol=1e-8)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_students_quantiles_are_scipys_on_both_sides_of_the_expansion(level):
    from scipy.special import stdtrit

    freedom = [1, 2, 3, 4, 9, 10, 198, 199, 200, 201, 1000, 100_000]
    found = [t_quantile(degrees, level) for degrees in freedom]
    np.testing.assert_allclose(found, stdtrit(freedom, (1 + level) / 2), rtol=1e-9)
