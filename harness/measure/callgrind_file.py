"""Read what callgrind wrote: self cost by shared object.

The format: valgrind manual, "Callgrind Format Specification". A name stands once in full, with a number,
and by that number from then on; the line after ``calls=`` is the cost of what was called, no self cost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_NAME = re.compile(r"\((\d+)\)(?: (.*))?")


def self_cost(lines: Iterable[str]) -> tuple[str, dict[str, int]]:
    """Return the name under which the counts were written, and the instructions of each object by its path.

    Raises ValueError for text of another form.
    """
    name, current, called, costs = "", "", False, Counter[str]()
    known: dict[str, str] = {}
    positions = 1
    for line in lines:
        key, equals, value = line.rstrip("\n").partition("=")
        if equals:
            if key in ("ob", "cob"):
                found = _expand(value, known)
                current = found if key == "ob" else current
            called = called or key == "calls"
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not called:
                fields = line.split()
                costs[current] += int(fields[positions]) if len(fields) > positions else 0
            called = False
        elif line.startswith("positions:"):
            positions = len(line.split()) - 1
        elif line.startswith("events:") and line.split()[1:2] != ["Ir"]:
            raise ValueError(f"expected instructions first among the events, got {line.strip()!r}")
        elif line.startswith("desc: Trigger: Client Request:"):
            name = line.rpartition(":")[2].strip()
    return name, dict(costs)


def _expand(text: str, known: dict[str, str]) -> str:
    """Return the name that a text stands for, and learn it where it is in full."""
    found = _NAME.fullmatch(text)
    if found is None:
        return text
    number, name = found.groups()
    if name is not None:
        known[number] = name
    if number not in known:
        raise ValueError(f"the name ({number}) is used before it is given")
    return known[number]
