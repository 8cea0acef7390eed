"""Decide whether the batch axis holds samples: a row by itself and among others must be answered alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.core.case import thaw
from harness.judge.closeness import limits
from harness.judge.facts import Array, Facts

MIXES = "the batch axis mixes samples"
UNKNOWN = "the batch axis is not checked"

BEYOND = 3.0
"""How many times the difference between two answers to one input is no longer that difference."""

HOW = {"alone": "of rows alone and together", "copies": "of a row among copies of itself and among others"}


@dataclass(frozen=True, slots=True)
class BatchAxis:
    """What outputs show of the batch axis; neither where it holds samples, or nothing was evaluated."""

    mixes: str = ""  # why it is no axis of samples
    unknown: str = ""  # why nobody knows


def batch_axis(facts: Facts) -> BatchAxis:
    """Judge the batch axis by rows that were evaluated by themselves as well as together."""
    seen = facts.observations[0].outputs if facts.observations else {}
    probe = seen.get("alone") or {}
    if not probe:
        return BatchAxis()
    if probe.get("unavailable"):
        return BatchAxis(unknown=probe["unavailable"])
    if not probe.get("axes"):
        return BatchAxis(mixes=f"no output has an axis of its size ({seen.get('batch')})")
    how = HOW[probe.get("how", "alone")]
    unknown = []
    for name, reason, sure in _unlike(facts, seen.get("repeat") or {}):
        if sure:
            return BatchAxis(mixes=f"{name} {how}: {reason}")
        unknown.append(f"{name}: {reason}")
    return BatchAxis(unknown="; ".join(unknown))


def counts_samples(facts: Facts) -> bool:
    """Return whether a batch is that many samples: as outputs show, or as the suite says (`batch_dim`)."""
    found = batch_axis(facts)
    return not found.mixes and not (found.unknown and facts.case.artifact.model.batch_dim is None)


def _unlike(facts: Facts, repeat: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield each output whose rows are not shown to be alike: its name, why, and whether they are unlike."""
    from harness.judge.metrics.drift import judge_pair  # it reads this file's answer
    from harness.judge.outputs import OutputPair, Unfit

    model = facts.case.artifact.model
    for name, (ours, together) in facts.alone.items():
        if name in repeat.get("max_abs_diff", {}):
            largest, apart = repeat["max_abs_diff"][name], _largest(ours, together)
            beyond = largest is not None and apart > BEYOND * largest
            by = f"by up to {apart:.3g}, and from call to call by {largest:.3g}" if beyond else ""
            yield name, f"values differ {by}" if beyond else "it varies by itself", beyond
            continue
        if np.array_equal(ours, together, equal_nan=ours.dtype.kind == "f"):
            continue
        stored_as = facts.output_types.get(name, str(ours.dtype))
        bounds = limits((facts.built.precision,), thaw(model.tolerance), (stored_as,))
        try:
            near, _ = judge_pair(OutputPair(ours, together), bounds, "rows together")
        except Unfit as error:
            yield name, str(error), True
        else:
            if not near.close:
                yield name, near.reason, near.close is False


def _largest(ours: Array, together: Array) -> float:
    """Return the largest difference between numbers; 0 where there is none."""
    if ours.shape != together.shape or ours.dtype.kind not in "fiub":
        return 0.0
    with np.errstate(invalid="ignore"):
        found = np.abs(ours.astype(np.float64) - together.astype(np.float64))
    return float(np.max(found[np.isfinite(found)], initial=0.0))
