"""The published pages in a real browser; see `browser`."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from browser import Browser, opened

from harness.asv import export as asv
from harness.asv.demo import write_config, write_history

pytestmark = pytest.mark.xdist_group("dashboard")  # one site is made for all


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from opened(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def open_site(browser: Browser) -> Iterator[Callable[[Path, str], Browser]]:
    """Serve a folder and open a page of it; whatever it complains of fails the test."""
    servers = []

    def open_page(site: Path, page: str = "") -> Browser:
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(site))

            def log_message(self, *args: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        browser.call("Page.navigate", url=f"http://127.0.0.1:{server.server_port}/{page}")
        return browser

    yield open_page
    for server in servers:
        server.shutdown()
        server.server_close()
    errors, browser.errors = browser.errors, []
    assert errors == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_history(folder)
    config = write_config(folder)
    asv.export(folder, config)
    return asv.publish(folder, config)


PLOTS = "[...document.querySelectorAll('#summarygrid-display canvas.flot-base')].length"
TITLE = "document.querySelector('#project-name').textContent"


def test_the_grid_draws_every_benchmark(open_site, demo: Path) -> None:
    page = open_site(demo, "")
    page.wait(f"{PLOTS} == 12")
    assert page.run("document.querySelector('.benchmark-group h1').textContent") == "synthetic"
    assert page.run(TITLE) == "SYNTHETIC demonstration (nothing here was measured)"
    page.screenshot("asv-grid")


def test_a_graph_shows_its_step(open_site, demo: Path) -> None:
    graph = "index.html#synthetic.synthetic_encoder.latency_p50?p-artifact='default'&p-batch=1"
    page = open_site(demo, graph)
    points = page.wait("(plot => plot && plot.getData()[0].data)(window.$ && $('#main-graph').data('plot'))")
    values = [value for _, value in points]
    assert len(values) == 60
    assert median(values[40:]) / median(values[:40]) == pytest.approx(1.10, abs=0.005)
    page.wait("document.querySelector('#main-graph canvas.flot-overlay')")
    page.screenshot("asv-graph")


def test_the_regressions_page_names_the_steps(open_site, demo: Path) -> None:
    page = open_site(demo, "index.html#/regressions")
    rows = "[...document.querySelectorAll('#regressions-body table:not(.ignored) tbody tr')]"
    page.wait(f"{rows}.length == 10")
    shown = page.run(f"{rows}.map(row => [...row.cells].map(cell => cell.textContent).slice(0, 6))")
    worst = {row[0]: row[3:6] for row in shown}
    accuracy = "synthetic.synthetic_cnn.accuracy_top1_error('precision=int8_static', 'default', 1, 1)"
    memory = "synthetic.synthetic_encoder.memory_peak('default', 'default', 1, 1)"
    assert worst[accuracy] == ["2.50x", "0.0156 error", "0.0391 error"]
    assert worst[memory] == ["1.15x", "120.000M", "138.000M"]
    page.screenshot("asv-regressions")


def test_a_commit_of_the_regressions_leads_to_its_run(open_site, demo: Path) -> None:
    page = open_site(demo, "index.html#/regressions")
    link = page.wait(
        "(a => a && a.href)(document.querySelector('#regressions-body tbody tr td:nth-child(3) a'))"
    )
    page.call("Page.navigate", url=link)
    row = page.wait("(row => row && row.textContent)(document.querySelector('tr:target'))")
    assert "synthetic-machine" in row and "current (1.3" in row


def test_the_list_shows_every_series(open_site, demo: Path) -> None:
    page = open_site(demo, "index.html#/summarylist")
    page.wait("document.querySelectorAll('#summarylist-body tbody tr').length == 48")
    text = page.run("document.querySelector('#summarylist-body').textContent")
    assert "undefined" not in text and "[object" not in text


def test_a_hostile_name_is_shown_and_not_obeyed(open_site, results, stored, record, cell) -> None:
    name = "<marquee id='owned'>"
    for night in range(4):
        hostile = record(cell(name, name), {"latency/p50": 1.0 + (night > 1)}, suite=name, machine=name)
        stored(
            results,
            night,
            [hostile, record(cell(name, "fp16"), {"latency/p50": 1.0}, suite=name, machine=name)],
        )
    config = results.parent / "asv.conf.json"
    asv.export(results, config)
    site = asv.publish(results, config)
    benchmark = "_marquee_id__owned__._marquee_id__owned__.latency_p50"
    pages = {
        "": f"{PLOTS} == 1",
        f"index.html#{benchmark}": "document.querySelector('#main-graph canvas.flot-overlay')",
        "index.html#/regressions": "document.querySelectorAll('#regressions-body tbody tr').length >= 1",
        "index.html#/summarylist": "document.querySelectorAll('#summarylist-body tbody tr').length == 2",
        "runs.html": "document.querySelectorAll('tr').length == 5",
    }
    for address, ready in pages.items():
        page = open_site(site, address)
        page.wait(ready)
        assert page.run("document.querySelector('marquee')") is None
