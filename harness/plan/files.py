"""Find the files that a suite names: models, torch modules, data, wheels, custom operators.

A path is relative to the file in which it is written. While a suite is put
together, every path is rewritten to be relative to the suite's own folder, so
that the whole document reads as if it had been written there.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core.errors import Problem
from harness.core.requirement import WheelFile
from harness.core.tools import TOOLS
from harness.plan.document import KeyPath, Place, YamlDocument, shorten, spell_path

CODE = ("torch", *(name for name, tool in TOOLS.items() if tool.converts))
"""Sources that are a function of the user's."""


def rebase(document: YamlDocument, from_dir: Path, to_dir: Path) -> YamlDocument:
    """Rewrite the paths written in `from_dir` so that they hold in `to_dir`."""
    start, end = _absolute(from_dir), _absolute(to_dir)
    if start == end:
        return document
    value = _copy(document.value)
    for path, text in list(references(value)):
        if not Path(text).is_absolute():
            _put(value, path, os.path.relpath(start / text, end))
    return replace(document, value=value)


def absolute(value: dict[str, Any], base_dir: Path) -> dict[str, Any]:
    """Copy a document's value with its paths, relative to `base_dir`, made absolute."""
    value = _copy(value)
    for path, text in list(references(value)):
        _put(value, path, str(_absolute(base_dir / text)))
    return value


def references(value: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Give every value that names a file: its key path and its text, whatever else is wrong."""
    yield from _wheels(value.get("axes"), ("axes", "runtime"))
    yield from _libraries(value.get("session"))
    models = value.get("models")
    for name, model in models.items() if isinstance(models, dict) else ():
        if not isinstance(model, dict):
            continue
        here: KeyPath = ("models", name)
        yield from _wheels(model.get("axes"), (*here, "axes", "runtime"))
        source, data = model.get("source"), model.get("data")
        if isinstance(source, dict):
            yield from _text((*here, "source", "onnx"), source.get("onnx"), "")
            for kind in CODE:
                yield from _code((*here, "source", kind), source.get(kind))
        yield from _text((*here, "data"), data, ".npz")
        if isinstance(data, dict):
            yield from _text((*here, "data", "npz"), data.get("npz"), ".npz")


def missing(document: YamlDocument, base_dir: Path) -> list[Problem]:
    """Return which of the files that `document` names are not there."""
    problems = []
    for path, text in references(document.value):
        name = text.rpartition(":")[0] if path[-1] in (*CODE, "target") else text
        if reason := why_missing(base_dir / name, name):
            where = document.places.get(path, Place(""))
            problems.append(Problem(where.file, where.line, spell_path(path), reason))
    return problems


def why_missing(file: Path, name: str) -> str:
    """Return why `file`, written as `name`, cannot be had, and what is close to it; empty if it is there."""
    shown = shorten(repr(name if len(name) <= 57 else f"…{name[-54:]}"))  # the end tells files apart
    try:
        if file.is_file():
            return ""
        if file.is_dir():
            models = sorted(item.name for item in file.glob("*.onnx"))
            inside = f"; name a file in it, such as {models[0]!r}" if models else ""
            return f"{shown} is a folder{inside}"
        if file.exists():
            return f"{shown} is no ordinary file"
        folder = _absolute(file.parent)
        near = difflib.get_close_matches(file.name, [item.name for item in folder.iterdir()], n=1)
    except FileNotFoundError:
        return f"no file {shown}: there is no folder {str(folder)!r}"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return f"no file {shown}: {getattr(error, 'strerror', None) or error}"
    if file.is_symlink():
        return f"no file {shown}: it is a link that leads nowhere"
    return f"no file {shown}" + (f": did you mean {near[0]!r}?" if near else f" in {str(folder)!r}")


def _absolute(path: Path) -> Path:
    """Make `path` absolute and take out its ``..``, following no link."""
    return Path(os.path.normpath(path.absolute()))


def _code(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
    """Give the file of a function that a source names, by itself or as its target."""
    if isinstance(value, dict):
        yield from _text((*path, "target"), value.get("target"), ".py:")
    else:
        yield from _text(path, value, ".py:")


def _wheels(axes: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    runtime = axes.get("runtime") if isinstance(axes, dict) else None
    if isinstance(runtime, list):
        for index, item in enumerate(runtime):
            yield from _text((*path, index), item, ".whl")
    else:
        yield from _text(path, runtime, ".whl")


def _libraries(session: Any) -> Iterator[tuple[KeyPath, str]]:
    listed = session.get("custom_ops") if isinstance(session, dict) else None
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        yield from _text(("session", "custom_ops", index), item, "")


def _text(path: KeyPath, value: Any, mark: str) -> Iterator[tuple[KeyPath, str]]:
    """Give `value` where it is text that names a file: one that holds `mark`."""
    if isinstance(value, str) and value and mark in value:
        yield path, value


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _put(value: Any, path: KeyPath, text: str) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = text


def look(text: str) -> WheelFile:
    """Look what is at the path of a wheel."""
    path = Path(text).absolute()
    link_to = str(path.resolve()) if path.is_symlink() else ""
    return WheelFile(str(path), path.name, link_to, path.is_file())
