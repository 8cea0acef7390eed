"""The published pages in a real browser.

Without a Chromium these tests are skipped; with CI_BROWSER=required they fail
instead. HARNESS_SCREENSHOTS names a folder to write the screenshots of the
README to (docs/images).
"""

import base64
import contextlib
import http.server
import json
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from harness.asv import export as asv
from harness.asv.demo import write_config, write_history

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1280,800",
    "--remote-debugging-pipe",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Browser:
    """A page of a headless Chromium, driven over its debugging pipe.

    `errors` collects what the page complains of: exceptions, errors and
    warnings on the console, and files that cannot be loaded.
    """

    def __init__(self, chromium: str, profile: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4.
        wiring = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        self.process = subprocess.Popen(
            ["bash", "-c", wiring, chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.errors: list[str] = []
        self._sent, self._read, self._session = 0, b"", ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and give its answer; note the events that come before it."""
        self._sent += 1
        command: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._receive()).get("id") != self._sent:
            self._note(message)
        assert "error" not in message, message
        return message["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._answers], [], [], 60)
            part = os.read(self._answers, 1 << 16) if ready else b""
            assert part, "Chromium does not answer"
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url')}")

    def run(self, script: str) -> Any:
        """Evaluate JavaScript and give its value."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until JavaScript gives something true, and give it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if value := self.run(condition):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never came true: {condition}; errors: {self.errors}")

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page where one is wanted."""
        picture = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        assert len(picture) > 5000
        if folder := os.environ.get("HARNESS_SCREENSHOTS"):
            (Path(folder) / f"{name}.png").write_bytes(picture)

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError):
            os.write(self._commands, b'{"id":0,"method":"Browser.close"}\0')
        os.close(self._commands)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._answers)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        assert os.environ.get("CI_BROWSER") != "required", "CI_BROWSER=required, and there is no Chromium"
        pytest.skip("no Chromium found (Debian: apt-get install chromium)")
    page = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


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
