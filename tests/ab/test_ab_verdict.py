import math

import numpy as np
import pytest

from harness.ab import screening, verdict
from harness.core.decision import Change
from harness.stats import sequential, signed_rank
from harness.stats.sequential import EARLY_SHARE, FirstLook
from harness.stats.signed_rank import tail


def blocks(*percent):
    """Log-ratios of blocks that differ by these percentages."""
    return [math.log1p(value / 100) for value in percent]


def draws(n, effect=0.0, sd=0.003, seed=0):
    return list(np.random.default_rng(seed).normal(math.log1p(effect), sd, n))


SLOWER = blocks(2.0, 2.1, 1.9, 2.2, 1.8, 2.3, 1.7)


def test_seven_blocks_beyond_the_minimum_effect_are_a_regression():
    decision = verdict.decide(SLOWER, min_effect=0.01)
    assert decision.verdict is Change.REGRESSION
    assert decision.p == 2**-7
    assert decision.ratio == pytest.approx(1.02, abs=2e-6)
    assert decision.low == pytest.approx(1.018, abs=2e-6)  # 26th largest of 28 averages: P(T ≥ 26) = 3/128
    assert decision.high == pytest.approx(1.022, abs=2e-6)
    assert (decision.blocks, decision.min_effect) == (7, 0.01)
    assert decision.reason == "+2.00%, shown to exceed 1.00% (p = 0.0078)"


def test_the_smallest_visible_effect_is_the_minimum_and_what_the_spread_hides():
    from harness.stats.signed_rank import visible_shift

    decision = verdict.decide(SLOWER, min_effect=0.01)
    spread = np.std(SLOWER, ddof=1)
    assert decision.mde == pytest.approx(math.exp(math.log(1.01) + visible_shift(7, 0.01) * spread) - 1)


def test_a_faster_head_is_an_improvement():
    decision = verdict.decide([-block for block in SLOWER], min_effect=0.01)
    assert decision.verdict is Change.IMPROVEMENT
    assert decision.ratio == pytest.approx(1 / 1.02, abs=2e-6)


def test_blocks_within_the_minimum_effect_on_both_sides_are_equivalent():
    decision = verdict.decide(blocks(0.1, -0.1, 0.2, -0.2, 0.3), min_effect=0.01)
    assert decision.verdict is Change.EQUIVALENT
    assert decision.p == 2**-5
    assert decision.reason == "+0.05%, shown to be within ±1.00% (p = 0.031)"


def test_too_few_blocks_show_nothing_and_say_how_many_would():
    decision = verdict.decide(SLOWER[:6], min_effect=0.01)
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.reason == "6 blocks; 7 are needed to show anything at 0.01"
    assert decision.mde is None


def test_a_slowdown_of_just_the_minimum_effect_is_not_shown():
    decision = verdict.decide(blocks(1.0, 1.1, 0.9, 1.2, 0.8, 1.3, 0.7), min_effect=0.01)
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.reason.startswith("+1.00%: neither shown to exceed 1.00%")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_block_without_a_ratio_makes_it_inconclusive(bad):
    decision = verdict.decide([*SLOWER, bad], min_effect=0.01)
    assert (decision.verdict, decision.reason) == (Change.INCONCLUSIVE, "1 of 8 blocks have no ratio")


def test_no_blocks_are_inconclusive():
    assert verdict.decide([], min_effect=0.01).reason == "no blocks"


def test_blocks_needed_grow_with_the_candidates():
    assert [sequential.fewest_values(0.01, k) for k in (1, 2, 10)] == [7, 8, 10]


def test_holm_tests_the_smallest_p_at_the_strictest_level_and_stops_at_the_first_miss():
    levels = sequential.holm({"a": 0.001, "b": 0.02, "c": 0.004, "d": 0.021}, 0.02)
    assert levels == {
        "a": pytest.approx(0.02 / 4),
        "c": pytest.approx(0.02 / 3),
        "b": pytest.approx(0.02 / 2),
        "d": pytest.approx(0.02 / 2),
    }


def test_one_candidate_is_confirmed_at_alpha_and_two_need_more():
    alone = verdict.decide_all({"a": SLOWER}, min_effect=0.01)
    assert alone["a"].verdict is Change.REGRESSION
    flat = blocks(0.1, -0.1, 0.2, -0.2, 0.3, 0.1, 0.0)
    both = verdict.decide_all({"a": SLOWER, "b": flat}, min_effect=0.01)
    assert both["a"].verdict is Change.INCONCLUSIVE  # 2^-7 is above 0.01 / 2
    assert both["b"].verdict is Change.EQUIVALENT
    more = verdict.decide_all({"a": [*SLOWER, 0.02], "b": flat}, min_effect=0.01)
    assert more["a"].verdict is Change.REGRESSION


def test_two_looks_share_alpha_and_the_better_one_counts():
    wild, weights = blocks(3, 3, 3, 3, 3, 3, 3, -50), [1.0] * 8
    assert verdict.decide(wild, min_effect=0.01, first=FirstLook(8)).verdict is Change.INCONCLUSIVE
    more, weights = [*wild, *blocks(*[3] * 12)], [*[1.0] * 7, 0.01, *[1.0] * 12]
    found = verdict.decide(more, min_effect=0.01, first=FirstLook(8), weights=weights)
    assert found.verdict is Change.REGRESSION
    assert found.p == pytest.approx(signed_rank.p_above(more, math.log(1.01), weights) / 0.2)
    assert found.blocks == 20


def test_a_wild_block_that_is_known_to_be_imprecise_hides_nothing():
    wild = blocks(-9, *[3] * 9)
    unweighted = verdict.decide(wild, min_effect=0.01)
    assert unweighted.verdict is Change.INCONCLUSIVE
    found = verdict.decide(wild, min_effect=0.01, weights=[0.1, *[1.0] * 9])
    assert found.verdict is Change.REGRESSION
    assert found.p == pytest.approx(2 * 2**-10)  # its rank is the smallest
    assert found.low > 1.01
    assert found.mde < unweighted.mde


def test_what_all_weigh_the_same_is_of_no_account():
    values = draws(9, 0.012)
    one, other = (
        verdict.decide(values, min_effect=0.01, weights=[8.0] * 9),
        verdict.decide(values, min_effect=0.01),
    )
    assert (one.verdict, one.p) == (other.verdict, other.p)
    assert (one.ratio, one.low, one.mde) == pytest.approx((other.ratio, other.low, other.mde))


@pytest.mark.parametrize("first", [None, FirstLook(9), FirstLook(9, EARLY_SHARE)])
def test_weights_are_carried_into_every_decision(first):
    values, weights = blocks(-50, *[3] * 19), [0.01, *[1.0] * 19]
    options = {"min_effect": 0.01, "first": first}
    whole = verdict.decide(values, weights=weights, **options)
    assert whole.verdict is Change.REGRESSION
    assert (
        verdict.decide_all({"a": values}, weights={"a": weights}, min_effect=0.01, firsts={"a": first})["a"]
        == whole
    )
    settled = verdict.final_decision(values, 20, weights=weights, **options)
    assert (settled.verdict, settled.p) == (Change.REGRESSION, whole.p)


def test_what_a_first_look_has_shown_no_later_block_takes_back():
    found = verdict.decide([*blocks(*[3] * 8), *blocks(*[-9] * 12)], min_effect=0.01, first=FirstLook(8))
    assert (found.verdict, found.p) == (Change.REGRESSION, pytest.approx(2**-8 / 0.8))


def test_the_first_look_alone_is_stricter_than_one_look():
    seven = blocks(*[3] * 7)
    assert verdict.decide(seven, min_effect=0.01, first=FirstLook(7)).p == pytest.approx(2**-7 / 0.8)
    assert (
        verdict.decide(seven, min_effect=0.01, alpha=0.009, first=FirstLook(7)).verdict is Change.INCONCLUSIVE
    )
    assert verdict.decide(seven, min_effect=0.01, alpha=0.009).verdict is Change.REGRESSION


def test_the_smallest_visible_effect_is_that_of_the_look_which_decides():
    assert sequential.visible_shift(14, 0.01) == signed_rank.visible_shift(14, 0.01)
    assert sequential.visible_shift(14, 0.01, FirstLook(14)) == signed_rank.visible_shift(14, 0.008)
    assert sequential.visible_shift(28, 0.01, FirstLook(14)) == signed_rank.visible_shift(28, 0.002)
    early = FirstLook(14, EARLY_SHARE)
    assert sequential.visible_shift(28, 0.01, early) == signed_rank.visible_shift(28, 0.005)


@pytest.mark.parametrize("looks", [1, 2])
@pytest.mark.parametrize("candidates", [1, 2, 2.5, 10])
def test_so_many_blocks_show_a_change_though_the_four_most_imprecise_stray(looks, candidates):
    share = sequential.LOOKS[1] if looks == 2 else 1
    n, level = sequential.safe_values(share * 0.01, candidates), 0.01 / candidates
    strayed, weights = blocks(*[-9] * 4, *[3] * (n - 4)), [0.01] * 4 + [1.0] * (n - 4)
    first = FirstLook(7) if looks == 2 else None
    options = {"min_effect": 0.01, "alpha": level, "first": first}
    assert verdict.decide(strayed, weights=weights, **options).verdict is Change.REGRESSION
    fewer = verdict.decide(strayed[:-1], weights=weights[:-1], **options)
    assert fewer.verdict is Change.INCONCLUSIVE


@pytest.mark.parametrize("first", [FirstLook(8), FirstLook(8, EARLY_SHARE), None])
def test_what_is_settled_no_completion_changes_whatever_it_weighs(first):
    generator = np.random.default_rng(12)
    settled = 0
    for _ in range(300):
        effect, sd = generator.choice([-0.02, 0.0, 0.01, 0.03]), generator.choice([0.002, 0.02])
        values, weights = list(generator.normal(effect, sd, 14)), list(generator.uniform(0.1, 1, 14))
        for seen in range(5, 14):
            options = {"min_effect": 0.01, "first": first}
            found = verdict.final_decision(values[:seen], 14, tests=3, weights=weights[:seen], **options)
            if found is None:
                continue
            settled += 1
            for _ in range(5):
                rest = list(generator.normal(generator.normal(0, 0.03), 0.01, 14 - seen))
                last = list(generator.uniform(0.01, 3, 14 - seen))
                for level in (0.01, 0.01 / 3):
                    full = verdict.decide(
                        [*values[:seen], *rest], alpha=level, weights=[*weights[:seen], *last], **options
                    )
                    assert full.verdict is found.verdict
            break
    assert settled > 60


@pytest.mark.parametrize("effect", [0.0, 0.01])
def test_weights_raise_no_more_false_alarms_where_errors_are_known_and_large(effect):
    """Half of the blocks are thirty times as wild, and known to be."""
    generator = np.random.default_rng(4)
    alarms = 0
    for _ in range(2000):
        errors = np.where(generator.random(10) < 0.5, 0.06, 0.002)
        values = (math.log1p(effect) + errors * generator.standard_t(3, 10)).tolist()
        found = verdict.decide(values, min_effect=0.01, weights=(1 / errors).tolist())
        alarms += found.verdict is Change.REGRESSION
    assert alarms <= 0.01 * 2000 + 3 * 20**0.5
    assert effect == 0 or alarms > 0.002 * 2000


@pytest.mark.parametrize("noise", ["normal", "student"])
def test_two_looks_raise_no_more_false_alarms_than_alpha_at_the_minimum_effect(noise):
    generator = np.random.default_rng(3)
    draw = {"normal": generator.standard_normal, "student": lambda n: generator.standard_t(2, n)}[noise]
    alarms = 0
    for _ in range(3000):
        values = math.log1p(0.01) + 0.01 * draw(30)
        look = verdict.decide(values[:9].tolist(), min_effect=0.01, first=FirstLook(9))
        if look.verdict is Change.INCONCLUSIVE:
            look = verdict.decide(values.tolist(), min_effect=0.01, first=FirstLook(9))
        alarms += look.verdict is Change.REGRESSION
    assert 0.003 * 3000 < alarms <= 0.01 * 3000 + 3 * 30**0.5


def test_a_regression_is_settled_when_even_the_best_blocks_to_come_leave_it():
    all_alike = blocks(*[3.0] * 14)
    assert verdict.final_decision(all_alike[:12], 14, min_effect=0.01) is None
    decision = verdict.final_decision(all_alike[:13], 14, min_effect=0.01)
    assert decision.verdict is Change.REGRESSION
    assert decision.p == tail(14)[105 - 14]  # the last block may hold the largest rank against it
    assert decision.reason == "after 13 of 14 blocks no others could change it"


def test_equivalence_and_futility_are_settled_too():
    flat = blocks(0.1, -0.1, 0.2, -0.2, 0.3, -0.3, 0.0, 0.1, 0.1)
    assert verdict.final_decision(flat, 10, min_effect=0.01).verdict is Change.EQUIVALENT
    mixed = blocks(5, -5, 5, -5, 5, -5)
    assert verdict.final_decision(mixed, 8, min_effect=0.01).verdict is Change.INCONCLUSIVE


def test_a_settled_verdict_is_the_one_that_every_completion_ends_with():
    generator = np.random.default_rng(4)
    settled = 0
    for _ in range(400):
        effect, sd = generator.choice([-0.02, 0.0, 0.01, 0.02]), generator.choice([0.002, 0.01])
        values = list(generator.normal(effect, sd, 10))
        for seen in range(3, 10):
            found = verdict.final_decision(values[:seen], 10, min_effect=0.01)
            if found is None:
                continue
            settled += 1
            for _ in range(5):
                rest = list(generator.normal(generator.normal(0, 0.03), 0.01, 10 - seen))
                full = verdict.decide([*values[:seen], *rest], min_effect=0.01)
                assert full.verdict is found.verdict
                if found.p is not None:
                    assert full.p <= found.p
            break
    assert settled > 100


def test_several_candidates_settle_later():
    all_alike = blocks(*[3.0] * 14)
    assert verdict.final_decision(all_alike[:13], 14, min_effect=0.01, tests=5) is None


def job(effect, sd, generator, *, min_effect=0.01, screen=5, confirm=8):
    """One simulated case of an A/B: screening, then confirmation on fresh blocks."""
    centre = math.log1p(effect)
    first = list(generator.normal(centre, sd, screen))
    if not screening.is_candidate(first, min_effect=min_effect):
        return verdict.decide(first, min_effect=min_effect).verdict
    return verdict.decide_all({"c": list(generator.normal(centre, sd, confirm))}, min_effect=min_effect)[
        "c"
    ].verdict


@pytest.mark.parametrize("effect", [0.0, 0.01])
def test_false_regressions_stay_below_one_percent_up_to_the_minimum_effect(effect):
    generator = np.random.default_rng(8)
    verdicts = [job(effect, 0.003, generator) for _ in range(1000)]
    assert verdicts.count(Change.REGRESSION) <= 10


def test_two_percent_in_noise_of_a_third_of_a_percent_are_caught_in_95_percent():
    generator = np.random.default_rng(9)
    verdicts = [job(0.02, 0.003, generator) for _ in range(300)]
    assert verdicts.count(Change.REGRESSION) >= 285


def test_one_percent_is_caught_when_three_tenths_are_asked_for():
    generator = np.random.default_rng(10)
    verdicts = [job(0.01, 0.003, generator, min_effect=0.003) for _ in range(300)]
    assert verdicts.count(Change.REGRESSION) >= 285
