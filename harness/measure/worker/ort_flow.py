"""Which ways control flow took: read off a profile, where the nodes of a body ran while their node did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

BRANCHES = ("If",)
ROUNDS = ("Loop", "Scan")


def ways(events: Iterable[Mapping[str, Any]], suffix: str) -> list[dict[str, Any]]:
    """Count, for each node of control flow, the branches that it took or the rounds that it made.

    `events` are those of a profile, of nodes that ran one after another; `suffix` marks a node's own.
    Returns ``{"name", "op", "calls", "ways": {way: calls}}`` each. The way of a branch is the first node
    of its body, empty where the body has none that runs; the way of a loop is its number of rounds.
    """
    nodes = [event for event in events if event.get("cat") == "Node" and event["name"].endswith(suffix)]
    nodes.sort(key=lambda event: (event.get("ts", 0), -event.get("dur", 0)))
    found: dict[tuple[str, str], Counter[str]] = {}
    for at, event in enumerate(nodes):
        op = event["args"].get("op_name", "")
        if op not in (*BRANCHES, *ROUNDS):
            continue
        inner = _inside(event, nodes[at + 1 :])
        names = [item["name"].removesuffix(suffix) for item in inner]
        way = next(iter(names), "") if op in BRANCHES else str(names.count(names[0]) if names else 0)
        found.setdefault((event["name"].removesuffix(suffix), op), Counter())[way] += 1
    return [
        {"name": name, "op": op, "calls": taken.total(), "ways": dict(taken)}
        for (name, op), taken in found.items()
    ]


def _inside(event: Mapping[str, Any], later: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the events that ran while `event` did; `later` are those that began after it, in order."""
    end, inner = event.get("ts", 0) + event.get("dur", 0), []
    for other in later:
        if other.get("ts", 0) >= end:
            break
        if other.get("ts", 0) + other.get("dur", 0) <= end:
            inner.append(other)
    return inner
