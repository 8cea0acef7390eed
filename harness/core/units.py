"""Format and parse seconds, bytes, ratios and rates.

The only place where a unit is converted for people: everywhere else numbers
are SI (seconds, bytes) or plain ratios, with the unit carried in the name.
"""

from __future__ import annotations

import re
import signal

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([^\d\s]*)\s*")


def _significant(value: float, digits: int = 3) -> str:
    """Round to `digits` significant digits; an exponent only where the number is tiny."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text else text


def format_seconds(value_s: float) -> str:
    """Format a duration: ``0.00123`` becomes ``1.23 ms``."""
    size = abs(value_s)
    for unit in ("s", "ms", "µs"):
        if size >= 0.9995 * _SECONDS[unit]:
            return f"{_significant(value_s / _SECONDS[unit])} {unit}"
    return f"{_significant(value_s * 1e9)} ns"


def format_span(value_s: float) -> str:
    """Format a wait for people: ``95`` becomes ``1 min 35 s``."""
    total = round(value_s)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def format_age(value_s: float) -> str:
    """Format how long ago something was: days from two days on."""
    return f"{value_s // 86400:.0f} d" if value_s >= 2 * 86400 else format_span(value_s)


def format_bytes(value_bytes: float) -> str:
    """Format a size with decimal prefixes: ``1500000`` becomes ``1.5 MB``."""
    size = abs(value_bytes)
    for unit in ("GB", "MB", "kB"):
        if size >= 0.9995 * _BYTES[unit]:
            return f"{_significant(value_bytes / _BYTES[unit])} {unit}"
    return f"{_significant(value_bytes)} B"


def format_count(value: float) -> str:
    """Format a large count, six digits of it: ``399684`` becomes ``399.684 k``."""
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{_significant(value / size, 6)} {prefix}"
    return _significant(value, 6)


def format_percent(ratio: float, *, signed: bool = False) -> str:
    """Format a ratio as a percentage: ``0.034`` becomes ``3.40%``."""
    return f"{ratio * 100:{'+' if signed else ''}.2f}%"


def format_value(value: float, unit: str) -> str:
    """Format `value` by its unit, the hint that every metric carries."""
    match unit:
        case "s":
            return format_seconds(value)
        case "B":
            return format_bytes(value)
        case "instructions":
            return format_count(value)
        case "ratio":
            return format_percent(value)
        case "dB":
            return f"{value:.1f} dB"
        case "1" | "":
            return _significant(value)
        case _:
            return f"{_significant(value, 4)} {unit}"


def _parse(text: str, units: dict[str, float], kind: str, example: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None or match[2] not in units:
        raise ValueError(f"expected {kind} such as {example}, got {text!r}")
    return float(match[1]) * units[match[2]]


def parse_seconds(text: str | float) -> float:
    """Parse a duration (``1.5 s``, ``200ms``, a plain number of seconds). Raises ValueError."""
    if isinstance(text, int | float):
        return float(text)
    return _parse(text, {"": 1.0, **_SECONDS}, "a duration", "'1.5 s' or '200 ms'")


def parse_bytes(text: str | float) -> int:
    """Parse a size (``10 MB``, ``4KiB``, a plain number of bytes). Raises ValueError."""
    if isinstance(text, int | float):
        return int(text)
    return int(_parse(text, {"": 1, **_BYTES}, "a size", "'10 MB' or '4 KiB'"))


def parse_ratio(text: str | float) -> float:
    """Parse a ratio (``3%``, ``0.03``). Raises ValueError."""
    if isinstance(text, int | float):
        return float(text)
    return _parse(text, {"": 1.0, "%": 0.01}, "a ratio", "'3%' or '0.03'")


def count(number: int, noun: str) -> str:
    """Count things: ``1 case``, ``3 cases``, ``2 processes``, ``1,024 nodes``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def format_signal(number: int) -> str:
    """Name a signal: ``SIGKILL``; one that has no name is called by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
