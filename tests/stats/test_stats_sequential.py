"""How many values a test takes."""

from __future__ import annotations

import pytest

from harness.stats import sequential
from harness.stats.sequential import FirstLook


@pytest.mark.parametrize("shift", [0.3, 0.7, 1.2])
def test_so_many_values_show_a_shift_and_one_less_does_hardly(shift: float) -> None:
    needed = sequential.values_to_see(shift, 0.01, 9, lambda n: (None, n))
    assert needed is not None
    seen, less = (sequential.visible_shift(n, 0.01) for n in (needed, int(0.9 * needed)))
    assert seen is not None
    assert less is not None
    assert seen <= shift < less


def test_two_looks_take_more_values_than_one() -> None:
    one, two = (
        sequential.values_to_see(0.5, 0.01, 9, lambda n, first=first: (first, n))
        for first in (None, FirstLook(13))
    )
    assert one is not None
    assert two is not None
    assert two > one


def test_no_values_show_what_lies_within_the_margin() -> None:
    assert sequential.values_to_see(0.0, 0.01, 9, lambda n: (None, n)) is None
    assert sequential.values_to_see(1e-6, 0.01, 9, lambda n: (None, n)) is None
    assert sequential.values_to_see(1e6, 0.01, 9, lambda n: (None, n)) == 9
