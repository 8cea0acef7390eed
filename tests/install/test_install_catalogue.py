"""Ensure, list and remove: with a fake installer, and with pip on wheels made here."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import Failed, NotFoundError, Unsupported
from harness.core.tools import TOOLS, Tool
from harness.install import Requirement, ensure, list_installed, parse, remove
from harness.install.folder import folder_name, read, this_python

REQUIREMENT = Requirement("onnxruntime", "9.1.2")


class FakeInstaller:
    """Writes a runtime as pip would leave it, and counts."""

    def __init__(
        self, version: str = "9.1.2", name: str = "onnxruntime", package: str = "onnxruntime"
    ) -> None:
        self.version, self.name, self.package = version, name, package
        self.calls: list[Path] = []

    def __call__(self, requirement: Requirement, draft: Path) -> str:
        self.calls.append(draft)
        package = draft / "site" / self.package
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("__version__ = 'x'\n")
        facts = draft / "site" / f"{self.name}-{self.version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        )
        return "ab" * 32


def leftovers(cache_dir: Path) -> list[str]:
    return [path.name for path in (cache_dir / "tmp").iterdir()]


def test_a_runtime_is_installed_once_and_found_afterwards(tmp_path: Path) -> None:
    install = FakeInstaller()
    first, second = (ensure(REQUIREMENT, tmp_path, install) for _ in range(2))
    assert first == second
    assert len(install.calls) == 1
    assert (first.distribution, first.version, first.sha256) == ("onnxruntime", "9.1.2", "ab" * 32)
    assert (first.requirement, first.numpy, first.python) == ("onnxruntime==9.1.2", None, this_python())
    # 18 bytes of the package and 59 of its metadata
    assert first.size_bytes == len("__version__ = 'x'\n") + len(
        "Metadata-Version: 2.1\nName: onnxruntime\nVersion: 9.1.2\n"
    )
    assert (Path(first.path) / "onnxruntime" / "__init__.py").is_file()
    assert leftovers(tmp_path) == []


def test_two_versions_lie_side_by_side_oldest_first(tmp_path: Path) -> None:
    for version in ("1.22.1", "1.9.0"):
        ensure(Requirement("onnxruntime", version), tmp_path, FakeInstaller(version))
    assert [runtime.version for runtime in list_installed(tmp_path)] == ["1.9.0", "1.22.1"]


def test_nothing_is_listed_where_nothing_was_installed(tmp_path: Path) -> None:
    assert list_installed(tmp_path / "absent") == []


@pytest.mark.parametrize("harm", ["missing", "changed", "set back", "no manifest", "emptied manifest"])
def test_a_damaged_runtime_is_noticed_and_installed_again(harm: str, tmp_path: Path) -> None:
    install = FakeInstaller()
    runtime = ensure(REQUIREMENT, tmp_path, install)
    code, manifest = (
        Path(runtime.path) / "onnxruntime" / "__init__.py",
        Path(runtime.path).parent / "runtime.json",
    )
    match harm:
        case "missing":
            code.unlink()
        case "changed":
            code.write_text("__version__ = 'y'\n")  # as long as before
        case "set back":  # as long and, to look at, as old as before
            seen = code.stat()
            code.write_text("__version__ = 'z'\n")
            os.utime(code, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        case "no manifest":
            manifest.unlink()
        case "emptied manifest":
            manifest.write_text("")
    assert list_installed(tmp_path)[0].damage != ""
    assert ensure(REQUIREMENT, tmp_path, install) == runtime
    assert len(install.calls) == 2
    assert [item.damage for item in list_installed(tmp_path)] == [""]


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    runtime = ensure(REQUIREMENT, tmp_path, FakeInstaller())
    (Path(runtime.path) / "onnxruntime" / "__init__.py").unlink()
    assert list_installed(tmp_path)[0].damage == "site/onnxruntime/__init__.py is missing"


def test_a_file_is_hashed_again_only_where_it_may_have_changed(tmp_path: Path) -> None:
    runtime = ensure(REQUIREMENT, tmp_path / "a", FakeInstaller())
    manifest = runtime.folder / "runtime.json"
    manifest.write_text(manifest.read_text().replace('__init__.py": "', '__init__.py": "0'))  # no hash fits
    assert read(runtime.folder, whole=False).damage == ""
    assert list_installed(tmp_path / "a")[0].damage == "site/onnxruntime/__init__.py has changed"
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copied = tmp_path / "b" / runtime.folder.relative_to(tmp_path / "a")
    assert read(copied, whole=False).damage == "site/onnxruntime/__init__.py has changed"


def test_a_folder_of_before_is_hashed_whole(tmp_path: Path) -> None:
    runtime = ensure(REQUIREMENT, tmp_path, FakeInstaller())
    manifest = runtime.folder / "runtime.json"
    facts = {key: value for key, value in json.loads(manifest.read_text()).items() if key != "stamps"}
    manifest.write_text(json.dumps(facts))
    assert read(runtime.folder, whole=False).damage == ""
    (Path(runtime.path) / "onnxruntime" / "__init__.py").unlink()
    assert read(runtime.folder, whole=False).damage == "site/onnxruntime/__init__.py is missing"


def test_bytecode_that_python_writes_is_no_damage(tmp_path: Path) -> None:
    runtime = ensure(REQUIREMENT, tmp_path, FakeInstaller())
    subprocess.run([sys.executable, "-c", "import onnxruntime"], env={"PYTHONPATH": runtime.path}, check=True)
    assert list((Path(runtime.path) / "onnxruntime" / "__pycache__").iterdir())
    assert ensure(REQUIREMENT, tmp_path, FakeInstaller("0")) == runtime


def test_another_version_than_asked_for_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"^onnxruntime==9\.1\.2: what was installed is onnxruntime 9\.1\.3$"):
        ensure(REQUIREMENT, tmp_path, FakeInstaller("9.1.3"))
    assert list_installed(tmp_path) == leftovers(tmp_path) == []


def test_another_distribution_than_asked_for_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"what was installed is torch 9\.1\.2$"):
        ensure(REQUIREMENT, tmp_path, FakeInstaller(name="torch"))


def test_a_wheel_without_the_package_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="its wheel carries no package 'onnxruntime'"):
        ensure(REQUIREMENT, tmp_path, FakeInstaller(package="onnxruntime_qnn"))


def test_version_9_1_2_0_is_version_9_1_2(tmp_path: Path) -> None:
    assert ensure(Requirement("onnxruntime", "9.1.2.0"), tmp_path, FakeInstaller()).version == "9.1.2"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Failed("x"), Unsupported("x"), RuntimeError("x")])
def test_an_installation_that_ends_early_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    def install(requirement: Requirement, draft: Path) -> str:
        FakeInstaller()(requirement, draft)
        raise error

    with pytest.raises(type(error)):
        ensure(REQUIREMENT, tmp_path, install)
    assert list_installed(tmp_path) == leftovers(tmp_path) == []
    assert ensure(REQUIREMENT, tmp_path, FakeInstaller()).damage == ""


def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    def install(requirement: Requirement, draft: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device", str(draft))

    with pytest.raises(Failed) as failed:
        ensure(REQUIREMENT, tmp_path, install)
    assert str(failed.value) == (
        f"onnxruntime==9.1.2: cannot change {tmp_path}: No space left on device; "
        "free or unlock the disk, or set HARNESS_CACHE to another folder"
    )
    assert leftovers(tmp_path) == []


def test_a_cache_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failed, match=r"cannot change .*/file: Not a directory"):
        ensure(REQUIREMENT, tmp_path / "file", FakeInstaller())


def test_what_a_killed_installation_left_is_swept_away_by_the_next(tmp_path: Path) -> None:
    name = Path(ensure(REQUIREMENT, tmp_path, FakeInstaller()).path).parent.name
    remove("onnxruntime==9.1.2", tmp_path)
    (tmp_path / "tmp" / f"{name}-dead" / "site").mkdir(parents=True)
    ensure(REQUIREMENT, tmp_path, FakeInstaller())
    assert leftovers(tmp_path) == []


def test_two_processes_that_want_one_runtime_install_it_once(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from harness.install import Requirement, ensure, list_installed
root = Path({str(tmp_path)!r})

def install(requirement, draft):
    with (root / "log").open("a") as log:
        log.write("begun\\n")
    package, facts = draft / "site/onnxruntime", draft / "site/onnxruntime-9.1.2.dist-info"
    package.mkdir(parents=True)
    time.sleep(0.5)  # the other one comes by meanwhile
    (package / "__init__.py").touch()
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\\nName: onnxruntime\\nVersion: 9.1.2\\n")
    return "ab" * 32

print("ready", flush=True)
sys.stdin.readline()
print(ensure(Requirement("onnxruntime", "9.1.2"), root, install))
"""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = [process.communicate("go\n", timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] != ""
    assert (tmp_path / "log").read_text() == "begun\n"


def test_a_runtime_is_removed_by_its_requirement_or_its_folder(tmp_path: Path) -> None:
    kept = ensure(Requirement("onnxruntime", "9.0"), tmp_path, FakeInstaller("9.0"))
    for by_folder in (False, True):
        runtime = ensure(REQUIREMENT, tmp_path, FakeInstaller())
        name = Path(runtime.path).parent.name if by_folder else "onnxruntime==9.1.2"
        assert remove(name, tmp_path) == [runtime]
        assert list_installed(tmp_path) == [kept]
        assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["onnxruntime==9.1.3", "..", ".", "", "/", "../runtimes", "*"])
def test_only_what_is_listed_can_be_removed(name: str, tmp_path: Path) -> None:
    runtime = ensure(REQUIREMENT, tmp_path, FakeInstaller())
    with pytest.raises(NotFoundError, match=r"known: onnxruntime==9\.1\.2"):
        remove(name, tmp_path)
    assert list_installed(tmp_path) == [runtime]


def test_removing_from_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="none is installed"):
        remove("onnxruntime==9.1.2", tmp_path)


def test_a_damaged_runtime_can_be_removed(tmp_path: Path) -> None:
    folder = Path(ensure(REQUIREMENT, tmp_path, FakeInstaller()).path).parent
    (folder / "runtime.json").write_text("{")
    assert [item.damage for item in remove(folder.name, tmp_path)] == [
        "its runtime.json cannot be read (JSONDecodeError)"
    ]
    assert not folder.exists()


def test_pip_installs_a_local_wheel_that_then_goes_first(make_wheel, tmp_path: Path) -> None:
    runtime = ensure(parse(str(make_wheel(version="9.1.2+local"))), tmp_path)
    code = "import onnxruntime; print(onnxruntime.__version__, onnxruntime.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": runtime.path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["9.1.2+local", f"{runtime.path}/onnxruntime/__init__.py"]
    assert sorted(path.name for path in Path(runtime.path).iterdir()) == [
        "onnxruntime",
        "onnxruntime-9.1.2+local.dist-info",
    ]
    assert sorted(path.name for path in Path(runtime.path).parent.iterdir()) == ["runtime.json", "site"]


def test_a_wheel_is_known_by_its_content_not_by_its_place(make_wheel, tmp_path: Path) -> None:
    one, other = make_wheel(folder=tmp_path / "a"), make_wheel(folder=tmp_path / "b")
    changed = make_wheel(folder=tmp_path / "c", inside="9.1.2.0")
    first, same, another = (ensure(parse(str(wheel)), tmp_path / "cache") for wheel in (one, other, changed))
    assert first == replace(same, requirement=first.requirement)
    assert first.path != another.path
    assert len(list_installed(tmp_path / "cache")) == 2


def test_a_wheel_lies_in_a_folder_with_a_name_that_pip_would_read_as_syntax(
    make_wheel, tmp_path: Path
) -> None:
    wheel = make_wheel(folder=tmp_path / "a;b [c] # @ d")
    assert ensure(parse(str(wheel)), tmp_path / "cache; x").version == "9.1.2"


def test_a_wheel_is_removed_by_its_files_name(make_wheel, tmp_path: Path) -> None:
    wheel = make_wheel()
    runtime = ensure(parse(str(wheel)), tmp_path)
    wheel.unlink()
    assert remove(wheel.name, tmp_path) == [runtime]


def test_a_wheel_for_another_python_is_unsupported(make_wheel, tmp_path: Path) -> None:
    wheel = make_wheel(tag="cp27-cp27m-win32")
    with pytest.raises(Unsupported, match=rf"not a wheel for {this_python()}"):
        ensure(parse(str(wheel)), tmp_path)


def test_a_wheel_that_is_no_archive_fails_with_the_installers_reason(tmp_path: Path) -> None:
    wheel = tmp_path / "onnxruntime-9.1.2-py3-none-any.whl"
    wheel.write_text("no archive")
    with pytest.raises(Failed, match=r": the installer: Wheel 'onnxruntime' located at .* is invalid\.$"):
        ensure(parse(str(wheel)), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_wheel_that_is_another_version_inside_is_not_taken(make_wheel, tmp_path: Path) -> None:
    with pytest.raises(Failed):
        ensure(parse(str(make_wheel(inside="9.9.9"))), tmp_path)
    assert list_installed(tmp_path) == leftovers(tmp_path) == []


TOOL = Tool("skl2onnx", "9.1.2", "skl2onnx", ("protobuf==6.33.6",))


def test_a_tool_lies_beside_the_runtimes_in_a_folder_of_its_own(tmp_path: Path) -> None:
    install = FakeInstaller(name="skl2onnx", package="skl2onnx")
    tool = ensure(TOOL, tmp_path, install)
    runtime = ensure(REQUIREMENT, tmp_path, FakeInstaller())
    assert ensure(TOOL, tmp_path, install) == tool
    assert len(install.calls) == 1
    assert (tool.kind, tool.beside) == ("tools", ("protobuf==6.33.6",))
    assert tool.packages == {"skl2onnx": "9.1.2"}
    assert tool.folder.parent == tmp_path / "tools"
    assert list_installed(tmp_path) == [runtime, tool]
    assert remove("skl2onnx==9.1.2", tmp_path) == [tool]
    assert list_installed(tmp_path) == [runtime]


def test_the_same_tool_with_other_pins_is_another_folder(tmp_path: Path) -> None:
    install = FakeInstaller(name="skl2onnx", package="skl2onnx")
    first, second = (
        ensure(tool, tmp_path, install) for tool in (TOOL, TOOL.with_version("9.1.2", ["protobuf==7.0.0"]))
    )
    assert first.path != second.path


def test_a_tool_is_removed_by_the_name_that_sources_call_it_by(tmp_path: Path) -> None:
    own = TOOLS["sklearn"]
    install = FakeInstaller(own.version, own.distribution, own.package)
    first, other = (
        ensure(tool, tmp_path, install) for tool in (own, own.with_version(own.version, ["a==1"]))
    )
    assert remove("sklearn", tmp_path) == [first]
    assert list_installed(tmp_path) == [other]


def test_those_that_want_the_same_tool_at_once_wait_for_the_one_that_installs_it(tmp_path: Path) -> None:
    install = FakeInstaller(name="skl2onnx", package="skl2onnx")
    begun = threading.Barrier(4)

    def ask(_: int) -> Any:
        begun.wait()
        return ensure(TOOL, tmp_path, install)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert len(install.calls) == 1
    assert len({item.path for item in found}) == 1 and found[0].damage == ""
    assert leftovers(tmp_path) == []


def test_the_folder_of_a_runtime_is_called_as_ever(tmp_path: Path) -> None:
    recipe = ["onnxruntime", "1.18.1", None, "1.26.4", this_python()]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
    assert folder_name(Requirement("onnxruntime", "1.18.1")) == f"onnxruntime-1.18.1-{key}"
