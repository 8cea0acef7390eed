"""What other tools' rules say of the traces of an A/B job: is HEAD slower?

Each is given what it would have collected itself, out of the same blocks. That
flatters them: their base and head are usually measured hours apart, here in
turn on the same core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from asv.commands.compare import _is_result_better
from asv_runner.statistics import compute_stats
from numpy.typing import NDArray
from scipy.stats import ttest_ind

Floats = NDArray[np.float64]
Block = Mapping[str, Any]
"""A line of the job's file that holds ``samples_ns``."""

ASV_PROCESSES, ASV_SAMPLES, ASV_SAMPLE_NS = 2, 10, 10e6
"""What asv collects by default: two processes, ten samples in each, of 10 ms of calls."""


def calls(block: Block, arm: int) -> Floats:
    """Return every call of one arm in one block, in ns."""
    return np.concatenate([np.asarray(part, np.float64) for part in block["samples_ns"][arm]])


def asv_compare(blocks: Sequence[Block]) -> bool:
    """Apply ``asv compare``: beyond a factor of 1.1, and no overlap of the 99% intervals."""
    results, stats = [], []
    for arm in (0, 1):
        samples = [sample for block in blocks[:ASV_PROCESSES] for sample in _asv_samples(calls(block, arm))]
        value, stat = compute_stats(samples, 1)
        results.append(value)
        stats.append((stat, None))  # samples are stored on demand only
    return bool(_is_result_better(results[0], results[1], stats[0], stats[1], 1.1))


def _asv_samples(ns: Floats) -> list[float]:
    number = max(1, round(ASV_SAMPLE_NS / float(np.median(ns))))
    parts = [ns[i : i + number] for i in range(0, len(ns), number)]
    return [float(part.mean()) * 1e-9 for part in parts if len(part) == number][:ASV_SAMPLES] or [
        float(ns.mean()) * 1e-9
    ]


def pytest_benchmark(blocks: Sequence[Block]) -> bool:
    """Apply ``--benchmark-compare-fail=mean:5%``: the mean of one process."""
    return bool(calls(blocks[0], 1).mean() > 1.05 * calls(blocks[0], 0).mean())


def pooled_t_test(blocks: Sequence[Block]) -> bool:
    """Apply Welch's one-sided t-test at 1% to all calls, as if each were a replicate."""
    base, head = (np.concatenate([calls(block, arm) for block in blocks]) for arm in (0, 1))
    return bool(ttest_ind(head, base, equal_var=False, alternative="greater").pvalue <= 0.01)


def fixed_threshold(blocks: Sequence[Block]) -> bool:
    """Apply a fixed 5% to the medians of all calls."""
    base, head = (np.median(np.concatenate([calls(block, arm) for block in blocks])) for arm in (0, 1))
    return bool(head > 1.05 * base)


RIVALS = {
    "asv compare (factor 1.1)": asv_compare,
    "pytest-benchmark mean:5%": pytest_benchmark,
    "pooled t-test, 1%": pooled_t_test,
    "fixed 5% of the median": fixed_threshold,
}
