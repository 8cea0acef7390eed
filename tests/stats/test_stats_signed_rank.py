import numpy as np
import pytest

from harness.stats import signed_rank as sr


@pytest.mark.parametrize("n", range(1, 26))
def test_p_is_that_of_scipys_exact_test(n):
    from scipy.stats import wilcoxon

    values = np.random.default_rng(n).normal(0.3, 1, n)
    for alternative, p in (("greater", sr.p_above(values, 0.1)), ("less", sr.p_below(values, 0.1))):
        assert p == pytest.approx(wilcoxon(values - 0.1, alternative=alternative, method="exact").pvalue)


def test_the_null_distribution_of_three_values_is_counted_by_hand():
    # sums of {1, 2, 3}: 0 1 2 3 3 4 5 6
    assert sr.tail(3).tolist() == [1, 7 / 8, 6 / 8, 5 / 8, 3 / 8, 2 / 8, 1 / 8]


def test_no_values_show_nothing():
    assert sr.p_above([], 0.0) == 1.0


def test_a_tie_with_the_threshold_does_not_count():
    assert sr.p_above([1.0, 1.0, 1.0], 1.0) == 1.0
    assert sr.p_above([0.0, 1.0, 2.0], 0.0) == 2 / 8  # of six averages one is zero: T = 5


def test_ties_between_values_never_reject_more_often_than_alpha():
    generator = np.random.default_rng(0)
    draws = generator.integers(-2, 3, (4000, 9))
    assert np.mean([sr.p_above(draw, 0.0) <= 0.05 for draw in draws]) <= 0.05


def test_the_estimate_is_the_median_of_the_walsh_averages():
    assert sr.walsh([1.0, 2.0, 6.0]).tolist() == [1.0, 1.5, 2.0, 3.5, 4.0, 6.0]
    assert sr.estimate([1.0, 2.0, 6.0]) == 2.75


def test_five_values_have_no_interval_and_six_have_their_range():
    assert sr.interval([1, 2, 3, 4, 5]) is None
    assert sr.interval([1, 2, 3, 4, 5, 6]) == (1.0, 6.0)


def test_the_interval_holds_what_the_test_does_not_reject():
    values = np.random.default_rng(5).normal(0, 1, 12)
    low, high = sr.interval(values)
    assert sr.p_above(values, low - 1e-9) <= 0.025 < sr.p_above(values, low + 1e-9)
    assert sr.p_below(values, high + 1e-9) <= 0.025 < sr.p_below(values, high - 1e-9)


def test_the_interval_covers_in_95_percent():
    generator = np.random.default_rng(6)
    hits = 0
    for _ in range(1000):
        low, high = sr.interval(generator.standard_t(3, 10))
        hits += low <= 0 <= high
    assert 0.935 <= hits / 1000 <= 0.97


@pytest.mark.parametrize(("alpha", "n"), [(0.05, 5), (0.01, 7), (0.001, 10), (1 / 128, 7)])
def test_the_fewest_values_are_those_that_reject_when_all_agree(alpha, n):
    assert sr.values_needed(alpha) == n
    assert sr.critical_count(n, alpha) == n * (n + 1) // 2
    assert sr.critical_count(n - 1, alpha) is None


def test_the_visible_shift_of_seven_values_is_known_in_closed_form():
    # all seven must lie beyond: Phi(shift)^7 = 0.95
    from scipy.stats import norm

    assert sr.visible_shift(7, 0.01) == pytest.approx(norm.ppf(0.95 ** (1 / 7)), abs=0.08)
    assert sr.visible_shift(6, 0.01) is None


def test_the_visible_shift_is_seen_in_95_percent():
    generator = np.random.default_rng(7)
    shift = sr.visible_shift(12, 0.01)
    seen = [sr.p_above(generator.normal(shift, 1, 12), 0) <= 0.01 for _ in range(2000)]
    assert np.mean(seen) == pytest.approx(0.95, abs=0.02)


def test_many_values_see_what_the_square_root_of_their_number_says():
    assert sr.visible_shift(240, 0.01) == pytest.approx(sr.visible_shift(60, 0.01) / 2)


def test_so_many_values_reject_though_those_of_the_smallest_ranks_stray():
    for strays, n in ((0, 7), (1, 8), (2, 9), (3, 11)):
        assert sr.values_needed(0.01, strays) == n
        values = [-1.0 - i / 10 for i in range(strays)] + [5.0 + i for i in range(n - strays)]
        assert sr.p_above(values, 0) <= 0.01 < sr.p_above(values[:-1], 0)


def test_weights_rank_distances_in_units_of_the_errors():
    values, errors = [1.0, -3.0, 2.0, 0.5], np.array([0.1, 6.0, 1.0, 0.1])
    scaled = (np.array(values) - 0.2) / errors
    assert sr.p_above(values, 0.2, 1 / errors) == sr.p_above(scaled, 0)
    assert sr.p_below(values, 0.2, 1 / errors) == sr.p_below(scaled, 0)


def test_the_weighted_test_agrees_with_ranks_in_units_of_the_errors_at_every_threshold():
    generator = np.random.default_rng(11)
    for _ in range(50):
        values, errors = generator.normal(0, 1, 8), generator.uniform(0.1, 5, 8)
        for threshold in generator.normal(0, 1, 5):
            scaled = (values - threshold) / errors
            ranks = np.argsort(np.argsort(np.abs(scaled))) + 1
            expected = sr.tail(8)[int(ranks[scaled > 0].sum())]
            assert sr.p_above(values, threshold, 1 / errors) == expected


def test_weights_are_of_no_account_where_they_are_the_same_and_only_their_ratios_count():
    values = np.random.default_rng(3).normal(0, 1, 9)
    for functions in (sr.walsh, sr.estimate, sr.spread):
        np.testing.assert_allclose(functions(values, [4.0] * 9), functions(values))
    weights = np.random.default_rng(4).uniform(0.1, 1, 9)
    np.testing.assert_allclose(sr.walsh(values, weights), sr.walsh(values, 100 * weights))
    assert sr.spread(values) == pytest.approx(np.std(values, ddof=1))


def test_a_weighted_estimate_and_interval_leave_a_wild_value_that_weighs_little_out():
    values = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 500.0]
    weights = [1.0] * 7 + [1e-6]
    assert sr.estimate(values, weights) == pytest.approx(1.0, abs=0.05)
    low, high = sr.interval(values, weights=weights)
    assert 0.9 <= low < 1.0 < high <= 1.1


def test_the_weighted_interval_covers_in_95_percent():
    generator, hits = np.random.default_rng(6), 0
    for _ in range(1000):
        errors = generator.choice([0.1, 3.0], 10)
        low, high = sr.interval(errors * generator.standard_t(3, 10), weights=1 / errors)
        hits += low <= 0 <= high
    assert 0.935 <= hits / 1000 <= 0.97


def test_values_to_come_may_be_infinite_whatever_they_weigh():
    for weights in (None, [1.0, 2.0, 0.1, 5.0]):
        assert sr.p_above([1.0, 2.0, np.inf, np.inf], 0, weights) == 1 / 16
        assert sr.p_above([1.0, 2.0, -np.inf, -np.inf], 0, weights) > 0.5
