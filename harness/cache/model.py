"""Nouns of the cache's contents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """One folder of the cache: a model, data, a runtime, a tool, or what a killed process left unfinished."""

    kind: str  # "artifacts", "data", "runtimes", "tools", "tmp"
    name: str
    what: str
    folder: str
    size_bytes: int
    used_at: float  # seconds since the epoch: made, or used last


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one folder that was to be removed."""

    kept: Kept
    refused: str = ""  # why it stays; empty: it is gone
