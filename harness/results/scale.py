"""Choose the prefix of a unit for an axis or a column of numbers."""

from __future__ import annotations

_STEPS = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    "ratio": ((0.01, "%"),),
    "1": ((1.0, ""),),
}


def scale_of(largest: float, unit: str) -> tuple[float, str]:
    """Give what to divide by so that `largest` reads well, and the unit that it is in then."""
    steps = _STEPS.get(unit, ((1.0, unit),))
    return next((step for step in steps if largest >= step[0]), steps[-1])
