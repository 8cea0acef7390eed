"""What one tensor of HEAD is called against BASE's."""

from __future__ import annotations

import numpy as np
import pytest

from harness.explain.errors import compare
from harness.explain.model import TensorVerdict
from harness.judge.closeness import Limits

LIMITS = Limits(sqnr_db=20.0)


def test_equal_values_are_identical_nan_and_inf_in_the_same_places_too() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf], np.float32)
    found = compare("t", values, values.copy(), LIMITS)
    assert (found.verdict, found.differing_ratio) == (TensorVerdict.IDENTICAL, 0.0)
    assert (found.base_nonfinite_ratio, found.head_nonfinite_ratio) == (0.75, 0.75)


@pytest.mark.parametrize(
    ("head", "verdict", "reason"),
    [
        ([10.0, 10.5], TensorVerdict.WITHIN, ""),
        ([10.0, 13.0], TensorVerdict.BEYOND, "SQNR 13.5 dB; 20.0 dB are asked for"),
        ([10.0, np.nan], TensorVerdict.BEYOND, "1 of 2 values are NaN or Inf in one arm alone"),
    ],
)
def test_real_values_are_compared_by_their_noise(
    head: list[float], verdict: TensorVerdict, reason: str
) -> None:
    found = compare("t", np.array([10.0, 10.0]), np.array(head), LIMITS)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_an_error_where_base_has_nothing_but_zeros_is_beyond() -> None:
    found = compare("t", np.zeros(2), np.array([0.0, 0.5]), LIMITS)
    assert (found.sqnr_db, found.reason) == (None, "nothing but zeros in base, up to 0.5 in head")


def test_the_largest_error_counts_where_a_suite_limits_it() -> None:
    limits = Limits(sqnr_db=0.0, max_abs_error=0.1)
    found = compare("t", np.ones(2), np.array([1.0, 1.2]), limits)
    assert found.reason == "largest error 0.2; 0.1 is allowed"


def test_labels_are_compared_by_how_many_differ() -> None:
    base = np.arange(1000, dtype=np.int64)
    head = base.copy()
    head[:10] += 1
    assert compare("t", base, head, LIMITS).verdict is TensorVerdict.WITHIN
    head[:11] += 1
    assert compare("t", base, head, LIMITS).reason == "1.10% of the values differ"


def test_other_shapes_and_text_are_not_compared() -> None:
    found = compare("t", np.zeros((2, 3)), np.zeros((2, 4)), LIMITS)
    assert (found.verdict, found.reason) == (
        TensorVerdict.UNCOMPARED,
        "its shape is [2, 4] in head, [2, 3] in base",
    )
    text = np.array(["a"], object)
    assert compare("t", text, text, LIMITS).reason == "it holds object"


def test_values_whose_squares_overflow_have_a_ratio_too() -> None:
    found = compare("t", np.array([1e300, 1e300]), np.array([1e300, 1.1e300]), LIMITS)
    assert found.sqnr_db == pytest.approx(23.01, abs=0.01)
