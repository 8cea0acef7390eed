"""Decide whether a case meets a condition: of a skip rule, a gate, a filter.

A condition maps axes to what their values may be, as text; shell-style globs
are allowed. A case meets it when every axis that it names fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from harness.core.errors import InputError


def spell(value: Any) -> str:
    """Write an axis value as conditions do: None, as nothing asked for, is ``null``."""
    return "null" if value is None else str(value)


def fits(value: Any, patterns: Sequence[str]) -> bool:
    """Return whether `value` is one of `patterns`, to the letter or as a glob."""
    text = spell(value)
    return text in patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


def matches(axes: Mapping[str, Any], when: Mapping[str, Sequence[str]]) -> bool:
    """Return whether `axes` (as in `Case.axes`) meets the condition `when`."""
    return all(axis in axes and fits(axes[axis], patterns) for axis, patterns in when.items())


def parse_conditions(texts: Sequence[str]) -> dict[str, list[str]]:
    """Read ``axis=value[,value]`` from a command line; an axis named twice may have any of the values.

    Raises InputError for what is not of that form.
    """
    conditions: dict[str, list[str]] = {}
    for text in texts:
        axis, equals, values = text.partition("=")
        if not axis or not equals or not values:
            raise InputError(f"--only {text}: expected AXIS=VALUE[,VALUE], such as precision=int8_*")
        conditions.setdefault(axis, []).extend(value.strip() for value in values.split(","))
    return conditions
