"""The hash that shows whether a file has changed."""

from __future__ import annotations

import hashlib
from io import BufferedReader
from typing import Literal, Protocol


class Readable(Protocol):
    """What can be opened for reading, as a path can."""

    def open(self, mode: Literal["rb"], /) -> BufferedReader:
        """Open it."""
        ...


def hash_file(file: Readable) -> str:
    """Return the sha256 of what `file` holds, in hex. Raises OSError."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
