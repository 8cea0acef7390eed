"""`harness runtimes`, with runtimes that a fake installer writes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.runtimes import runtimes
from harness.core.errors import Failed, InputError, NotFoundError
from harness.core.requirement import Requirement
from harness.core.tools import TOOLS

Call = Callable[..., Result]


class Installer:
    """Stands in for pip: writes a small runtime, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, requirement: Requirement, draft: Path) -> str:
        self.asked.append(str(requirement))
        (draft / "site" / "onnxruntime").mkdir(parents=True)
        (draft / "site" / "onnxruntime" / "__init__.py").write_text("12345")
        facts = draft / "site" / f"onnxruntime-{requirement.version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Name: onnxruntime\nVersion: {requirement.version}\n")
        return "ab" * 32


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Point the command to an empty cache."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    return Installer()


@pytest.fixture
def call(install: Installer) -> Call:
    """Run `harness runtimes` with that installer."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(runtimes, arguments, obj={"install": install}, catch_exceptions=False)

    return invoke


def test_add_installs_and_list_shows_it(install: Installer, call: Call, tmp_path: Path) -> None:
    assert call("add", "onnxruntime==9.1.2", "onnxruntime==9.0").exit_code == 0
    assert install.asked == ["onnxruntime==9.1.2", "onnxruntime==9.0"]
    shown = call("list").stdout.splitlines()
    assert shown[0].split() == ["kind", "installed", "with", "size", "python", "state", "folder"]
    assert [line.split()[1] for line in shown[1:]] == ["onnxruntime==9.0", "onnxruntime==9.1.2"]
    assert all(" intact " in line and str(tmp_path / "runtimes") in line for line in shown[1:])


def test_a_tool_is_added_by_its_name_and_an_unknown_one_is_answered(install: Installer, call: Call) -> None:
    with pytest.raises(InputError, match=r"unknown tool 'sklaern': did you mean 'sklearn'"):
        call("add", "sklaern")
    with pytest.raises(Failed, match="what was installed is onnxruntime"):  # by an installer of runtimes
        call("add", "sklearn")
    assert install.asked == [str(TOOLS["sklearn"])]


def test_json_is_alone_on_standard_output_and_in_si_units(call: Call) -> None:
    added = call("add", "onnxruntime==9.1.2", "--format", "json")
    listed = call("list", "--format", "json")
    assert json.loads(added.stdout) == json.loads(listed.stdout)
    (runtime,) = json.loads(listed.stdout)
    assert runtime["requirement"] == "onnxruntime==9.1.2"
    assert runtime["size_bytes"] == len("12345") + len("Name: onnxruntime\nVersion: 9.1.2\n")
    assert added.stderr == "onnxruntime==9.1.2 ...\n"


def test_an_empty_cache_is_said_and_an_empty_array(call: Call, tmp_path: Path) -> None:
    listed = call("list", "--format", "json")
    assert (listed.exit_code, listed.stdout) == (0, "[]\n")
    assert listed.stderr == f"no runtime or tool is installed in {tmp_path}\n"
    assert call("list").stdout == ""


def test_nothing_is_installed_where_one_of_several_is_wrong(install: Installer, call: Call) -> None:
    with pytest.raises(InputError, match="expected a version of one distribution"):
        call("add", "onnxruntime==9.1.2", "git+https://x/y")
    assert install.asked == []


def test_an_option_cannot_stand_for_a_requirement(install: Installer, call: Call) -> None:
    assert call("add", "--pre", "onnxruntime==9.1.2").exit_code == 2
    with pytest.raises(InputError, match="runtime '--pre'"):
        call("add", "--", "--pre")
    assert install.asked == []


def test_a_damaged_runtime_is_shown_as_such(call: Call, tmp_path: Path) -> None:
    call("add", "onnxruntime==9.1.2")
    next(tmp_path.glob("runtimes/*/site/onnxruntime/__init__.py")).unlink()
    assert "site/onnxruntime/__init__.py is missing" in call("list").stdout


def test_remove_removes_and_says_so(call: Call) -> None:
    call("add", "onnxruntime==9.1.2")
    assert call("remove", "onnxruntime==9.1.2").stderr.startswith("removed onnxruntime==9.1.2 (")
    assert json.loads(call("list", "--format", "json").stdout) == []
    with pytest.raises(NotFoundError):
        call("remove", "onnxruntime==9.1.2")


def test_a_cache_can_be_named(call: Call, tmp_path: Path) -> None:
    call("add", "onnxruntime==9.1.2", "--cache", str(tmp_path / "other"))
    assert call("list").stdout == ""
    assert "onnxruntime==9.1.2" in call("list", "--cache", str(tmp_path / "other")).stdout


def test_every_subcommand_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "runtimes.md").read_text()
    assert [name for name in runtimes.commands if f"harness runtimes {name}" not in text] == []
