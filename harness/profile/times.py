"""What a node takes of a call: the middle of what was recorded, the profile's own part taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.profile.model import Bias

UNCERTAIN = 0.1
"""Share of a recorded time beyond which the profile's own part makes it uncertain."""


def middle_mean(values: Sequence[int]) -> float:
    """Return the mean of the middle half: whole numbers average out, and disturbed calls are left out."""
    ordered = np.sort(np.asarray(values, np.float64))
    cut = len(ordered) // 4
    return float(np.mean(ordered[cut : len(ordered) - cut]))


def added_s(node: Mapping[str, Any], bias: Bias) -> float:
    """Return the profile's own part of what was recorded of a node in a call.

    It is there each time that the node ran, and in control flow around each node that ran inside, too.
    """
    times = float(np.mean(node["times"]))
    within = float(node.get("within", 0)) / len(node["times"])
    return bias.per_node_s * times + bias.around_s * within


def is_uncertain(node: Mapping[str, Any], bias: Bias) -> bool:
    """Return whether the profile's own part is a tenth of what was recorded of a node, or more."""
    return abs(added_s(node, bias)) >= UNCERTAIN * middle_mean(node["us"]) * 1e-6


def own_s(node: Mapping[str, Any], bias: Bias) -> float:
    """Return the middle of the calls, less the profile's own part; 0 at least."""
    return max(0.0, middle_mean(node["us"]) * 1e-6 - added_s(node, bias))
