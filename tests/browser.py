"""A real browser for tests: headless Chromium, driven over its debugging pipe.

Without one, tests are skipped; with CI_BROWSER=required they fail instead. HARNESS_SCREENSHOTS names a
folder to write the pictures of the README to (docs/images).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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

    def resize(self, width: int, height: int = 900, zoom: float = 1.0, dark: bool = False) -> None:
        """Give the page a size in CSS pixels at a zoom, and light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=round(width / zoom), height=round(height / zoom), deviceScaleFactor=zoom, mobile=False,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

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


def opened(profile: Path) -> Iterator[Browser]:
    """Open a browser for as long as a fixture lasts; skip where there is none."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        assert os.environ.get("CI_BROWSER") != "required", "CI_BROWSER=required, and there is no Chromium"
        pytest.skip("no Chromium found (Debian: apt-get install chromium)")
    page = Browser(chromium, profile)
    yield page
    page.close()
