"""Learn from stored records how much a number differs from run to run when nothing has changed.

Processes of one run share the night, the machine's state and its neighbours;
two runs do not. So the noise that a difference between two runs must exceed
is read off earlier runs, where there are enough of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.compare.processes import replicated
from harness.core.record import Record, Status
from harness.judge.comparability import blocking_differences
from harness.judge.records import value_of

MIN_VALUES = 10
"""Runs below which nothing is known."""

RUNS = 30
"""Runs that are enough: more of them hardly sharpen the noise, and the older ones know another machine."""

_STEP_QUANTILE, _NORMAL_QUANTILE = (
    0.9,
    1.6449,
)  # of all steps between neighbours, and that quantile of |N(0, 1)|


def noise_between(head: Record, earlier: Sequence[Record]) -> dict[str, float]:
    """Return the SD from run to run of each metric of `head`, as a ratio.

    `earlier` are records of the same case, oldest first; those that were
    measured unlike `head`, or in another number of processes, are passed over.
    """
    alike = [record for record in earlier if _alike(record, head)]
    found = {}
    for name in replicated([head]):
        values = [value for record in alike if (value := value_of(record, name)) is not None and value > 0]
        noise = run_noise(values)
        if noise is not None:
            found[name] = noise
    return found


def run_noise(values: Sequence[float]) -> float | None:
    """Return the SD of the logarithms of positive numbers, a run each, from run to run.

    From the steps between neighbours, so that a change of level counts once,
    and by a quantile of them, so that it does not count by its height. Of so
    few runs the SD itself is uncertain: this is its upper bound at 95%, by the
    chi-square distribution (such a quantile is worth half as many
    independent values). None below MIN_VALUES values.
    """
    from scipy.special import chdtri

    if len(values) < MIN_VALUES:
        return None
    steps = np.abs(np.diff(np.log(np.asarray(values, np.float64))))
    sd = float(np.quantile(steps, _STEP_QUANTILE)) / (_NORMAL_QUANTILE * math.sqrt(2))
    degrees = (len(values) - 1) / 2
    return sd * math.sqrt(degrees / float(chdtri(degrees, 0.95)))


def _alike(record: Record, head: Record) -> bool:
    same = _processes(record) == _processes(head)
    return record.status is Status.OK and same and not blocking_differences(record, head)


def _processes(record: Record) -> int | None:
    count: int | None = record.sampling.get("processes")
    return count
