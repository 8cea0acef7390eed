"""Many tests at once: which of them are discoveries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def adjusted(chances: Sequence[float]) -> NDArray[np.float64]:
    """Adjust the p of tests by Benjamini and Hochberg's rule (1995): those at most alpha are discoveries.

    SciPy has it too (`scipy.stats.false_discovery_control`, which the tests compare it with), and takes a
    second to import.
    """
    values = np.asarray(chances, np.float64)
    order = np.argsort(values)
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    found = np.empty_like(values)
    found[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(found, 1.0)
