"""Read ``--set axes.batch=1,8``: one override as a layer over the suite."""

from __future__ import annotations

from typing import Any

from harness.core.errors import InputError, SuiteError
from harness.plan.document import KeyPath, Place, YamlDocument, compose, construct, place, printable


class Setting(str):
    """An override or a filter that was made of another option: `option` is what messages call it."""

    option: str

    def __new__(cls, text: str, option: str) -> Setting:
        """Make it of the text that is read, and of the option that a user wrote."""
        made = super().__new__(cls, text)
        made.option = option
        return made


def option_of(text: str, flag: str) -> str:
    """Return what messages call an override or a filter: `flag` and its text, unless it has a name."""
    return text.option if isinstance(text, Setting) else f"{flag} {printable(text)}"


def override(text: str, document: dict[str, Any]) -> YamlDocument:
    """Turn ``dotted.path=value`` into the layer that it stands for.

    The value is YAML; of an axis it may be a comma-separated list. A key that
    itself holds dots is found where `document` has it. Raises InputError.
    """
    flag = option_of(text, "--set")
    dotted, equals, written = text.partition("=")
    path = _path(dotted, document)
    if not equals or "" in path:
        raise InputError(f"{flag}: expected KEY=VALUE such as axes.batch=1,8 or sampling.seconds=2")
    is_axis = len(path) > 1 and path[-2] == "axes"
    if is_axis and written.lstrip()[:1] not in ("[", "{"):
        written = f"[{written}]"
    value = _value(written, flag)
    places: dict[KeyPath, Place] = place(value, Place(flag), path)
    for length in range(len(path) - 1, 0, -1):
        places[path[:length]] = Place(flag)
    for key in reversed(path):
        value = {key: value}
    return YamlDocument(value, places)


def _value(written: str, flag: str) -> Any:
    try:
        node = compose(written, flag)
        return None if node is None else construct(node, flag)
    except SuiteError as error:
        raise InputError(f"{flag}: {error.problems[0].message}") from error


def _path(dotted: str, document: Any) -> tuple[str, ...]:
    """Split at the dots, but take the longest key that `document` has first: names may hold dots."""
    path: list[str] = []
    while True:
        keys = document if isinstance(document, dict) else {}
        known = [key for key in keys if dotted == key or dotted.startswith(f"{key}.")]
        key = max(known, key=len, default=dotted.partition(".")[0])
        path.append(key)
        if dotted == key:
            return tuple(path)
        dotted, document = dotted[len(key) + 1 :], keys.get(key)
