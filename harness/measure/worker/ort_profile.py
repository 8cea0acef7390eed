"""Warm calls out of ONNX Runtime's profile: what each node took in each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.measure.worker.ort_proof import SUFFIX

KEPT = ("node_index", "output_size", "activation_size", "parameter_size", "mem_in_use_peak")
"""Numbers of a node's event that are kept, where a runtime tells them."""


CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
"""Operators whose recorded time has that of the nodes of their bodies in it."""


def warm_calls(events: Iterable[Mapping[str, Any]], warmup: int) -> dict[str, Any]:
    """Return the nodes of the calls after the first `warmup`, in the order in which they ran.

    ``run_us`` has each call's length. Of a node: ``us``, what it took in each call, all times that it ran in
    it added up (a body of control flow runs several times); ``within``, how many nodes ran right inside it in
    all calls, where it is control flow; ``begun_us`` and ``thread`` of its first time in
    the last call, counted from that call's begin; its shapes there. Raises ValueError where there is no call.
    """
    runs, nodes = [], []
    for event in events:
        if event.get("cat") == "Session" and event.get("name") == "model_run":
            runs.append((int(event["ts"]), int(event["dur"])))
        elif event.get("cat") == "Node" and event["name"].endswith(SUFFIX) and "provider" in event["args"]:
            nodes.append(event)
    runs = sorted(runs)[warmup:]
    if not runs:
        raise ValueError("the profile has no warm call")
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    call = 0
    for event in _apart(nodes):
        begun = int(event["ts"])
        if begun < runs[0][0]:
            continue
        while call + 1 < len(runs) and begun >= runs[call + 1][0]:
            call += 1
        _add(found, event, call, begun - runs[call][0], len(runs))
    return {"run_us": [length for _, length in runs], "nodes": list(found.values())}


def _apart(nodes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Order events by time; what nodes inside control flow took is taken off it, so that it counts once."""
    ordered = [
        dict(event) for event in sorted(nodes, key=lambda event: (int(event["ts"]), -int(event["dur"])))
    ]
    around: list[tuple[dict[str, Any], int]] = []  # control flow that has not ended, and its end
    for event in ordered:
        begun, length = int(event["ts"]), int(event["dur"])
        around = [each for each in around if begun < each[1]]
        inside = [each for each in around if each[0].get("tid") == event.get("tid")]
        if inside:
            inside[-1][0]["dur"] = max(0, int(inside[-1][0]["dur"]) - length)
            inside[-1][0]["within"] = inside[-1][0].get("within", 0) + 1
        if event["args"]["op_name"] in CONTROL_FLOW:
            around.append((event, begun + length))
    return ordered


def _add(
    found: dict[tuple[str, str, str], dict[str, Any]],
    event: Mapping[str, Any],
    call: int,
    begun: int,
    calls: int,
) -> None:
    """Add one time that a node ran."""
    args = event["args"]
    name = event["name"].removesuffix(SUFFIX)
    key = (name, args["op_name"], str(args.get("node_index", "")))
    node = found.setdefault(
        key, {"name": name, "op": args["op_name"], "us": [0] * calls, "times": [0] * calls}
    )
    node["us"][call] += int(event["dur"])
    node["times"][call] += 1
    if "within" in event:
        node["within"] = node.get("within", 0) + int(event["within"])
    if node["times"][call] == 1:
        node.update(
            provider=args["provider"],
            begun_us=begun,
            thread=int(event.get("tid", 0)),
            inputs=[_shape(item) for item in args.get("input_type_shape", ())],
            outputs=[_shape(item) for item in args.get("output_type_shape", ())],
            **{key: int(args[key]) for key in KEPT if str(args.get(key, "")).lstrip("-").isdigit()},
        )


def _shape(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the element type and the sizes of one tensor; the profile writes ``{"float": [1, 8]}``."""
    dtype, dims = next(iter(item.items()), ("", []))
    return {"dtype": dtype, "dims": list(dims) if isinstance(dims, list) else []}
