"""Find which versions of what a build went through: they are part of its key."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path


def versions(*packages: str) -> dict[str, str | None]:
    """Return the installed version of each package, None where it is absent. Imports none of them."""
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


@functools.cache
def own_code() -> str:
    """Return a hash of the code that builds, so that no entry of another version is taken for its own."""
    here = Path(__file__).parent
    sources = [*sorted(here.rglob("*.py")), here.parent / "core" / "feeds.py"]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]
