"""How far a node is from what the machine reaches: the least time that the roofs leave for its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.profile.model import AboveRoof, Bandwidth, Bias, Bound, Limit, Roofline, Roofs, Work
from harness.profile.times import is_uncertain, own_s

TOLERANCE = 1.1
"""A node above this many times its roof is a fault of the count or the roof, not of the clock."""


def bandwidth(levels: Sequence[Bandwidth], moved_bytes: float) -> float:
    """Return the bytes a second that work of this size can reach at most.

    That is the best of the largest working set that is not larger, and of all larger ones: what a small
    set loses to starting its threads is not taken for a limit.
    """
    floor = max(
        (each.working_set_bytes for each in levels if each.working_set_bytes <= moved_bytes), default=0
    )
    return max(each.bytes_per_s for each in levels if each.working_set_bytes >= floor)


def limit(work: Work, roofs: Roofs) -> Limit | None:
    """Return the least time for `work`; None where it is not counted, or its type has no roof."""
    if work.flops is None or work.moved_bytes is None:
        return None
    computes = 0.0
    if work.kernel is not None and work.flops:
        if work.kernel not in roofs.flops_per_s:
            return None
        computes = work.flops / roofs.flops_per_s[work.kernel]
    moves = work.moved_bytes / bandwidth(roofs.bandwidths, work.moved_bytes)
    if not computes and not moves:
        return Limit(0.0, None)
    return Limit(max(computes, moves), Bound.COMPUTE if computes > moves else Bound.MEMORY)


def ridge(roofs: Roofs, work: Work) -> float | None:
    """Return the FLOP a byte from which on work of this type and size is bound by computing."""
    if work.kernel is None or work.kernel not in roofs.flops_per_s or not work.moved_bytes:
        return None
    return roofs.flops_per_s[work.kernel] / bandwidth(roofs.bandwidths, work.moved_bytes)


def roofline(profile: Mapping[str, Any], works: Sequence[Work], bias: Bias, roofs: Roofs | None) -> Roofline:
    """Set all nodes of a profile against their roofs; `works` are theirs, in the same order."""
    nodes = profile["nodes"]
    own = [own_s(node, bias) for node in nodes]
    times = [float(np.mean(node["times"])) for node in nodes]
    counted = [work.flops is not None for work in works]
    limits = [limit(work, roofs) if roofs else None for work in works]
    uncounted: dict[str, str] = {}
    for at in sorted(range(len(nodes)), key=lambda at: -own[at]):
        if not counted[at]:
            uncounted.setdefault(str(nodes[at]["op"]), works[at].reason)
    total = sum(own)
    with_roof = [(own[at], each.seconds * times[at]) for at, each in enumerate(limits) if each is not None]
    return Roofline(
        flops=sum((work.flops or 0.0) * times[at] for at, work in enumerate(works)),
        moved_bytes=round(sum((work.moved_bytes or 0) * times[at] for at, work in enumerate(works))),
        counted_share=sum(own[at] for at, yes in enumerate(counted) if yes) / total if total else 0.0,
        counted_s=sum(measured for measured, _ in with_roof),
        roof_s=sum(least for _, least in with_roof) if roofs else None,
        uncounted=uncounted,
        above=tuple(
            AboveRoof(str(node["name"]), str(node["op"]), each.seconds * times[at] / own[at])
            for at, (node, each) in enumerate(zip(nodes, limits, strict=True))
            if each is not None and own[at] and each.seconds * times[at] > TOLERANCE * own[at]
            if not is_uncertain(node, bias)
        ),
    )
