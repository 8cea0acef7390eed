"""Say since when a series is as its newest value is."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.decision import Change, Shift


def since(values: Sequence[float], base: float, shifts: Sequence[Shift] = ()) -> int:
    """Return the index of the first value that is like the last one of `values`, and not like `base`.

    That is where the series last changed for the worse, where it is long
    enough to be decided (`shifts`, whose indexes are those of `values`); else the
    first of the unbroken row of values, up to the last one, that are nearer to
    the last one than to `base`. Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values")
    worse = [shift.index for shift in shifts if shift.verdict is Change.REGRESSION]
    if worse:
        return worse[-1]
    last, first = values[-1], len(values) - 1
    while first > 0 and abs(values[first - 1] - last) < abs(values[first - 1] - base):
        first -= 1
    return first
