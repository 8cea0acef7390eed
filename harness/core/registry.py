"""Look a name up in a table of things that are imported only when asked for.

Extending the harness is one new file and one line in one of these tables, or
an entry point in a third party's package.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from importlib import metadata

MAX_LISTED_NAMES = 16
"""Names that one message lists; beyond that, those nearest to the one that was asked for."""


def closest(name: str, known: Iterable[str]) -> str:
    """Return which known name is nearest, then list all of them, or the nearest where they are many."""
    import difflib  # --help needs none of it

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(names) <= MAX_LISTED_NAMES:
        return f"{hint}known: {', '.join(names)}"
    nearest = difflib.get_close_matches(name, names, n=5, cutoff=0.0)
    return f"{hint}nearest of {len(names)}: {', '.join(nearest)}"


def entry_points(group: str) -> tuple[metadata.EntryPoint, ...]:
    """Return the entry points of `group` of all packages on the path, which is searched once."""
    return _entry_points(group, tuple(sys.path))


@cache
def _entry_points(group: str, path: tuple[str, ...]) -> tuple[metadata.EntryPoint, ...]:
    from importlib import metadata  # a third of what --help costs

    return tuple(metadata.entry_points(group=group))


@dataclass(frozen=True, eq=False)
class Registry:
    """Names that stand for ``module:attribute``, resolved on first use.

    `kind` is the singular word that errors use; `group` is the entry-point
    group through which other packages add names of their own.
    """

    kind: str
    builtin: Mapping[str, str]
    group: str = ""

    def __iter__(self) -> Iterator[str]:
        yield from self.builtin
        yield from (point.name for point in self._foreign() if point.name not in self.builtin)

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or any(point.name == name for point in self._foreign())

    def _foreign(self) -> Iterable[metadata.EntryPoint]:
        return entry_points(self.group) if self.group else ()

    def resolve(self, name: str) -> Any:
        """Import what `name` stands for.

        Raises NotFoundError with the closest known name, InputError where
        another package's name cannot be imported.
        """
        target = self.builtin.get(name)
        if target is None:
            for point in self._foreign():
                if point.name == name:
                    return self._load(point)
            raise NotFoundError(f"unknown {self.kind} {name!r}: {closest(name, self)}")
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def _load(self, point: metadata.EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:  # another package's code raises what it likes
            of = f" of {point.dist.name}" if point.dist else ""
            why = f"cannot import {point.value}: {type(error).__name__}: {error}"
            raise InputError(f"{self.kind} {point.name!r}{of}: {why}") from error
