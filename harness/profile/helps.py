"""What would make a call shorter, and by how much at most: from times, work, roofs and the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.profile.flops import MOVES, PRODUCTS
from harness.profile.model import Bias, Bound, Help, HelpKind, Kernel, LeftPattern, Limit, Roofs, Work
from harness.profile.roofline import limit
from harness.profile.times import own_s

LEAST = 0.01
"""Share of a call below which nothing is named."""

NEAR = 0.5
"""Share of the roof from which on a kernel is not called slow."""

SHORT_S = 20e-6
"""A node below this is too short to be worth waking threads."""

SMALL_FLOATS = {Kernel.FP32: 4, Kernel.FP16: 2}
"""Type -> how many times smaller int8 is."""


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    op: str
    own_s: float
    work: Work
    least: Limit | None
    times: float

    @property
    def least_s(self) -> float:
        return 0.0 if self.least is None else self.least.seconds * self.times


def helps(
    profile: Mapping[str, Any],
    works: Sequence[Work],
    bias: Bias,
    roofs: Roofs | None,
    left: Sequence[LeftPattern],
    call_s: float,
) -> tuple[Help, ...]:
    """Return what would help, that with the largest bound first; `works` are those of the profile's nodes."""
    nodes = [
        _Node(
            str(node["name"]),
            str(node["op"]),
            own_s(node, bias),
            work,
            limit(work, roofs) if roofs else None,
            float(np.mean(node["times"])),
        )
        for node, work in zip(profile["nodes"], works, strict=True)
    ]
    found = [
        *_fuse(nodes, left),
        *_moves(nodes),
        *(_kernels(nodes) if roofs else ()),
        *(_precision(nodes, roofs) if roofs else ()),
        *(_threads(nodes) if roofs and roofs.threads > 1 else ()),
        *_beside(nodes, call_s),
    ]
    shares = (replace(item, call_share=item.bound_s / call_s if call_s else 0.0) for item in found)
    return tuple(
        sorted((item for item in shares if item.call_share >= LEAST), key=lambda item: -item.bound_s)
    )


def _help(kind: HelpKind, target: str, nodes: Sequence[_Node], bound_s: float, **more: Any) -> Help:
    own = sum(node.own_s for node in nodes)
    return Help(
        kind=kind, target=target, nodes=len(nodes), own_s=own, bound_s=bound_s, call_share=0.0, **more
    )


def _by_op(nodes: Sequence[_Node]) -> dict[str, list[_Node]]:
    groups: dict[str, list[_Node]] = {}
    for node in nodes:
        groups.setdefault(node.op, []).append(node)
    return groups


def _fuse(nodes: Sequence[_Node], left: Sequence[LeftPattern]) -> Iterator[Help]:
    """A fusion can save all that its nodes take but the longest."""
    named = {node.name: node for node in nodes}
    patterns: dict[str, list[list[_Node]]] = {}
    for item in left:
        patterns.setdefault(item.pattern, []).append([named[name] for name in item.nodes if name in named])
    for pattern, places in patterns.items():
        saved = sum(
            sum(node.own_s for node in place) - max((node.own_s for node in place), default=0.0)
            for place in places
        )
        yield _help(HelpKind.FUSE, pattern, [node for place in places for node in place], saved)


def _moves(nodes: Sequence[_Node]) -> Iterator[Help]:
    for op, group in _by_op(nodes).items():
        if op in MOVES:
            yield _help(
                HelpKind.FEWER_MOVES, op, group, sum(node.own_s for node in group), bound=Bound.MEMORY
            )


def _kernels(nodes: Sequence[_Node]) -> Iterator[Help]:
    """An operator can be faster by all that it takes beyond its roof."""
    for op, group in _by_op(nodes).items():
        known = [node for node in group if node.least is not None and node.least.bound is not None]
        own, least = sum(node.own_s for node in known), sum(node.least_s for node in known)
        if known and op not in MOVES and least < NEAR * own:
            longest = max(known, key=lambda node: node.least_s)
            bound = longest.least.bound if longest.least else None
            yield _help(HelpKind.FASTER_KERNEL, op, known, own - least, bound=bound)


def _precision(nodes: Sequence[_Node], roofs: Roofs) -> Iterator[Help]:
    """Products in int8: their roof is nearer by this ratio, and so at most is their time."""
    for op, group in _by_op(nodes).items():
        saved, counted = 0.0, []
        for node in group:
            small = SMALL_FLOATS.get(node.work.kernel) if node.work.kernel else None
            if op not in PRODUCTS or not small or not node.least_s or node.work.moved_bytes is None:
                continue
            work = replace(node.work, kernel=Kernel.INT8, moved_bytes=-(-node.work.moved_bytes // small))
            if (other := limit(work, roofs)) is not None and other.seconds * node.times < node.least_s:
                saved += node.own_s * (1 - other.seconds * node.times / node.least_s)
                counted.append(node)
        if counted:
            longest = max(counted, key=lambda node: node.own_s)
            bound = longest.least.bound if longest.least else None
            yield _help(HelpKind.LOWER_PRECISION, op, counted, saved, bound=bound, to="int8")


def _threads(nodes: Sequence[_Node]) -> Iterator[Help]:
    short = [node for node in nodes if 0 < node.own_s < SHORT_S * node.times and node.work.moved_bytes]
    if short:
        saved = sum(max(0.0, node.own_s - node.least_s) for node in short)
        yield _help(HelpKind.FEWER_THREADS, "", short, saved)


def _beside(nodes: Sequence[_Node], call_s: float) -> Iterator[Help]:
    rest = call_s - sum(node.own_s for node in nodes)
    if rest > 0:
        yield replace(_help(HelpKind.LESS_BESIDE, "", (), rest), own_s=rest)
