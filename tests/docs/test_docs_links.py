"""Links within the documents lead somewhere, and nothing in them is of one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_lead_to_files_and_headings(page: Path) -> None:
    lost = []
    for link in LINK.findall(prose(page)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_files_that_pages_name_are_there(page: Path) -> None:
    root = page.parent if page.name == "README.md" else page.parents[1]
    named = re.findall(r"`((?:harness|tests|benchmarks|configs|docs)/[\w/.-]+\.\w+)`", prose(page))
    assert [name for name in named if not (root / name).exists()] == []


def test_no_page_names_a_folder_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.~$}])/(?:work|home|root|Users|mnt|tmp)/\S*", page.read_text()) == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("harness show [RUN]", "harness-show-run"), ("`asv run`", "asv-run"), ("A/B", "ab")],
)
def test_anchors_are_those_of_github(tmp_path: Path, heading: str, anchor: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# {heading}\n")
    assert anchors(page) == {anchor}
