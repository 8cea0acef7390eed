"""Read one YAML document into plain data that still knows where each value was written.

Only YAML's own scalar, list and mapping tags are read. A file is refused
before it can do harm: by its size, its nesting depth (PyYAML's C composer
recurses, and a deep enough file would end the process), and the number of
values and of characters that its aliases expand to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.core.errors import Problem, SuiteError

MAX_BYTES = 2**20
MAX_DEPTH = 40
MAX_VALUES = 100_000

KeyPath = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # as PyYAML was built

_TAG = "tag:yaml.org,2002:"
_TYPED = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float")}
_TEXT = {f"{_TAG}{name}" for name in ("str", "timestamp", "value")}  # a date is a fine name for a model


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written, and its text there (scalars only)."""

    file: str
    line: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data (dict, list, str, int, float, bool, None) with the place of every value.

    A mapping entry's place is that of its key. `problems` are mistakes that
    leave the rest readable.
    """

    value: dict[str, Any]
    places: Mapping[KeyPath, Place]
    problems: tuple[Problem, ...] = ()


def read(path: Path, shown: str) -> YamlDocument:
    """Read the file at `path`, called `shown` in messages. Raises SuiteError."""
    return parse(_text(path, shown), shown)


def parse(text: str, file: str) -> YamlDocument:
    """Read one YAML mapping. Raises SuiteError where nothing of it can be read."""
    node = compose(text, file)
    if node is None:
        raise _error(file, 1, "the file is empty: expected a mapping with models, axes, ...")
    if not isinstance(node, yaml.MappingNode) or node.tag != f"{_TAG}map":
        raise _error(file, node.start_mark.line + 1, "expected a mapping with models, axes, ... at the top")
    construction = _Construction(file)
    value = construction.build(node, (), 0)
    construction.places[()] = Place(file, node.start_mark.line + 1)
    return YamlDocument(value, construction.places, tuple(construction.problems))


def place(value: Any, where: Place, path: KeyPath = ()) -> dict[KeyPath, Place]:
    """Give every value in plain data the same place."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    places = {path: where}
    for key, item in items:
        places |= place(item, where, (*path, key))
    return places


def compose(text: str, file: str) -> yaml.Node | None:
    """Parse YAML into nodes; None where there is nothing. Raises SuiteError."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                message = f"nested more than {MAX_DEPTH} levels deep"
                line = event.start_mark.line + 1 if event.start_mark else None
                raise _error(file, line, message)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise _error(file, *_explain(error, text)) from error


def construct(node: yaml.Node, file: str) -> Any:
    """Turn nodes into plain data. Raises SuiteError."""
    construction = _Construction(file)
    value = construction.build(node, (), 0)
    if construction.problems:
        raise SuiteError(construction.problems)
    return value


def _error(file: str, line: int | None, message: str) -> SuiteError:
    return SuiteError([Problem(file, line, "", message)])


def _text(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(shown, None, f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise _error(shown, None, "is larger than 1 MiB: a suite is a small file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _error(shown, line, f"is not UTF-8: byte 0x{raw[error.start]:02x}") from error


def _explain(error: yaml.YAMLError, text: str) -> tuple[int | None, str]:
    """Give the line of a YAML error and one line on what is wrong."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow
        at = text[: getattr(error, "position", 0)]
        return at.count("\n") + 1, " ".join(str(error).splitlines()[0].split())
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if line[: mark.column + 1].strip(" ") == "\t":
        return mark.line + 1, "indented with a tab: YAML wants spaces"
    problem = getattr(error, "problem", None) or "is not valid YAML"
    if "another document" in problem:
        problem = "a second document starts here: a file holds one suite"
    context = getattr(error, "context", None)
    context = f" {context}" if context and context.startswith("while") else ""
    return mark.line + 1, f"not valid YAML{context}: {problem}"


@dataclass
class _Construction:
    """Nodes on their way to plain data; aliases are expanded, and counted."""

    file: str
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    values: int = 0
    characters: int = 0

    def build(self, node: yaml.Node, path: KeyPath, depth: int) -> Any:
        line = node.start_mark.line + 1
        self._count(node)
        if depth > MAX_DEPTH:  # only an alias to what encloses it gets here
            raise _error(self.file, line, f"nested more than {MAX_DEPTH} levels deep: an alias to itself?")
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.places.setdefault(path, Place(self.file, line, text))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _TEXT:
            return text
        if isinstance(node, yaml.ScalarNode) and node.tag in _TYPED:
            return self._typed(node, path)
        self._report(node, path, f"the tag {shorten(node.tag)} is not allowed: plain YAML only")
        return None

    def _count(self, node: yaml.Node) -> None:
        """Refuse a document that its aliases, of keys too, make larger than a file may be."""
        self.values += 1
        scalars = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else [node]
        self.characters += sum(len(item.value) for item in scalars if isinstance(item, yaml.ScalarNode))
        for count, limit, what in (
            (self.values, MAX_VALUES, "values"),
            (self.characters, MAX_BYTES, "characters"),
        ):
            if count > limit:
                message = f"holds more than {limit} {what} once its aliases are expanded"
                raise _error(self.file, None, message)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, item in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                self._report(key_node, path, "the merge key << is not read: use `extends`, or an alias")
            elif key_node.tag not in _TEXT:
                message = f"expected a name as key, got {_describe_key(key_node)}: quote it if it is a name"
                self._report(key_node, path, message)
            elif (key := key_node.value) in value:
                message = f"written twice: first on line {lines[key]}"
                self.problems.append(Problem(self.file, line, spell_path((*path, key)), message))
            else:
                inner = (*path, key)
                lines[key] = line
                text = item.value if isinstance(item, yaml.ScalarNode) else ""
                self.places[inner] = Place(self.file, line, text)
                value[key] = self.build(item, inner, depth + 1)
        return value

    def _typed(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, KeyError, yaml.YAMLError):  # such as `!!int four`
            kind = node.tag.removeprefix(_TAG)
            self._report(node, path, f"{shorten(node.value)} is no {kind}")
            return None

    def _report(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, spell_path(path), message))


def _describe_key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return "a list or mapping"
    kinds = {"bool": "the boolean", "int": "the number", "float": "the number"}
    kind = kinds.get(node.tag.removeprefix(_TAG), "")
    return f"{kind} {shorten(node.value)}".strip() if node.value else "nothing"


def printable(text: str) -> str:
    """Make `text` printable and on one line."""
    return text if text.isprintable() else repr(text)


def shorten(text: str) -> str:
    """Make `text` printable, on one line and no longer than 60 characters."""
    text = printable(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def spell_path(path: KeyPath) -> str:
    """Write a path as ``axes.intra_threads[2]``; odd keys in quotes, always one line."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part and part.isprintable() and not set(part) & set(".[]: "):
            text += f".{part}" if text else part
        else:
            text += f"[{shorten(repr(part))}]"
    return text
