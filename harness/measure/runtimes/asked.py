"""Which runtime a text asks for."""

from __future__ import annotations

from pathlib import Path

from harness.core import requirement
from harness.core.requirement import Requirement, WheelFile


def parse(text: str) -> Requirement:
    """Check ``name==version``, or the path of a wheel file; a relative one becomes absolute.

    Raises InputError.
    """
    return requirement.parse(text, _look)


def _look(text: str) -> WheelFile:
    path = Path(text).absolute()
    link_to = str(path.resolve()) if path.is_symlink() else ""
    return WheelFile(str(path), path.name, link_to, path.is_file())
