"""Decide whether the batch axis holds samples: rows alone and rows together must have the same answer."""

from __future__ import annotations

import numpy as np

from harness.core.case import thaw
from harness.judge.closeness import closeness, limits
from harness.judge.facts import Facts

MIXES = "the batch axis mixes samples"


def mixes(facts: Facts) -> str:
    """Return why the batch axis is none, as far as rows were evaluated alone; empty where it is one."""
    seen = facts.observations[0].outputs if facts.observations else {}
    alone = seen.get("alone") or {}
    if not alone or alone.get("unavailable"):
        return ""
    if not alone.get("axes"):
        return f"no output has an axis of its size ({seen.get('batch')})"
    from harness.judge.metrics.drift import compare_outputs, variation  # it reads this file's answer
    from harness.judge.outputs import OutputPair, Unfit

    if variation(seen) is not None:
        return ""  # two answers show nothing
    bounds = limits((facts.built.precision,), thaw(facts.case.artifact.model.tolerance))
    for name, (ours, together) in facts.alone.items():
        if np.array_equal(ours, together):
            continue
        try:
            near = closeness(compare_outputs(OutputPair(ours, together), "rows together"), bounds)
        except Unfit as error:
            return f"{name}: {error}"
        if near.close is False:
            return f"{name} of rows alone and together: {near.reason}"
    return ""
