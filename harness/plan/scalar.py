"""Check single values, with errors that say what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainValidator, TypeAdapter

from harness.core.registry import closest
from harness.core.units import parse_bytes, parse_ratio, parse_seconds
from harness.plan.document import shorten

Check = Callable[[Any], Any]


class Expected(ValueError):
    """What a value should have been; whoever reports it adds what it was."""


def integer(low: int, high: int) -> Check:
    """Check for an integer in [low, high]; YAML's booleans are none."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Expected(f"expected an integer from {low} to {high}")
        return value

    return check


def number(value: Any) -> float:
    """Check for a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise Expected("expected a number")
    return float(value)


def boolean(value: Any) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise Expected("expected true or false")
    return value


def text(value: Any) -> str:
    """Check for text that is not blank, on one line or more."""
    if not isinstance(value, str) or not value.strip():
        raise Expected("expected text")
    return value


def name(value: Any) -> str:
    """Check for a name that keys, tables and command lines can carry: any printable text but ``/ = ,``."""
    if not isinstance(value, str):
        raise Expected("expected a name")
    if not value or value != value.strip() or not value.isprintable() or set(value) & set("/=,"):
        raise Expected("expected a name: printable text without / = , and without blanks around it")
    return value


def choice(kind: str, known: Iterable[str], group: str = "") -> Check:
    """Check for one of `known` or of the names that other packages add under the entry-point `group`."""
    names = tuple(known)

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Expected(f"expected one of {', '.join(names)}")
        if value in names:
            return value
        foreign = [point.name for point in metadata.entry_points(group=group)] if group else []
        if value not in foreign:
            raise ValueError(f"unknown {kind} {shorten(repr(value))}: {closest(value, [*names, *foreign])}")
        return value

    return check


def seconds(low: float = 0.0, high: float = 30 * 86400.0) -> Check:
    """Check for a duration in [low, high] seconds, written as a number or with a unit."""
    return _quantity(parse_seconds, "a duration such as 2, '1.5 s' or '200 ms'", low, high)


def ratio(low: float, high: float) -> Check:
    """Check for a ratio in [low, high], written as a plain number or in percent."""
    return _quantity(parse_ratio, "a ratio such as '3%' or 0.03", low, high)


def quantity(unit: str, low: float, high: float) -> Check:
    """Check for a value in [low, high] of a metric of `unit`."""
    parse, example = _UNITS.get(unit, (number, "a number"))
    return _quantity(parse, example, low, high)


def several(check: Check, whole: Check = lambda values: values) -> Any:
    """Annotate a tuple of checked values, which `whole` checks together; a scalar stands for one value."""
    one = Annotated[Any, PlainValidator(check)]
    return Annotated[tuple[one, ...], BeforeValidator(_listed), AfterValidator(whole)]


def _listed(value: Any) -> Any:
    if value == []:
        raise Expected("expected at least one value")
    return value if isinstance(value, list) else [value]


def entry(value: dict[str, Any], check: Check) -> Any:
    """Check the value of a mapping's only entry; mistakes in it are found under its key."""
    checked = TypeAdapter(dict[str, Annotated[Any, PlainValidator(check)]]).validate_python(value)
    return next(iter(checked.values()))


def scalars(value: Any) -> Mapping[str, str]:
    """Check for a mapping of text to text, as ONNX Runtime takes options; numbers become text."""
    if not isinstance(value, dict):
        raise Expected("expected a mapping of option to text")
    for key, item in value.items():
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise ValueError(f"{shorten(key)}: expected text, in quotes, as ONNX Runtime should get it")
    return {key: str(item) for key, item in value.items()}


def _quantity(parse: Callable[[Any], float], expected: str, low: float, high: float) -> Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Expected(f"expected {expected}")
        try:
            size = parse(value)
        except (ValueError, OverflowError):
            raise Expected(f"expected {expected}") from None
        if not (_is_finite(size) and low <= size <= high):
            raise Expected(f"expected {expected}{_range(low, high)}")
        return size

    return check


def _range(low: float, high: float) -> str:
    least = f", at least {low:.10g}" if low > -math.inf else ""
    return f"{least}, at most {high:.10g}" if high < math.inf else least


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


_UNITS: Mapping[str, tuple[Callable[[Any], float], str]] = {
    "s": (parse_seconds, "a duration such as '5 ms'"),
    "B": (parse_bytes, "a size such as '10 MB'"),
    "ratio": (parse_ratio, "a ratio such as '98%' or 0.98"),
}
