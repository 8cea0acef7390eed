"""What ONNX Runtime really ran: nodes by provider, operators of the optimized graph, arena peak."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.measure.worker.ort_flow import BRANCHES, ways

_RECORD = "session.record_ep_graph_assignment_info"
SUFFIX = "_kernel_time"  # older runtimes add events of other names for each node


def record(options: Any, folder: Path) -> None:
    """Have a session record its graph's assignment (ORT 1.24 on, ignored before) and a profile."""
    options.add_session_config_entry(_RECORD, "1")
    options.enable_profiling = True
    options.profile_file_prefix = str(folder.absolute() / "profile")


def read(session: Any, runtime: str, *, in_order: bool = True) -> dict[str, Any]:
    """Read both back from a session that has run. Returns the part ``proof`` and ``arena_peak``.

    Of nodes that did not run `in_order`, it is not known which belong to a body of control flow.
    """
    unavailable: dict[str, str] = {}
    events: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    try:
        events = read_events(session)
        nodes = list(profiled_nodes(events))
    except (OSError, ValueError) as error:  # ORT does not escape every name that it writes
        unavailable["operators"] = f"the profile cannot be read: {error}"
    assignment, source = _graph_assignment(session), "graph_assignment"
    if not assignment:
        assignment, source = by_provider((args["provider"], args["op_name"]) for args in nodes), "profile"
    if not assignment:
        unavailable["assignment"] = f"{runtime} reports it neither by graph nor by profile"
    return {
        "assignment": assignment,
        "assignment_from": source,
        "operators": dict(Counter(args["op_name"] for args in nodes)),
        "types": element_types(nodes),
        **({"flow": flow} if (flow := ways(events, SUFFIX) if in_order else []) else {}),
        "unavailable": unavailable,
        "arena_peak": arena_peak(nodes, runtime),
    }


def read_events(session: Any) -> list[dict[str, Any]]:
    """End a session's profile and return its events. Raises OSError, ValueError."""
    path = Path(session.end_profiling())
    try:
        events: list[dict[str, Any]] = json.loads(path.read_text())
    finally:
        path.unlink(missing_ok=True)
    return events


def profiled_nodes(events: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield each node once, with the arguments of its last call and the highest peak of all.

    A node is identified by name and index: names may be empty, and the bodies of
    control flow count their nodes anew. Nodes that did not run are absent.
    """
    nodes: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        args = event.get("args", {})
        if event.get("cat") != "Node" or not event["name"].endswith(SUFFIX) or "provider" not in args:
            continue
        key = (event["name"], args.get("node_index", ""))
        highest = max(_peak(args), _peak(nodes.get(key, {})))
        nodes[key] = {**args, "mem_in_use_peak": highest}
    return nodes.values()


def element_types(nodes: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count nodes by the element type of the first tensor that they read, as the runtime writes it.

    Casts are left out: a runtime puts them around what it has no kernel for. Empty where the profile has
    no types.
    """
    read = (args.get("input_type_shape") or [{}] for args in nodes if args["op_name"] != "Cast")
    return dict(Counter(kind for first, *_ in read for kind in first))


def _peak(args: Mapping[str, Any]) -> int:
    return int(args.get("mem_in_use_peak", -1))


def arena_peak(nodes: Iterable[Mapping[str, Any]], runtime: str) -> dict[str, Any]:
    """Return the most that the arena had in use while a node ran."""
    highest = max((_peak(args) for args in nodes), default=-1)
    if highest < 0:
        return {"unavailable": f"the profile of {runtime} has no mem_in_use_peak"}
    return {"bytes": highest}


def branches(session: Any) -> bool:
    """Return whether the graph of a session has branches, as far as it tells."""
    taken = _graph_assignment(session).values()
    return any(operator in BRANCHES for part in taken for operator in part["operators"])


def _graph_assignment(session: Any) -> dict[str, dict[str, Any]]:
    """Return what the session recorded when it split its graph; nothing where it cannot."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return {}
    subgraphs = session.get_provider_graph_assignment_info()
    return by_provider((part.ep_name, node.op_type) for part in subgraphs for node in part.get_nodes())


def by_provider(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Count (provider, operator) pairs: nodes and operators of each provider."""
    counts: dict[str, Counter[str]] = {}
    for provider, operator in pairs:
        counts.setdefault(provider, Counter())[operator] += 1
    return {name: {"nodes": count.total(), "operators": dict(count)} for name, count in counts.items()}
