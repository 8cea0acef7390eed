"""docs/sources.md names everything that can be built, and says what is true of it."""

from __future__ import annotations

import re

import pytest
from models import ROOT

from harness.core import vocabulary as names
from harness.core.plugins import CATALOGUE, EXPORTERS, PRECISIONS, SOURCES
from harness.core.registry import Registry

TEXT = (ROOT / "docs" / "sources.md").read_text()


@pytest.mark.parametrize(
    "name", [*SOURCES, *EXPORTERS, *PRECISIONS, *CATALOGUE, *names.ZOO, *names.FORMATS, "fp32"]
)
def test_every_name_is_described(name: str) -> None:
    assert re.search(rf"\b{name}\b", TEXT)


@pytest.mark.parametrize("table", [SOURCES, EXPORTERS, PRECISIONS, CATALOGUE], ids=lambda table: table.kind)
def test_every_name_stands_for_something(table: Registry) -> None:
    assert all(table.resolve(name) for name in table.builtin)


@pytest.mark.parametrize("name", list(PRECISIONS))
def test_every_option_is_described(name: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` | "))
    defaults = PRECISIONS.resolve(name).defaults
    inherited = PRECISIONS.resolve("int8_dynamic").defaults if name == "int8_static" else {}
    for option, default in defaults.items():
        if option in inherited:
            assert default == inherited[option]
        else:
            assert f"`{option}`" in line
            told = None if default == [] else str(default).lower() if isinstance(default, bool) else default
            assert told is None or f"`{option}` ({told})" in line


@pytest.mark.parametrize("group", re.findall(r"`(harness\.\w+)` \| a", TEXT))
def test_every_entry_point_group_is_read(group: str) -> None:
    assert group in {table.group for table in (SOURCES, EXPORTERS, PRECISIONS, CATALOGUE)}


def test_all_groups_are_described() -> None:
    for table in (SOURCES, EXPORTERS, PRECISIONS, CATALOGUE):
        assert f"| `{table.group}` |" in TEXT
