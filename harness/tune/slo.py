"""Read limits such as ``latency/p95 <= 5 ms``, and the metric that is to be made best."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from harness.core.errors import InputError
from harness.core.metrics import MetricSpec, all_specs
from harness.core.registry import closest
from harness.core.units import parse_bytes, parse_ratio, parse_seconds
from harness.tune.model import Limit, Objective

_LIMIT = re.compile(r"\s*([^\s<>=≤≥]+)\s*(<=|>=|≤|≥|<|>|==|=)\s*(.*?)\s*")
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(\S*(?: \S+)*)")
_EXAMPLES = {
    "s": "a duration such as '5 ms'",
    "B": "a size such as '200 MB'",
    "ratio": "a ratio such as '-0.5%'",
    "samples/s": "a rate such as '100 samples/s'",
    "calls/s": "a rate such as '100 calls/s'",
    "dB": "decibels such as '20 dB'",
    "1": "a plain number such as '0.01'",
}


def parse_limits(texts: Sequence[str]) -> tuple[Limit, ...]:
    """Read every ``METRIC <= VALUE`` or ``METRIC >= VALUE``.

    Raises InputError for an unknown metric, a unit that it does not have, a value
    that it never takes, and limits that no number meets together.
    """
    limits = tuple(dict.fromkeys(map(parse_limit, texts)))
    for low, high in product(limits, limits):
        if not low.at_most and high.at_most and _above(low, high):
            raise InputError(f"--slo {high.text!r} and --slo {low.text!r} contradict each other: drop one")
    return limits


def parse_limit(text: str) -> Limit:
    """Read one limit. Raises InputError."""
    found = _LIMIT.fullmatch(text)
    if found is None or not found[3]:
        raise InputError(f"--slo {text!r}: expected METRIC <= VALUE, such as 'latency/p95 <= 5 ms'")
    name, sign, written = found.groups()
    if sign in ("=", "=="):
        raise InputError(f"--slo {text!r}: a measured number never equals another: write <= or >=")
    row = _row(f"--slo {text!r}", name)
    at_most = sign in ("<=", "≤", "<")
    value = _value(f"--slo {text!r}", row, written)
    low, high = row.range
    if value < low or value > high or (at_most and value <= 0 and row.relative):
        raise InputError(f"--slo {text!r}: no case can meet it, or every case does: {_range(row)}")
    return Limit(row.name, at_most, value, " ".join(text.split()))


def parse_objective(minimize: str | None, maximize: str | None) -> Objective:
    """Read what is to be made best; p50 is made small where nothing is named. Raises InputError."""
    if minimize and maximize:
        raise InputError("--minimize and --maximize: name one of them; give the other metric a limit (--slo)")
    flag, name = ("--maximize", maximize) if maximize else ("--minimize", minimize or "latency/p50")
    assert name is not None
    row = _row(flag, name)
    if not row.relative:
        raise InputError(
            f"{flag} {name}: expected a duration, a size or a rate; give {name} a limit (--slo) instead"
        )
    if (row.better == "higher") != bool(maximize):
        other = "--maximize" if row.better == "higher" else "--minimize"
        raise InputError(f"{flag} {name}: {row.better} is better; write {other} {name}")
    return Objective(row.name, bool(maximize))


def _row(where: str, name: str) -> MetricSpec:
    known = all_specs()
    if name not in known:
        raise InputError(f"{where}: unknown metric {name!r}: {closest(name, known)}")
    return known[name]


def _value(where: str, row: MetricSpec, text: str) -> float:
    """Read a value in the unit of `row`. Raises InputError."""
    try:
        match row.unit:
            case "s":
                return parse_seconds(text)
            case "B":
                return float(parse_bytes(text))
            case "ratio":
                return parse_ratio(text)
        found = _NUMBER.fullmatch(text)
        if found is None or found[2] not in ("", row.unit, "/s" if row.unit.endswith("/s") else ""):
            raise ValueError
        return float(found[1])
    except ValueError:
        expected = _EXAMPLES.get(row.unit, "a number")
        raise InputError(f"{where}: {row.name} takes {expected}, got {text!r}") from None


def _range(row: MetricSpec) -> str:
    if row.relative:
        return f"{row.name} is above 0"
    low, high = row.range
    return f"{row.name} lies between {low:g} and {high:g}"


def _above(low: Limit, high: Limit) -> bool:
    """Return whether nothing can be at least `low` and at most `high`, quantiles of the same calls too."""
    if low.metric == high.metric:
        return low.value > high.value
    rows = all_specs()
    ours, theirs = rows[low.metric].quantile, rows[high.metric].quantile
    return ours is not None and theirs is not None and ours < theirs and low.value > high.value
