"""What extension authors import: cheap, complete, typed, and enough for every example of the docs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness.api as api

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
NUMPY_AND_STANDARD = {"harness", "numpy"}


@pytest.mark.parametrize("name", [name for name in api.__all__ if name != "Example"])  # that one needs torch
def test_every_name_is_there(name: str) -> None:
    assert getattr(api, name)
    assert name in dir(api)


def test_what_is_listed_is_what_is_typed_and_what_is_found() -> None:
    tree = ast.parse(Path(api.__file__).read_text())
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = {
        (str(node.module), alias.name)
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name for _, name in imports} == set(api.__all__)
    assert imports == {(home, name) for name, home in api._HOME_OF.items()}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Engin'"):
        _ = api.Engin  # type: ignore[attr-defined]


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_it_loads_nothing_else_of_the_harness() -> None:
    assert {name for name in modules_after("import harness.api") if name.startswith("harness")} == {
        "harness",
        "harness.api",
    }


def test_an_engine_of_another_package_brings_only_numpy_into_the_worker() -> None:
    loaded = {name.split(".")[0] for name in modules_after("from harness.api import Call, Engine")}
    assert loaded - set(sys.stdlib_module_names) <= NUMPY_AND_STANDARD


def examples() -> Iterator[tuple[str, str]]:
    """The Python files of the page."""
    for part in PAGE.read_text().split("```python file=")[1:]:
        name, _, code = part.partition("\n")
        yield name, code.partition("\n```")[0]


@pytest.mark.parametrize(("name", "code"), list(examples()), ids=[name for name, _ in examples()])
def test_an_example_imports_nothing_of_the_harness_but_this(name: str, code: str) -> None:
    imported = {
        module
        for node in ast.walk(ast.parse(code))
        for module in (
            [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert {module for module in imported if module.split(".")[0] == "harness"} <= {"harness.api"}


def test_there_is_an_example_of_each() -> None:
    groups = {
        line.split('"')[1] for line in PAGE.read_text().splitlines() if line.startswith("[project.entry")
    }
    assert groups == {
        f"harness.{group}"
        for group in ("metrics", "sources", "precisions", "exporters", "data", "engines", "views")
    }
