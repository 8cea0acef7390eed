"""Nouns of a project that the harness is set up in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SuiteEntry:
    """One model of the suite: its name, its source, and what was assumed for it."""

    name: str
    source: Mapping[str, str]  # as a suite has it; paths relative to the suite's folder
    shapes: Mapping[str, int] = field(default_factory=dict)
    axes: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what a user should know


@dataclass(frozen=True, slots=True)
class Setup:
    """What was written."""

    files: tuple[str, ...]  # relative to the project's folder
    overwritten: tuple[str, ...]
    notes: tuple[str, ...]
    source: str  # what CI installs the harness from; empty: the user fills it in
