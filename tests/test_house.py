"""The rules of the house: which room may import which, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent
ROOMS = ("plan", "build", "measure", "store", "judge", "show")
HEAVY = ("torch", "onnx", "onnxruntime", "pandas", "matplotlib", "scipy", "duckdb", "pyarrow", "asv", "rich")


def imported(path: Path) -> set[str]:
    """Every harness module that a file names in an import, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "harness"}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("harness.")}


def part(name: str) -> str:
    """The room or root module that a dotted name belongs to."""
    return name.split(".")[1]


NOUNS = {
    path.stem
    for path in PACKAGE.glob("*.py")
    if not {part(name) for name in imported(path)} & {*ROOMS, "cli"}
}
"""What flows between the rooms: the root modules that know no room. The others are loops, which join them."""


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_itself_and_the_nouns(room: str) -> None:
    allowed = NOUNS | {room}
    strangers = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in imported(path)
        if part(name) not in allowed
    }
    assert not strangers


def test_the_nouns_import_only_nouns() -> None:
    strangers = {
        f"{noun} imports {name}"
        for noun in NOUNS
        for name in imported(PACKAGE / f"{noun}.py")
        if part(name) not in NOUNS
    }
    assert not strangers


def test_the_root_holds_nouns_and_loops() -> None:
    assert {"case", "record", "suite", "errors", "units"} <= NOUNS
    assert NOUNS.isdisjoint({"run", "bench", "ab", "review"})


def test_only_the_command_line_imports_the_command_line() -> None:
    inside = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "cli"
        and path.name != "__main__.py"
        and any(name.startswith("harness.cli") for name in imported(path))
    }
    assert not inside


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded in a fresh interpreter after `code`."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["harness.cli", "harness.plan", "harness.run", "harness.bench"])
def test_importing_costs_no_heavy_library(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)


def test_help_imports_no_command() -> None:
    loaded = loaded_by("from harness.cli import main\nassert main(['--help']) == 0\nprint()")
    assert loaded.isdisjoint({*HEAVY, "pydantic", "yaml", "numpy"})


def test_the_walk_sees_imports_inside_functions(tmp_path: Path) -> None:
    path = tmp_path / "room.py"
    path.write_text("def f():\n    from harness import store\n    import harness.show.table\n")
    assert {"harness.store", "harness.show.table"} <= imported(path)
