"""What the worker has found so far, kept on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "answer.json"


class Answer:
    """The parts of an observation, filled stage by stage.

    Every `write` replaces the file as a whole, so that a reader finds the
    facts of all stages that ended, whatever happens in the next one.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.passes: list[str] = []
        self.parts: dict[str, Any] = {}

    def __getitem__(self, part: str) -> dict[str, Any]:
        """Return a part to fill; an empty one where there is none yet."""
        found: dict[str, Any] = self.parts.setdefault(part, {})
        return found

    def write(self) -> None:
        """Write all of it, then put it in the place of what was there."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"passes": self.passes, **self.parts}, separators=(",", ":")))
        fresh.replace(self.path)
