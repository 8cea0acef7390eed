"""Since when a series is as its newest value is."""

import pytest

from harness.core.decision import Change, Shift
from harness.nightly.since import since


def shift(index: int, verdict: Change = Change.REGRESSION) -> Shift:
    return Shift(index, 1.0, 2.0, 1.0, 10.0, verdict)


@pytest.mark.parametrize(
    ("values", "base", "expected"),
    [
        ([1.1], 1.0, 0),
        ([1.0, 1.0, 1.1, 1.1], 1.0, 2),
        ([1.1, 1.0, 1.1, 1.1], 1.0, 2),  # it was mended in between
        ([1.1, 1.1, 1.1], 1.0, 0),
        ([1.0, 1.04, 1.06, 1.1], 1.0, 2),  # half way is where the row begins
        ([1.0, 0.9, 0.9], 1.0, 1),  # lower may be worse as well
        ([1.0, 1.0], 1.0, 1),
    ],
)
def test_the_unbroken_row_of_values_like_the_last_one(
    values: list[float], base: float, expected: int
) -> None:
    assert since(values, base) == expected


def test_the_last_change_for_the_worse_counts_where_it_is_known() -> None:
    values = [1.0] * 5 + [2.0] * 5
    assert since(values, 1.0, [shift(2), shift(6), shift(8, Change.IMPROVEMENT)]) == 6


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        since([], 1.0)
