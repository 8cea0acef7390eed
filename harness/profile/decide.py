"""Node times out of a profile: the profile's own part taken off, added up by node, operator or region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.profile.model import Bias, Bound, By, Limit, Place, ProfileRow, Roofs, Span, Work
from harness.profile.roofline import limit
from harness.profile.times import UNCERTAIN, added_s, middle_mean, own_s


def bias_of(chain: Mapping[str, Any], samples_ns: Sequence[int], nodes: int) -> Bias:
    """Return what a profile adds to a node, from that of a chain of `nodes` that do next to nothing.

    `samples_ns` are calls of it without a profile. What a call takes beside its nodes counts as theirs: the
    chain is long enough for that to be little.
    """
    recorded = sum(middle_mean(node["us"]) for node in chain["nodes"]) * 1e-6
    plain = float(np.median(samples_ns)) * 1e-9
    profiled = float(np.median(chain["run_us"])) * 1e-6
    return Bias(
        nodes=nodes,
        recorded_s=recorded / nodes,
        true_s=plain / nodes,
        slowdown_s=max(0.0, profiled - plain) / nodes,
    )


def rows(
    profile: Mapping[str, Any],
    places: Mapping[str, Place],
    bias: Bias,
    by: By,
    works: Sequence[Work] = (),
    roofs: Roofs | None = None,
) -> tuple[ProfileRow, ...]:
    """Add the nodes of a profile up, the longest row first; `works` are theirs, in the same order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    worked: dict[str, list[tuple[Work, float]]] = {}
    for number, node in enumerate(profile["nodes"]):
        key = _key(node, places, by, number)
        groups.setdefault(key, []).append(node)
        if works:
            worked.setdefault(key, []).append((works[number], float(np.mean(node["times"]))))
    own = {key: sum(own_s(node, bias) for node in group) for key, group in groups.items()}
    total = sum(own.values())
    made = [
        replace(
            _row(group, places, by, own[key], own[key] / total if total else 0.0, bias),
            **_done(worked.get(key, ()), roofs),
        )
        for key, group in groups.items()
    ]
    return tuple(sorted(made, key=lambda row: -row.own_s))


def _key(node: Mapping[str, Any], places: Mapping[str, Place], by: By, number: int) -> str:
    match by:
        case By.OP:
            return str(node["op"])
        case By.REGION:
            place = places.get(node["name"])
            return place.region if place and place.region else f"{number}"
    return f"{number}"


def _done(worked: Sequence[tuple[Work, float]], roofs: Roofs | None) -> dict[str, Any]:
    """Return what the nodes of a row have to do in a call, and the least time for it."""
    if not worked:
        return {}
    reasons = [work.reason for work, _ in worked if work.flops is None or work.moved_bytes is None]
    if reasons:
        return {"uncounted": reasons[0]}
    found: dict[str, Any] = {
        "flops": sum((work.flops or 0.0) * times for work, times in worked),
        "moved_bytes": round(sum((work.moved_bytes or 0) * times for work, times in worked)),
    }
    limits = [(limit(work, roofs), times) for work, times in worked] if roofs else []
    known = [(each, times) for each, times in limits if each is not None]
    if not roofs or len(known) < len(worked):
        return found
    return {**found, "roof_s": sum(each.seconds * times for each, times in known), "bound": _bound(known)}


def _bound(limits: Sequence[tuple[Limit, float]]) -> Bound | None:
    """Return what sets most of the least time."""
    spent = {
        bound: sum(each.seconds * times for each, times in limits if each.bound is bound) for bound in Bound
    }
    longest = max(spent, key=lambda bound: spent[bound])
    return longest if spent[longest] else None


def _row(
    group: Sequence[Mapping[str, Any]],
    places: Mapping[str, Place],
    by: By,
    own_s: float,
    share: float,
    bias: Bias,
) -> ProfileRow:
    calls_s = np.sum([node["us"] for node in group], axis=0) * 1e-6
    times = float(np.sum([np.mean(node["times"]) for node in group]))
    recorded_s = sum(middle_mean(node["us"]) for node in group) * 1e-6
    low, median, high = (float(value) for value in np.quantile(calls_s, (0.25, 0.5, 0.75)))
    ops = Counter(node["op"] for node in group)
    providers = dict.fromkeys(str(node["provider"]).removesuffix("ExecutionProvider") for node in group)
    found = [places[node["name"]] for node in group if node["name"] in places]
    single = group[0] if by is By.NODE else None
    region = next((place.region for place in found if place.region), "")
    sizes = [int(node["output_size"]) for node in group if "output_size" in node]
    return ProfileRow(
        name={By.NODE: group[0]["name"], By.OP: group[0]["op"], By.REGION: region or group[0]["name"]}[by],
        op=", ".join(op if count == 1 else f"{op} ×{count}" for op, count in ops.most_common()),
        provider=", ".join(providers),
        nodes=len(group),
        times=times,
        median_s=median,
        low_s=low,
        high_s=high,
        own_s=own_s,
        share=share,
        uncertain=abs(sum(added_s(node, bias) for node in group)) >= UNCERTAIN * recorded_s,
        source="" if by is By.OP else "+".join(op for place in found for op in place.ops),
        inputs=tuple(map(_shape, single["inputs"])) if single else (),
        outputs=tuple(map(_shape, single["outputs"])) if single else (),
        output_bytes=sum(sizes) if sizes else None,
        weight_bytes=sum(place.weight_bytes for place in found) if found else None,
    )


def _shape(tensor: Mapping[str, Any]) -> str:
    """Write a tensor: ``float[1,64,8,8]``."""
    return f"{tensor['dtype']}[{','.join(map(str, tensor['dims']))}]"


def spans(profile: Mapping[str, Any], places: Mapping[str, Place]) -> tuple[Span, ...]:
    """Return the nodes of the last call, as they began; what did not run in it is not there."""
    found = [
        Span(
            name=node["name"],
            op=node["op"],
            provider=str(node["provider"]),
            thread=node["thread"],
            begun_us=node["begun_us"],
            us=node["us"][-1],
            source="+".join(places[node["name"]].ops) if node["name"] in places else "",
        )
        for node in profile["nodes"]
        if node["times"][-1]
    ]
    return tuple(sorted(found, key=lambda span: span.begun_us))
