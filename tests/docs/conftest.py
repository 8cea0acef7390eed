"""The documents as blocks of code, and a folder in which those marked as runnable run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARK = "<!-- runnable -->"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the page and line that it stands at, its language, the file that it is."""

    page: Path
    line: int
    language: str
    file: str
    text: str
    runnable: bool

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def read_blocks(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page, in their order."""
    text = page.read_text()
    for found in re.finditer(rf"^({MARK}\n)?```(\w*)(?: file=(\S+))?\n(.*?)^```$", text, re.M | re.S):
        line = text.count("\n", 0, found.start(2)) + 1
        yield Block(page, line, found[2], found[3] or "", found[4], found[1] is not None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `page` on each page, one that asks for `runnable` on each runnable block."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES, ids=lambda page: page.name)
    if "runnable" in metafunc.fixturenames:
        found = [block for page in PAGES for block in read_blocks(page) if block.runnable]
        blocks = [block for block in found if block.page.name != "extending.md"]  # has a test of its own
        metafunc.parametrize("runnable", blocks, ids=str)


@pytest.fixture(scope="session")
def blocks() -> Callable[[Path], list[Block]]:
    """Give the fenced blocks of a page."""
    return lambda page: list(read_blocks(page))


HARNESS = f"""\
#!/bin/sh
# The harness, its samples cut short.
case $1 in
    run|sweep) exec "{sys.executable}" -W error -m harness "$@" --set sampling.seconds=0.02 \\
        --set sampling.warmup_seconds=0 --set sampling.processes=1 ;;
    *) exec "{sys.executable}" -W error -m harness "$@" ;;
esac
"""


COMMANDS = """
import contextlib, io, json, shlex, sys
from harness.cli import main
found = []
for command in json.loads(sys.argv[1]):
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(shlex.split(command))
    found.append((code, *(stream.buffer.getvalue().decode() for stream in (out, err))))
print(json.dumps(found))
"""


class Desk:
    """A folder with the suites of the repository, where commands are run as a reader would run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tools = folder / ".venv" / "bin"
        tools.mkdir(parents=True)
        (tools / "harness").write_text(HARNESS)
        (tools / "harness").chmod(0o755)
        (tools / "python").symlink_to(sys.executable)
        self.path = [str(folder / "site"), str(ROOT)]
        self.environment = {
            "PATH": f"{tools}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "HARNESS_CACHE": str(folder / "cache"),
        }
        shutil.copytree(ROOT / "configs", folder / "configs")
        (folder / "suites" / "models").mkdir(parents=True)
        shutil.copy(ROOT / "suites/models/digits_cnn.onnx", folder / "suites/models")

    def put(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def install(self, package: str, project: str) -> None:
        """Lay `package` out as an installer would, with the entry points of a pyproject.toml."""
        groups = tomllib.loads(project)["project"]["entry-points"]
        lines = [
            line
            for group, names in groups.items()
            for line in (f"[{group}]", *(f"{name} = {target}" for name, target in names.items()))
        ]
        folder = f"site/{package}-1.0.dist-info"
        self.put(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        self.put(f"{folder}/entry_points.txt", "\n".join(lines))

    def run(self, text: str, language: str = "sh") -> str:
        """Run shell, a shell's session, or Python; return what it printed."""
        if language == "console":
            text = "\n".join(line[2:] for line in text.splitlines() if line.startswith("$ "))
        shell = ["bash", "-euo", "pipefail", "-c"]
        interpreters = {"sh": shell, "console": shell, "python": [sys.executable, "-W", "error", "-c"]}
        return self._start([*interpreters[language], text])

    def harness(self, *commands: str) -> list[tuple[int, str, str]]:
        """Run command lines of the harness in one Python; return exit code, output and errors of each."""
        started = [sys.executable, "-W", "error", "-c", COMMANDS, json.dumps(commands)]
        return [(code, out, err) for code, out, err in json.loads(self._start(started))]

    def _start(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": ":".join(self.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, (
            f"ended with {done.returncode}:\n{command[-1]}\n{done.stdout}{done.stderr}"
        )
        return done.stdout


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Desk]:
    """Make a desk of its own for a page."""
    return lambda name: Desk(tmp_path_factory.mktemp(name))
