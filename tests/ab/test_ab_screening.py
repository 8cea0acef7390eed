import math

import pytest

from harness.ab import screening
from harness.core.decision import Change


def blocks(*percent):
    """Log-ratios of blocks that differ by these percentages."""
    return [math.log1p(value / 100) for value in percent]


def test_screening_keeps_what_looks_like_half_the_minimum_effect():
    assert screening.is_candidate(blocks(0.6, 0.5, 0.6), min_effect=0.01)
    assert screening.is_candidate(blocks(-0.6, -0.6, -0.6), min_effect=0.01)
    assert not screening.is_candidate(blocks(0.4, 0.5, 0.4), min_effect=0.01)


def test_the_share_of_the_minimum_effect_can_be_raised():
    seen = blocks(0.9, 0.9, 0.9)
    assert screening.is_candidate(seen, min_effect=0.01)
    assert not screening.is_candidate(seen, min_effect=0.01, share=1.0)
    assert screening.is_candidate(blocks(1.1, 1.1, 1.1), min_effect=0.01, share=1.0)


def test_blocks_that_disagree_on_the_sign_are_noise_however_large():
    assert screening.is_candidate(blocks(9.0, 8.0, -1.0), min_effect=0.01)  # p = 2/8
    assert not screening.is_candidate(blocks(9.0, 8.0, -8.5), min_effect=0.01)  # p = 3/8
    assert screening.is_candidate(blocks(5, 4, 3, 2, 1.5, -3.5), min_effect=0.01)  # p = 7/64
    assert not screening.is_candidate(blocks(5, 4, 3, -3.5, 1.5, -4.5), min_effect=0.01)  # p = 22/64


@pytest.mark.parametrize("seen", [[], [math.nan], [*blocks(0.0, 0.0), math.inf]])
def test_blocks_without_a_ratio_ask_for_a_confirmation(seen):
    assert screening.is_candidate(seen, min_effect=0.01)


def test_a_clear_effect_needs_the_fewest_blocks_and_a_small_one_all_that_can_be_paid():
    clear = blocks(5.0, 5.1, 4.9)
    assert screening.blocks_worth(clear, fewest=8, most=30, min_effect=0.01) == 8
    below = blocks(0.8, 0.9, 0.7)
    assert screening.blocks_worth(below, fewest=8, most=30, min_effect=0.01) == 30
    between = blocks(3.0, 2.6, 3.4)
    worth = screening.blocks_worth(between, fewest=8, most=60, min_effect=0.01)
    assert 8 < worth < 60
    assert worth == screening.blocks_worth(between, fewest=8, most=40, min_effect=0.01)
    # blocks without any spread show everything at once
    assert screening.blocks_worth(blocks(2, 2, 2), fewest=8, most=30, min_effect=0.01) == 8
    assert screening.blocks_worth(clear, fewest=9, most=9, min_effect=0.01) == 9


def test_a_screening_raises_no_alarm_however_clear_its_blocks_are():
    decision = screening.screened(blocks(*[5.0] * 12), planned=9, min_effect=0.01)
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.reason == "+5.00%: no candidate for more than 1.00%, nor shown to be within it"


def test_a_screening_can_show_that_nothing_changed():
    decision = screening.screened(blocks(0.1, -0.1, 0.2, -0.2, 0.3, 0.1), planned=9, min_effect=0.01)
    assert decision.verdict is Change.EQUIVALENT
    assert decision.p == 2**-6
    assert decision.blocks == 6


def test_the_smallest_visible_effect_is_that_of_the_confirmation_there_would_have_been():
    seen = blocks(0.1, -0.1, 0.2, -0.2, 0.3, 0.1)
    mde = {n: screening.screened(seen, planned=n, min_effect=0.01).mde for n in (6, 8, 20)}
    assert mde[6] is None  # six blocks show nothing at 1%
    assert 0.01 < mde[20] < mde[8] < 0.02
