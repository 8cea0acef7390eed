"""What pip is told, and what its errors mean."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from harness.core.errors import Failed, NotFoundError, Unsupported
from harness.core.tools import Tool
from harness.install import ensure, list_installed, parse, released
from harness.install import installer as room
from harness.install.folder import this_python

PLENTY = 10**12
MISSING = (
    "ERROR: Could not find a version that satisfies the requirement onnxruntime=={} (from versions: {})\n"
    "ERROR: No matching distribution found for onnxruntime=={}\n"
)


@pytest.mark.parametrize(
    ("version", "known", "nearest"),
    [
        ("99.9", "1.9.0, 1.10.0, 1.22.1", "nearest: 1.22.1; available: 1.9.0 to 1.22.1"),
        ("0.1", "1.9.0, 1.10.0", "nearest: 1.9.0; available: 1.9.0 to 1.10.0"),
        ("1.9.5", "1.10.0, 1.9.0", "nearest: 1.9.0 and 1.10.0; available: 1.9.0 to 1.10.0"),
        ("1.9.5", "1.9.0, nonsense", "nearest: 1.9.0; available: 1.9.0 to 1.9.0"),
    ],
)
def test_a_version_that_is_not_there_is_answered_with_the_nearest(
    version: str, known: str, nearest: str
) -> None:
    error = room.explain("subject", MISSING.format(version, known, version), PLENTY)
    assert isinstance(error, Unsupported)
    assert str(error) == f"subject: no wheel of onnxruntime {version} for {this_python()}; {nearest}"


def test_a_distribution_without_any_wheel_for_this_python_says_so() -> None:
    error = room.explain("subject", MISSING.format("1.0", "none", "1.0"), PLENTY)
    assert isinstance(error, Unsupported)
    assert str(error) == f"subject: no wheel of onnxruntime 1.0 for {this_python()}, nor of any other version"


def test_a_version_for_another_python_says_which() -> None:
    ignored = (
        "ERROR: Ignored the following versions that require a different python version: "
        "1.8.0 Requires-Python >=3.7,<3.10; 1.9.0 Requires-Python >=3.99\n"
    )
    error = room.explain("subject", ignored + MISSING.format("1.9.0", "1.22.1", "1.9.0"), PLENTY)
    assert "onnxruntime 1.9.0 for" in str(error)
    assert "(it needs Python >=3.99); nearest: 1.22.1" in str(error)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("", "subject: the installer: it printed nothing"),
        ("Traceback\n  x\nOSError: boom\n", "subject: the installer: OSError: boom"),
        (
            "WARNING: a\nERROR: Could not install packages due to: nonsense\n\nhint: b\n",
            "subject: the installer: Could not install packages due to: nonsense",
        ),
        (
            "ERROR: Exception:\nshutil.Error: [('a', 'b', '[Errno 28] No space left on device')]\n",
            "subject: the installer: No space left on device",
        ),
        ("ERROR: Exception:\nTraceback\nKeyError: 'x'\n", "subject: the installer: KeyError: 'x'"),
        (
            "error: incomplete-download\n\n× Download failed (5.2 MB/16.5 MB)\n╰─> URL: x\n\nhint: b\n",
            "subject: the installer: Download failed (5.2 MB/16.5 MB)",
        ),
        (
            "/x/python: No module named pip\n",
            f"subject: this Python has no pip; run {sys.executable} -m ensurepip",
        ),
    ],
)
def test_anything_else_that_pip_says_is_a_failure_in_one_line(said: str, meaning: str) -> None:
    error = room.explain("subject", said, PLENTY)
    assert isinstance(error, Failed)
    assert str(error) == meaning


def test_little_room_on_the_disk_is_said_beside_whatever_pip_made_of_it() -> None:
    error = room.explain("subject", "× Download failed\n", 10**7)
    assert str(error) == "subject: the installer: Download failed; only 10 MB free on its disk"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point pip to an index at a port where nobody listens."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.usefixtures("offline")
def test_an_index_that_cannot_be_reached_is_a_failure_and_no_missing_version(tmp_path: Path) -> None:
    reason = r": the package index( at 127\.0\.0\.1)? cannot be reached \(NewConnectionError\)$"
    pip = tuple("--retries=1" if "retries" in item else item for item in room.PIP)
    with pytest.raises(Failed, match=r"^onnxruntime==1\.22\.1" + reason):
        ensure(parse("onnxruntime==1.22.1"), tmp_path, partial(room.pip_install, pip=pip))
    with pytest.raises(Failed, match="^onnxruntime" + reason):
        released("onnxruntime", pip=pip)
    assert list((tmp_path / "tmp").iterdir()) == list_installed(tmp_path) == []


def test_only_known_distributions_are_asked_for(tmp_path: Path) -> None:
    pip = FakePip(tmp_path, "")
    with pytest.raises(NotFoundError, match="unknown distribution '--pre'"):
        released("--pre", pip=pip.command)
    assert not pip.log.exists()
    released("onnxruntime", pip=pip.command)
    assert pip.log.exists()


class FakePip:
    """Stands for pip: a script that writes down its arguments and does as told."""

    def __init__(self, folder: Path, then: str) -> None:
        self.log = folder / "arguments"
        script = folder / "fake_pip.py"
        keep = f"pathlib.Path({str(self.log)!r}).write_text('\\n'.join(sys.argv[1:]))"
        script.write_text(f"import os, pathlib, sys, time\n{keep}\n{then}")
        self.command = (str(script),)
        self.install = partial(room.pip_install, pip=self.command)

    @property
    def arguments(self) -> list[str]:
        return self.log.read_text().split("\n")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("onnxruntime==1.22.1", ["onnxruntime==1.22.1"]),
        ("onnxruntime==1.19.0", ["onnxruntime==1.19.0"]),
        ("onnxruntime==1.18.1", ["onnxruntime==1.18.1", "numpy==1.26.4"]),
        ("onnxruntime-openvino==1.17.1", ["onnxruntime-openvino==1.17.1", "numpy==1.26.4"]),
    ],
)
def test_pip_gets_a_list_of_fixed_options_and_the_checked_text(
    text: str, what: list[str], tmp_path: Path
) -> None:
    pip = FakePip(tmp_path, "sys.exit('ERROR: enough')")
    with pytest.raises(Failed, match=f"^{text}: the installer: enough$"):
        ensure(parse(text), tmp_path, pip.install)
    command, *options = pip.arguments
    assert command == "install"
    assert options[: -len(what)][:4] == ["--quiet", "--no-deps", "--only-binary=:all:", "--no-user"]
    assert [item for item in options if not item.startswith("--")] == what


def test_a_wheel_reaches_pip_by_its_bare_name(make_wheel, tmp_path: Path) -> None:
    pip = FakePip(tmp_path, "sys.exit(1)")
    with pytest.raises(Failed):
        ensure(parse(str(make_wheel(version="1.18.0"))), tmp_path, pip.install)
    assert pip.arguments[-2:] == ["./onnxruntime-1.18.0-py3-none-any.whl", "numpy==1.26.4"]


def test_an_installer_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    pip = FakePip(
        tmp_path,
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)",
    )
    with pytest.raises(Failed, match=r"^onnxruntime==1\.22\.1: the installer took longer than 5 s$"):
        ensure(parse("onnxruntime==1.22.1"), tmp_path, partial(pip.install, timeout_s=5.0))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_ends_the_installer_and_leaves_nothing(tmp_path: Path) -> None:
    fake = tmp_path / "fake_pip.py"
    tell = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    fake.write_text(f"import os, pathlib, time\n{tell}\ntime.sleep(60)\n")
    script = f"""
from pathlib import Path
from functools import partial
from harness.install import ensure, installer, parse
install = partial(installer.pip_install, pip=({str(fake)!r},))
try:
    ensure(parse("onnxruntime==1.22.1"), Path({str(tmp_path)!r}), install)
except KeyboardInterrupt:
    print("interrupted")
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert list((tmp_path / "tmp").iterdir()) == list_installed(tmp_path) == []


def test_a_pip_folder_where_the_harness_is_started_is_not_run(
    make_wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('another pip')")
    monkeypatch.chdir(tmp_path)
    assert ensure(parse(str(make_wheel())), tmp_path).version == "9.1.2"


def test_a_tool_comes_with_all_that_it_needs_and_its_pins(tmp_path: Path) -> None:
    pip = FakePip(tmp_path, "sys.exit('ERROR: enough')")
    tool = Tool("skl2onnx", "1.20.0", "skl2onnx", ("protobuf==6.33.6",))
    with pytest.raises(Failed, match=r"^skl2onnx==1\.20\.0: the installer: enough$"):
        ensure(tool, tmp_path, pip.install)
    _, *options = pip.arguments
    assert "--no-deps" not in options
    assert [item for item in options if not item.startswith("--")] == ["skl2onnx==1.20.0", "protobuf==6.33.6"]


def test_pins_that_do_not_fit_together_are_unsupported_and_named() -> None:
    error = room.explain(
        "subject",
        "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.\n"
        "ERROR: ResolutionImpossible: for help visit x\n",
        PLENTY,
    )
    assert isinstance(error, Unsupported)
    assert str(error) == "subject: these do not fit together: a==1 and b==2"
