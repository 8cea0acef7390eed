"""The rules of the house: which room may import which, what is pure, and what importing costs."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent

FLOOR = ("core", "stats")
ROOMS = ("install", "plan", "build", "measure", "judge", "store", "show")
FEATURES = (
    "inspect",
    "profile",
    "init",
    "cache",
    "results",
    "report",
    "ab",
    "tune",
    "explain",
    "compare",
    "bisect",
    "history",
    "nightly",
    "doctor",
    "asv",
)
TOP = ("cli", "pytest", "api")
ROOT = {"__init__.py", "__main__.py", "api.py", "py.typed"}

BETWEEN = {
    "compare": {"ab", "explain"},
    "bisect": {"ab"},
    "doctor": {"ab"},
    "tune": {"ab"},
    "explain": {"ab", "profile"},
    "results": {"ab", "explain", "profile", "report"},
    "report": {"compare", "history", "inspect", "profile"},
    "inspect": {"profile"},
    "nightly": {"compare", "history", "asv", "report"},
}
"""The ways between features: none but these."""

ALLOWED = {
    "core": {"core"},
    "stats": {"stats"},
    **{room: {room, *FLOOR} for room in ROOMS},
    "build": {"build", "install", *FLOOR},  # a converter is installed where a build needs it
    "run": {"run", *ROOMS, *FLOOR},
    **{name: {name, "run", *ROOMS, *FLOOR, *BETWEEN.get(name, ())} for name in FEATURES},
    "api": {"run", *FEATURES, *ROOMS, *FLOOR},
    "cli": {"cli", "api", "run", *FEATURES, *ROOMS, *FLOOR},
    "pytest": {"pytest", "api", "run", *FEATURES, *ROOMS, *FLOOR},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Room -> what it may import of this package."""

IN_THE_WORLD = {"ab/plans.py", "compare/confirm.py", "doctor/chain.py", "doctor/probe.py", "asv/demo.py",
                "tune/probe.py", "asv/export.py", "asv/timeline.py", "explain/arm.py",
                "explain/outputs.py", "explain/timing.py", "explain/proof.py",
                "explain/excluding.py", "profile/roofs.py", "inspect/levels.py"}  # fmt: skip
"""Files of features that touch the world beside each feature's `job.py`; every other one is pure."""

IMPURE = {"os", "time", "subprocess", "socket", "pathlib"}
HEAVY = ("torch", "onnx", "onnxruntime", "pandas", "matplotlib", "scipy", "duckdb", "pyarrow", "asv", "rich")


def imported(path: Path) -> frozenset[str]:
    """Every module that a file names in an import, at any depth."""
    return imported_by(path.read_text())


@cache
def imported_by(text: str) -> frozenset[str]:
    """Every module that this code names in an import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


def own(path: Path) -> set[str]:
    """The rooms of this package that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("harness.")}


def room_of(path: Path, package: Path) -> str:
    """The room, or the module at the root, that a file belongs to."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def modules(package: Path) -> Iterator[Path]:
    """Every module but what others have written."""
    return (path for path in sorted(package.rglob("*.py")) if "vendor" not in path.parts)


def strangers(package: Path) -> list[str]:
    """Every import that leads where it must not."""
    return [
        f"{path.relative_to(package)} imports {name}"
        for path in modules(package)
        for name in sorted(own(path) - ALLOWED[room_of(path, package)])
        if (package / name).is_dir() or (package / f"{name}.py").is_file()
    ]


def pure(package: Path) -> list[Path]:
    """The files that may not touch the world: core, stats, judge, show, and features but for loops."""
    features = [
        path
        for name in FEATURES
        for path in modules(package / name)
        if path.name != "job.py" and str(path.relative_to(package)) not in IN_THE_WORLD
    ]
    return [*(path for name in (*FLOOR, "judge", "show") for path in modules(package / name)), *features]


def impure(package: Path) -> list[str]:
    """Every pure file that imports a clock, a file system or a process."""
    return [
        f"{path.relative_to(package)} imports {name}"
        for path in pure(package)
        for name in sorted({name.split(".")[0] for name in imported(path)} & IMPURE)
    ]


def seen_by_views(package: Path) -> list[str]:
    """Every import of a view beside core, show and its own feature."""
    return [
        f"{path.relative_to(package)} imports {name}"
        for path in (package / name / "view.py" for name in FEATURES)
        if path.is_file()
        for name in sorted(own(path) - {"core", "show", room_of(path, package)})
    ]


pytestmark = pytest.mark.xdist_group("house")  # each file is parsed once


def test_every_room_is_in_the_list() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == {*FLOOR, *ROOMS, "run", *FEATURES, "cli", "pytest"}


def test_nothing_else_is_at_the_root() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} <= ROOT


def test_imports_point_one_way() -> None:
    assert strangers(PACKAGE) == []


def test_what_computes_does_not_touch_the_world() -> None:
    assert impure(PACKAGE) == []


def test_a_view_knows_core_show_and_its_own_feature() -> None:
    assert seen_by_views(PACKAGE) == []


def test_what_touches_the_world_is_listed_while_it_does() -> None:
    listed = {path for path in modules(PACKAGE) if str(path.relative_to(PACKAGE)) in IN_THE_WORLD}
    assert all({name.split(".")[0] for name in imported(path)} & IMPURE for path in listed)
    assert len(listed) == len(IN_THE_WORLD)


def test_only_the_command_line_imports_the_command_line() -> None:
    inside = {str(path.relative_to(PACKAGE)) for path in modules(PACKAGE) if "cli" in own(path)}
    assert inside - {"__main__.py"} == {name for name in inside if name.startswith("cli/")}


@pytest.mark.parametrize(
    ("place", "line", "found"),
    [
        ("judge/status.py", "from harness.store import find", "judge/status.py imports store"),
        ("core/case.py", "def f():\n    import harness.show.table", "core/case.py imports show"),
        ("bisect/model.py", "from harness.compare import model", "bisect/model.py imports compare"),
        ("measure/__init__.py", "from harness import run", "measure/__init__.py imports run"),
        ("stats/intervals.py", "import time", "stats/intervals.py imports time"),
        ("ab/decide.py", "from os import path", "ab/decide.py imports os"),
        ("judge/gates.py", "from pathlib import Path", "judge/gates.py imports pathlib"),
        ("nightly/view.py", "import time", "nightly/view.py imports time"),
        ("ab/view.py", "from harness.judge import gates", "ab/view.py imports judge"),
    ],
)
def test_a_wrong_import_is_refused(tmp_path: Path, place: str, line: str, found: str) -> None:
    copy = tmp_path / "harness"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "vendor", "starter", "*.npz"))
    path = copy / place
    path.write_text(f"{path.read_text()}\n\n{line}\n")
    assert [*strangers(copy), *impure(copy), *seen_by_views(copy)] == [found]


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded in a fresh interpreter after `code`."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["harness.cli", "harness.plan", "harness.run.job", "harness.run.bench"])
def test_importing_costs_no_heavy_library(module: str) -> None:
    assert loaded_by(f"import {module}").isdisjoint(HEAVY)


def test_help_imports_no_command() -> None:
    loaded = loaded_by("from harness.cli import main\nassert main(['--help']) == 0\nprint()")
    assert loaded.isdisjoint({*HEAVY, "pydantic", "yaml", "numpy"})


MOST_PATCHES = 6
"""Patches of attributes in all tests. Lower it with each that goes, never raise it."""


def test_tests_hand_collaborators_in_and_patch_hardly_any() -> None:
    patch = re.compile(r"\bsetattr\(")
    found = {path: len(patch.findall(path.read_text())) for path in Path(__file__).parent.rglob("*.py")}
    assert sum(found.values()) <= MOST_PATCHES, {str(path): count for path, count in found.items() if count}


def test_a_group_of_tests_has_its_name_where_xdist_looks_for_it(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("the tests run in one process")
    assert request.node.nodeid.endswith("@house")
