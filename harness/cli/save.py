"""Write the suite that ``--save-suite`` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import InputError


def save_suite(document: Mapping[str, Any], path: Path) -> None:
    """Write `document`, the YAML of a suite, whole. Raises InputError."""
    from harness.plan import dump
    from harness.store.files import write_file

    try:
        write_file(path, dump(document))
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--save-suite {path}: {reason}; name a file in an existing folder") from error
