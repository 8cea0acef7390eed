"""Values that flip between two levels, and those that do not."""

from __future__ import annotations

import pytest

from harness.stats.levels import find_levels, fisher

LOW, HIGH = (83.0, 83.1, 83.05, 82.95), (91.0, 91.1, 90.95, 91.05)
LEAST = 0.01


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (LOW * 2, LOW * 2),  # one level
        (LOW * 2, HIGH * 2),  # one a side: a shift
        ((*LOW, *LOW), (*LOW, *LOW[:3], 91.0)),  # a stray
        ((80, 82, 84, 86, 88), (81, 83, 85, 87, 89)),  # noise
        ((83.0, 83.2, 83.4, 83.2), (83.0, 83.4, 83.0, 83.4)),  # levels closer than what is of interest
        (LOW[:2], HIGH[:2]),  # too few
        ((*LOW, 0.0), HIGH),
    ],
)
def test_there_are_no_two_levels(base: tuple[float, ...], head: tuple[float, ...]) -> None:
    assert find_levels(base, head, LEAST) is None


def test_levels_alike_in_both_arms_are_found() -> None:
    found = find_levels((*LOW, *HIGH), (*LOW[:3], *HIGH, 91.0), LEAST)
    assert found == ((False,) * 4 + (True,) * 4, (False,) * 3 + (True,) * 5)


def test_an_arm_may_be_at_one_of_the_levels_alone() -> None:
    found = find_levels((*LOW, *LOW[:2], *HIGH[:2]), HIGH * 2, LEAST)
    assert found == ((False,) * 6 + (True,) * 2, (True,) * 8)


def test_both_levels_may_move() -> None:
    head = tuple(1.03 * value for value in (*LOW, *HIGH))
    assert find_levels((*LOW, *HIGH), head, LEAST) == ((False,) * 4 + (True,) * 4,) * 2


@pytest.mark.parametrize("counts", [(0, 8, 5, 8), (3, 7, 1, 9), (4, 8, 4, 8), (8, 8, 0, 8), (0, 5, 0, 5)])
def test_fishers_test_is_that_of_scipy(counts: tuple[int, int, int, int]) -> None:
    from scipy.stats import fisher_exact

    first, of_first, second, of_second = counts
    table = [[first, of_first - first], [second, of_second - second]]
    assert fisher(*counts) == pytest.approx(fisher_exact(table).pvalue)
