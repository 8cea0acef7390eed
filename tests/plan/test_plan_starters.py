"""Starter suites and configs go by name, from any folder; a file wins."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import harness
from harness.core.errors import InputError, SuiteError
from harness.plan import plan, starters

ROOT = Path(harness.__file__).parent.parent
FAKE = "models: {m: {source: {fake: {}}}}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that is not the repository."""
    monkeypatch.chdir(tmp_path)


def test_a_starter_suite_is_planned_by_its_name_as_from_its_file() -> None:
    named, read = plan(Path("quickstart")), plan(ROOT / "suites" / "quickstart.yaml")
    assert named.suite.name == "quickstart"
    assert [case.key for case in named.cases] == [case.key for case in read.cases]


def test_every_suite_and_config_of_the_repository_has_a_name() -> None:
    assert set(starters.names("suites")) == {path.stem for path in (ROOT / "suites").glob("*.yaml")}
    assert set(starters.names("configs")) == {path.stem for path in (ROOT / "configs").glob("*.yaml")}


def test_the_package_carries_every_file_that_starters_name() -> None:
    """As package data or as Python; that an installed package plans them is tried by installing it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["harness"]
    carried = {pattern.removeprefix("**/*") for pattern in patterns} | {".py"}
    files = [path for kind in ("suites", "configs") for path in (starters.FOLDER / kind).iterdir()]
    files += (starters.FOLDER / "suites" / "models").iterdir()
    assert {path.suffix for path in files if path.is_file()} <= carried


def test_a_file_wins_over_a_name(tmp_path: Path) -> None:
    (tmp_path / "quickstart").write_text(FAKE)
    assert [case.key for case in plan(Path("quickstart")).cases] == ["m"]
    assert not starters.is_starter(Path("quickstart"))


def test_a_folder_does_not_hide_a_name(tmp_path: Path) -> None:
    (tmp_path / "nightly").mkdir()
    assert starters.is_starter(Path("nightly"))
    assert plan(Path("nightly"), only=["model=digits_cnn"]).suite.name == "nightly"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        plan(Path("quikstart"))
    known = ", ".join(sorted(path.stem for path in (ROOT / "suites").glob("*.yaml")))
    words = f"a starter suite of that name: did you mean 'quickstart'? known: {known}"
    assert str(caught.value).endswith(words)


def test_a_path_that_is_not_there_is_no_name() -> None:
    with pytest.raises(InputError, match=r"^no file 'quickstart\.yaml' in '[^']*'$"):
        plan(Path("quickstart.yaml"))


def test_a_suite_extends_a_starter_config_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: thorough\n" + FAKE)
    assert plan(path).suite.sampling.processes == 5
    path.write_text("extends: [quick, through]\n" + FAKE)
    with pytest.raises(SuiteError, match="did you mean 'thorough'"):
        plan(path)
