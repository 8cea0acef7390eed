"""What a text asks to be installed."""

from __future__ import annotations

from pathlib import Path

from harness.core import requirement
from harness.core.errors import InputError
from harness.core.registry import closest
from harness.core.requirement import DISTRIBUTIONS, Installable, Requirement, WheelFile
from harness.core.tools import TOOLS


def parse(text: str) -> Requirement:
    """Check ``name==version``, or the path of a wheel file; a relative one becomes absolute.

    Raises InputError.
    """
    return requirement.parse(text, _look)


def parse_any(text: str) -> Installable:
    """Check what `parse` takes, or the name of a tool. Raises InputError."""
    if text in TOOLS:
        return TOOLS[text]
    if text.isidentifier() and text not in DISTRIBUTIONS:
        raise InputError(f"unknown tool {text!r}: {closest(text, TOOLS)}; a runtime is name==version")
    return parse(text)


def _look(text: str) -> WheelFile:
    path = Path(text).absolute()
    link_to = str(path.resolve()) if path.is_symlink() else ""
    return WheelFile(str(path), path.name, link_to, path.is_file())
