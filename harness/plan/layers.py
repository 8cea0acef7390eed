"""Put a suite together: the configs that it extends, the file itself, the overrides.

Every layer is a document; a later one wins. Mappings are merged key by key;
lists, axis values, sources and data are replaced whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core.errors import Problem, SuiteError
from harness.plan import starters
from harness.plan.document import KeyPath, Place, YamlDocument, place, read, shorten
from harness.plan.files import rebase, why_missing
from harness.plan.override import override

MAX_FILES = 100


def put_together(
    top: YamlDocument, base_dir: Path, overrides: Sequence[str] = (), *, file: Path | None = None
) -> YamlDocument:
    """Merge what `top` extends, `top` itself and `overrides`, paths relative to `base_dir`.

    Raises SuiteError for an override that cannot be read; mistakes in the
    files are the result's `problems`.
    """
    chain = (file.resolve(),) if file else ()
    document = _Extension(base_dir).extend(top, base_dir, chain)
    for text in overrides:
        layer = override(text, document.value)
        document = merge(document, rebase(layer, Path.cwd(), base_dir))
    return document


def merge(base: YamlDocument, top: YamlDocument) -> YamlDocument:
    """Lay `top` over `base`."""
    replaced: set[KeyPath] = set()
    value = _merge(base.value, top.value, (), replaced)
    kept = {
        path: where
        for path, where in base.places.items()
        if not any(path[:length] in replaced for length in range(1, len(path) + 1))
    }
    return YamlDocument(value, {**kept, **top.places}, (*base.problems, *top.problems))


def _merge(base: Any, top: Any, path: KeyPath, replaced: set[KeyPath]) -> Any:
    if isinstance(base, dict) and isinstance(top, dict) and not _is_whole(path):
        merged = dict(base)
        for key, item in top.items():
            merged[key] = _merge(base[key], item, (*path, key), replaced) if key in base else item
        return merged
    replaced.add(path)
    return top


def _is_whole(path: KeyPath) -> bool:
    """Return whether the mapping at `path` is one value, of which half a one makes no sense."""
    if path[:1] == ("models",):
        path = path[2:]  # within a model
        if path in (("source",), ("data",)):
            return True
    return len(path) > 1 and path[0] == "axes"


@dataclass
class _Extension:
    """The files read on behalf of one suite."""

    root_dir: Path
    files: int = field(default=0)

    def extend(self, document: YamlDocument, folder: Path, chain: tuple[Path, ...]) -> YamlDocument:
        """Lay `document`, written in `folder`, over what it extends; `chain` leads from the suite to it."""
        value = dict(document.value)
        names = value.pop("extends", [])
        document = rebase(replace(document, value=value), folder, self.root_dir)
        base = YamlDocument({}, {})
        for path, name in _named(names):
            where = document.places.get(path) or document.places.get(path[:1]) or Place("")
            try:
                base = merge(base, self._read(name, where, folder, chain))
            except SuiteError as error:
                base = replace(base, problems=(*base.problems, *error.problems))
        return merge(base, document)

    def _read(self, name: Any, where: Place, folder: Path, chain: tuple[Path, ...]) -> YamlDocument:
        if not isinstance(name, str) or not name:
            raise _error(where, "expected the path of a YAML file, or a list of paths")
        path = starters.find(Path(name), "configs", folder)
        if reason := why_missing(path, name):
            raise _error(where, reason + starters.known(Path(name), "configs"))
        if path.resolve() in chain:
            raise _error(where, f"{shorten(repr(name))} leads back to itself: a file may not extend itself")
        self.files += 1
        if self.files > MAX_FILES:
            raise _error(where, f"more than {MAX_FILES} files are extended")
        own = path == folder / name
        shown = os.path.normpath(Path(where.file).parent / name) if own else str(path)
        return self.extend(read(path, shown), path.parent, (*chain, path.resolve()))


def _named(names: Any) -> list[tuple[KeyPath, Any]]:
    """Give what `extends` names, each with its key path."""
    if isinstance(names, list):
        return [(("extends", index), name) for index, name in enumerate(names)]
    return [(("extends",), names)]


def _error(where: Place, message: str) -> SuiteError:
    return SuiteError([Problem(where.file, where.line, "extends", message)])


def from_plain(value: dict[str, Any], name: str) -> YamlDocument:
    """Make a document of plain data that is in no file; messages call it `name`."""
    return YamlDocument(value, place(value, Place(name)))
