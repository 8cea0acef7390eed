"""docs/sources.md names everything that can be built, and says what is true of it."""

from __future__ import annotations

import re

import pytest

from harness.build.data import CATALOGUE
from harness.build.precisions import PRECISIONS
from harness.build.sources import EXPORTERS, SOURCES
from harness.core import vocabulary as names

from .conftest import ROOT

TEXT = (ROOT / "docs" / "sources.md").read_text()


@pytest.mark.parametrize(
    "name", [*SOURCES, *EXPORTERS, *PRECISIONS, *CATALOGUE, *names.ZOO, *names.FORMATS, *names.PRECISIONS]
)
def test_every_name_is_described(name: str) -> None:
    assert re.search(rf"\b{name}\b", TEXT)


@pytest.mark.parametrize(
    ("table", "listed"),
    [
        (SOURCES, names.SOURCES),
        (EXPORTERS, names.EXPORTERS),
        (CATALOGUE, names.CATALOGUE),
        (("fp32", *PRECISIONS), names.PRECISIONS),
    ],
)
def test_a_suite_may_name_what_there_is(table: object, listed: tuple[str, ...]) -> None:
    assert tuple(table) == listed  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(PRECISIONS))
def test_every_option_is_described(name: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` | `onnxruntime."))
    defaults = PRECISIONS.resolve(name).defaults
    inherited = PRECISIONS.resolve("int8_dynamic").defaults if name == "int8_static" else {}
    for option, default in defaults.items():
        if option in inherited:
            assert default == inherited[option]
        else:
            assert f"`{option}`" in line
            told = {False: "false", True: "true"}.get(default, default) if default != [] else None
            assert told is None or f"`{option}` ({told})" in line


@pytest.mark.parametrize("group", re.findall(r"`(harness\.\w+)` \| a", TEXT))
def test_every_entry_point_group_is_read(group: str) -> None:
    assert group in {table.group for table in (SOURCES, EXPORTERS, PRECISIONS, CATALOGUE)}


def test_all_groups_are_described() -> None:
    for table in (SOURCES, EXPORTERS, PRECISIONS, CATALOGUE):
        assert f"| `{table.group}` |" in TEXT
