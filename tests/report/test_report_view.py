"""The page: one file, the same bytes, no network, nothing obeyed that is only a name."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nights import cell, cells, profiled, store

from harness.report.compose import compose
from harness.report.job import gather, write_figures, write_markdown
from harness.report.model import RunReport
from harness.report.view import draw_html

pytestmark = pytest.mark.xdist_group("report")  # one report is made for all

LIMIT_BYTES = 500_000
HISTORY_AND_COMPARISON = 50_000

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>$\\frac$|\n\x1b[31m`_a_`\u202e'


class Seen(HTMLParser):
    """What a page holds, as a browser reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.hrefs.append(value or "")
            if name in ("src", "href", "srcset", "action", "data") and not (value or "").startswith("#"):
                self.links.append(value or "")
            assert not name.startswith("on"), (tag, name)


def read(page: str) -> Seen:
    seen = Seen()
    seen.feed(page)
    return seen


def test_the_same_run_is_the_same_bytes(report: RunReport, page: str) -> None:
    small = replace(report, models=report.models[1:], against=None, history=None)
    assert draw_html(small) == draw_html(small)
    assert not re.search(r"\d{4}-\d\d-\d\dT", page)  # no date but those of the runs


def test_it_asks_nothing_of_a_network(page: str) -> None:
    seen = read(page)
    assert seen.links == []
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp", page)


def test_every_link_leads_somewhere_and_no_name_is_given_twice(page: str) -> None:
    seen = read(page)
    assert len(set(seen.ids)) == len(seen.ids)
    assert {link.removeprefix("#") for link in seen.hrefs} <= set(seen.ids)


def test_text_of_charts_is_text_and_their_colors_are_those_of_the_page(page: str) -> None:
    pictures = re.findall(r"<svg role=img.*?</svg>", page, re.S)
    assert len(pictures) >= 12
    assert all("<text" in picture and "aria-label=" in picture for picture in pictures)
    assert not any(re.search(r"#[0-9a-f]{6}", picture) for picture in pictures)
    assert "prefers-color-scheme:dark" in page and "@media print" in page
    used = set(re.findall(r'class="?(?:[me] )?c([0-7imgpnx]{2})\b', page))
    assert used == set(re.findall(r"\.c([0-7imgpnx]{2})\{", page))


def test_every_chart_has_two_sentences_and_its_numbers(report: RunReport, page: str) -> None:
    assert page.count("<summary class=numbers>") == page.count("<figcaption>") == len(report.charts)


def test_two_hundred_cases_are_less_than_half_a_megabyte(tmp_path: Path) -> None:
    grid = {
        "precision": ("fp32", "int8_static", "int8_dynamic", "fp16", "int8_mine"),
        "graph_opt": ("disable", "all"), "intra_threads": (1, 2), "batch": (1, 8),
    }  # fmt: skip
    records = list(cells("squeezenet", 1e-4, grid))
    store(tmp_path, records)
    profiles = {record.case: profiled(record) for record in records}
    made = compose(replace(gather(tmp_path), profiles=profiles))
    assert len(made.models[0].lines) == 40
    bare = len(draw_html(replace(made, models=())).encode())
    assert bare + 5 * (len(draw_html(made).encode()) - bare) <= LIMIT_BYTES - HISTORY_AND_COMPARISON


@pytest.fixture
def hostile(tmp_path: Path) -> RunReport:
    records = [cell(HOSTILE, 1e-4, {"precision": name, "batch": 1}) for name in (HOSTILE, "fp32", "$x$")]
    store(tmp_path, records, description=HOSTILE, suite=HOSTILE, command=("harness", HOSTILE))
    return compose(gather(tmp_path))


def test_hostile_names_stay_text(hostile: RunReport) -> None:
    page = draw_html(hostile)
    seen = read(page)
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert "\x1b" not in page and "\u202e" not in page
    assert "$\\frac$" in page  # and no formula


def test_a_hostile_name_is_a_file_name_in_the_folder(hostile: RunReport, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    written = write_figures(hostile, folder, ("svg",))
    assert written and all(path.parent == folder for _, path in written)
    assert all(re.fullmatch(r"[\w.-]+\.svg", path.name) for _, path in written)


def test_markdown_has_its_pictures_beside_it(report: RunReport, tmp_path: Path) -> None:
    small = replace(report, models=report.models[1:], against=None, history=None)
    first, *pictures = write_markdown(small, tmp_path / "report.md")
    text = first.read_text()
    assert len(pictures) == len(small.charts)
    linked = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert [tmp_path / link for link in linked] == pictures
    assert all(picture.read_bytes().startswith(b"<?xml") for picture in pictures)
    assert "| int8\\_static |" in text or "| int8_static |" in text
