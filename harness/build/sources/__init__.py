"""Where a model comes from.

A new source is one class with two functions and one line in
`harness.core.plugins.SOURCES`; other packages add theirs through the
entry-point group ``harness.sources``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.build.reading import Reading


@dataclass(frozen=True, slots=True)
class Asked:
    """What the case asks of a source; None leaves it to the source."""

    exporter: str | None = None
    opset: int | None = None
    converter: str | None = None  # name==version; None: the version of the table of tools
    packages: tuple[str, ...] = ()  # what is installed with it
    tool: Mapping[str, Any] | None = None  # where what `tool` asked for lies, and what that holds
    exporter_options: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Any] | None = None  # which rows the original answers, of a source that `answers`

    @property
    def identity(self) -> dict[str, Any]:
        """What the file depends on; where things lie is no part of it."""
        found = {"exporter": self.exporter, "opset": self.opset, "converter": self.converter}
        return {**found, **({"exporter_options": self.exporter_options} if self.exporter_options else {})}


@dataclass(frozen=True, slots=True)
class Written:
    """What a source wrote: its main file, how it came to be, what readers must know.

    `reading` is given where the file is not ONNX; it is then neither checked
    nor read back. `reads` are files that determine the bytes and that `identify`
    could not know of, path -> sha256: where one changes, the model is built again.
    """

    file: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    random_weights: bool = False
    engine: str = "ort"
    reading: Reading | None = None
    reads: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(
        default_factory=dict
    )  # how the original answers: `harness.build.origin`


class Origin(Protocol):
    """One kind of source.

    It may have two more: ``tool(options, asked)``, which returns the `Tool` that its
    `write` needs, found then in ``asked.tool``; and ``answers = True``, where `write` keeps how the
    original answers ``asked.rows``.
    """

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Return everything that determines the bytes, versions included, as plain data.

        Runs in the parent, each time: imports nothing heavy and runs no code of
        the user's. Raises Unsupported or Failed.
        """

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Write the model into `folder`. Runs in the build's own process. Raises Unsupported or Failed."""
