"""How many blocks a job has, before any of them is run."""

from dataclasses import replace

import pytest

from harness.ab.model import ABSettings
from harness.ab.schedule import OnlyCase, SeveralCases, count_tests, schedule_of
from harness.stats.sequential import FirstLook

P50, P95, PEAK = "latency/p50", "latency/p95", "memory/peak"
ALL = (P50, P95, PEAK)
SETTINGS = ABSettings(alpha=0.01)


def test_the_number_of_cases_chooses_the_strategy():
    assert isinstance(schedule_of(SETTINGS, 1), OnlyCase)
    assert isinstance(schedule_of(SETTINGS, 2), SeveralCases)


def test_tests_are_counted_in_shares_of_alpha():
    """Of 1%, p50 has 0.7%, p95 0.25% and the peak of memory 0.05%."""
    assert count_tests(ALL) == pytest.approx(10 / 7)
    assert [0.01 * count_tests([metric]) / count_tests(ALL) for metric in ALL] == pytest.approx(
        [0.007, 0.0025, 0.0005]
    )


@pytest.mark.parametrize(
    ("metrics", "fewest", "fair", "safe", "second"), [((P50,), 7, 9, 13, 15), (ALL, 8, 10, 13, 15)]
)
def test_an_only_case_decides_on_all_its_blocks(metrics, fewest, fair, safe, second):
    made = OnlyCase.of(SETTINGS, metrics)
    assert (made.fewest, made.fair, made.safe, made.second_look, made.control) == (
        fewest,
        fair,
        safe,
        second,
        8,
    )


def test_an_only_case_is_looked_at_twice_where_the_budget_pays_twice_what_is_safe():
    made = OnlyCase.of(SETTINGS, ALL)
    assert [made.looks(most) for most in (3, 20, 25)] == [(None, 3), (None, 20), (None, 25)]
    assert [made.looks(most) for most in (26, 99)] == [(FirstLook(13), 13)] * 2


def test_an_only_case_whose_budget_the_job_chose_is_looked_at_early():
    """Half of alpha at thirteen blocks, where a quarter more are to come: what shows then need not wait."""
    made = OnlyCase.of(replace(SETTINGS, most_s=30.0), ALL)
    assert [made.looks(most) for most in (3, 16)] == [(None, 3), (None, 16)]
    assert [made.looks(most) for most in (17, 99)] == [(FirstLook(13, 0.5), 13)] * 2


def test_the_blocks_of_a_confirmation_grow_with_the_candidates():
    made = {tests: SeveralCases.of(SETTINGS, tests) for tests in (0, 1, 2, 10)}
    assert [each.fewest for each in made.values()] == [7, 7, 8, 11]
    assert [each.fair for each in made.values()] == [8, 8, 9, 12]
    assert [each.second_look for each in made.values()] == [15, 15, 16, 18]


def test_what_is_to_come_falls_with_every_block_and_is_one_at_least():
    only = OnlyCase.of(SETTINGS, ALL)
    assert [only.to_come(0, done) for done in (0, 3, 30)] == [(10, 13), (7, 10), (1, 1)]
    several = SeveralCases.of(SETTINGS)
    assert [several.to_come(done, 0) for done in (0, 2, 5)] == [(12, 19), (10, 17), (10, 17)]
