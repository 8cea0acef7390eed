"""What can be named is documented; commands, axes and metrics have tests of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.options import RECORD_FORMATS
from harness.core import vocabulary as names
from harness.core.plugins import PRECISIONS, SOURCES
from harness.core.record import BAD, Status
from harness.show import VIEWS

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    """A page of the documentation."""
    return (ROOT / name).read_text()


@pytest.mark.parametrize("view", VIEWS.builtin)
def test_every_view_is_documented(view: str) -> None:
    (line,) = re.findall(r"^\| `--format VIEW` .*$", text("docs/commands.md"), re.M)
    assert f"`{view}`" in line
    assert re.search(rf"\b{view}\b", text("README.md"), re.I)


def test_every_view_can_be_asked_for() -> None:
    assert set(RECORD_FORMATS) >= set(VIEWS.builtin)


@pytest.mark.parametrize("status", Status)
def test_every_status_is_documented(status: Status) -> None:
    (line,) = re.findall(r"^\| `status` .*$", text("docs/schema.md"), re.M)
    assert f"`{status}`" in line


def test_the_exit_codes_say_which_statuses_are_failures() -> None:
    (line,) = re.findall(r"^\| 3 \|.*$", text("docs/commands.md"), re.M)
    told = {"failed": "failed", "crashed": "crashed", "timeout": "timed out"}
    assert set(told) == BAD
    assert all(words in line for words in told.values())


@pytest.mark.parametrize("axis", ["precision", "provider"])
def test_every_name_of_an_axis_stands_in_its_row(axis: str) -> None:
    known = {"precision": ("fp32", *PRECISIONS), "provider": names.PROVIDERS}[axis]
    (line,) = re.findall(rf"^\| `{axis}` \|.*$", text("docs/suites.md"), re.M)
    assert [name for name in known if f"`{name}`" not in line] == []


@pytest.mark.parametrize("source", list(SOURCES))
def test_every_source_has_a_row(source: str) -> None:
    assert re.search(rf"^\| `{{{source}: .*}}`", text("docs/suites.md"), re.M)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, queue = set(), ["README.md"]
    while queue:
        page = queue.pop()
        reached.add(page)
        for link in re.findall(r"\]\(([\w/.-]+\.md)", text(page)):
            target = str((ROOT / page).parent.joinpath(link).resolve().relative_to(ROOT.resolve()))
            if target not in reached and (ROOT / target).exists():
                queue.append(target)
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - reached == set()
