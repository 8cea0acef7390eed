"""The page in a real browser: nothing for axe-core to find, at any width; see `browser`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Browser, opened

from harness.report.model import RunReport
from harness.report.view import draw_html

pytestmark = pytest.mark.xdist_group("report")  # one report is made for all

AXE = "axe-core@4.14.1"

SIZES = {
    "wide": {"width": 1280},
    "at 200%": {"width": 1280, "zoom": 2.0},
    "dark": {"width": 800, "dark": True},
    "a telephone": {"width": 320},
}
"""How a reader may see it."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from opened(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, from npm."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("npm")
    command = [str(npm), "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    done = False
    with suppress(subprocess.TimeoutExpired):
        done = bool(npm) and not subprocess.run(command, capture_output=True, timeout=180).returncode
    if not done:
        assert os.environ.get("CI_BROWSER") != "required", f"CI_BROWSER=required, and no npm gives {AXE}"
        pytest.skip(f"npm cannot install {AXE}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    browser: Browser, axe: str, report: RunReport, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(draw_html(replace(report, models=report.models[1:])))  # a small one: axe reads every node
    browser.resize(1280)
    browser.call("Page.navigate", url=path.as_uri())
    browser.wait("document.readyState == 'complete' && document.querySelector('footer') !== null")
    browser.run("document.querySelectorAll('details').forEach(item => { item.open = true; })")
    browser.run(axe)
    for name, size in SIZES.items():
        browser.resize(**size)  # type: ignore[arg-type]
        assert browser.run("document.documentElement.scrollWidth <= window.innerWidth"), name
        browser.run("window.found = null; axe.run(document).then(all => { window.found = all; })")
        browser.wait("window.found !== null")
        wrong = browser.run(
            "window.found.violations.map(one => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)])"
        )
        assert wrong == [], name
    browser.run("document.querySelectorAll('details').forEach(item => { item.open = false; })")
    browser.run("document.querySelector('table.sortable th:last-child button').click()")
    assert browser.run("document.querySelectorAll('th[aria-sort=ascending]').length") == 1
    assert browser.errors == []


def test_a_click_sorts_numbers_as_numbers(browser: Browser, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page)
    browser.resize(1280)
    browser.call("Page.navigate", url=path.as_uri())
    browser.wait("document.querySelector('#model-1 table.sortable th button') !== null")
    table = "document.querySelector('#model-1 table.sortable')"
    heads = browser.run(f"[...{table}.tHead.rows[0].cells].map(cell => cell.textContent)")
    column = heads.index("p50")
    browser.run(f"{table}.querySelectorAll('th button')[{column}].click()")
    shown = browser.run(f"[...{table}.tBodies[0].rows].map(row => row.cells[{column}].textContent)")
    unit = {"µs": 1e-6, "ms": 1e-3}
    seconds = [float(text.split()[0]) * unit[text.split()[1]] for text in shown]
    assert len(set(shown)) > 3 and seconds == sorted(seconds)
    browser.resize(1100, 1000)
    browser.run("document.querySelector('#model-1 figure').scrollIntoView()")
    browser.screenshot("report")
