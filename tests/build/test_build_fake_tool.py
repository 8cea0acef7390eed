"""A tool that crashes, hangs, prints or writes nonsense is one line, and so is the user's own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make import make_artifact
from models import one_node

from harness.build import build
from harness.build.sources import Asked
from harness.build.sources.converted import SKLEARN
from harness.core.errors import CaseError, Failed, Unsupported
from harness.core.tools import TOOLS

CONVERTER = """
import os, signal, subprocess, sys, time

class Made:
    class graph:
        output = [type("Output", (), {"name": "y"})]

    def __init__(self, content):
        self.content = content

    def SerializeToString(self):
        return self.content

def convert_sklearn(model, name, **options):
    good = open(os.path.join(os.path.dirname(__file__), "good.onnx"), "rb").read()
    does = type(model).__name__
    if does == "Segfault":
        print("about to crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if does == "Hang":
        time.sleep(60)
    if does == "Quit":
        os._exit(0)
    if does == "Raise":
        raise RuntimeError("no converter\\nat all")
    if does == "Print":
        print("x" * 10**6)
        print("y" * 10**6, file=sys.stderr)
    if does == "Leave":
        subprocess.Popen(["sleep", "20"])
    return Made(b"this is no model" if does == "Garbage" else good)
"""

CODE = """
import os, sys

class Model:
    def predict(self, rows):
        return abs(rows) * (rows > 0)

for name in ("Good", "Segfault", "Hang", "Quit", "Raise", "Print", "Leave", "Garbage"):
    globals()[name] = type(name, (Model,), {})
    globals()[name.lower()] = lambda made=globals()[name]: (made(), [[1.0, -2.0, 3.0, 0.0]] * 8)

def leaves():
    sys.exit("enough")

def nothing():
    return 7
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a tool that converts anything to the same file, or as the name of its model says."""
    folder = tmp_path_factory.mktemp("tool") / "site"
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    """Write the tool into `folder`, with the numpy of this environment."""
    package = folder / "skl2onnx"
    (package / "common").mkdir(parents=True)
    (package / "__init__.py").write_text(CONVERTER)
    (package / "good.onnx").write_bytes(one_node("Relu").SerializeToString())
    (package / "common" / "__init__.py").touch()
    types = ("FloatTensorType", "Int64TensorType", "BooleanTensorType", "StringTensorType")
    (package / "common" / "data_types.py").write_text("\n".join(f"{name} = list" for name in types))
    (folder / "sklearn").mkdir()
    (folder / "sklearn" / "__init__.py").touch()
    (folder / "sklearn" / "base.py").write_text("def is_classifier(model): return False")
    found = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (found / name).exists():
            (folder / name).symlink_to(found / name)


@pytest.fixture
def write(site: Path, tmp_path: Path) -> Callable[..., Any]:
    """Convert a function of CODE by that tool."""
    (tmp_path / "fit.py").write_text(CODE)

    def convert(name: str, timeout_s: float = 60.0) -> Any:
        tool = {"path": str(site), "requirement": "skl2onnx==9.9"}
        asked = Asked(tool=tool, rows={"calibration": 2})
        folder = tmp_path / "made"
        folder.mkdir(exist_ok=True)
        options = {"target": f"{tmp_path}/fit.py:{name}"}
        return replace(SKLEARN, timeout_s=timeout_s).write(options, asked, folder)

    return convert


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("segfault", Failed, "skl2onnx==9.9 with fit.py:segfault died of SIGSEGV: about to crash"),
        ("quit", Failed, "skl2onnx==9.9 with fit.py:quit ended with code 0 and no answer"),
        ("raise", Unsupported, "skl2onnx==9.9 cannot convert it: RuntimeError: no converter"),
        ("leaves", Failed, "fit.py:leaves raised SystemExit: enough"),
        ("nothing", Failed, "fit.py:nothing must return (model, inputs) or (model, inputs, labels), got int"),
        ("absent", Failed, "has no function 'absent'"),
    ],
)
def test_what_a_tool_or_the_users_code_does_wrong_is_one_line(
    write: Callable[..., Any], name: str, kind: type[CaseError], reason: str
) -> None:
    with pytest.raises(kind) as caught:
        write(name)
    assert str(caught.value).endswith(reason) and "\n" not in str(caught.value)


def test_a_tool_that_hangs_is_ended_and_named(write: Callable[..., Any]) -> None:
    with pytest.raises(Failed, match=r"skl2onnx==9\.9 with fit\.py:hang took longer than .* and was ended"):
        write("hang", timeout_s=2.0)


@pytest.mark.parametrize("name", ["print", "leave"])
def test_what_a_tool_prints_or_leaves_running_does_no_harm(write: Callable[..., Any], name: str) -> None:
    assert write(name, timeout_s=15.0).file == "model.onnx"


def test_a_file_that_is_no_model_is_one_line_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(CODE)

    def install(requirement: Any, draft: Path) -> None:
        fill(draft / "site")
        facts = draft / "site" / f"skl2onnx-{requirement.version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Name: skl2onnx\nVersion: {requirement.version}\n")

    artifact = make_artifact({"target": f"{tmp_path}/fit.py:garbage"}, "sklearn")
    with pytest.raises(Failed) as caught:
        build(artifact, tmp_path / "cache", install=install)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "artifacts").iterdir())


def test_a_tool_that_cannot_be_installed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(CODE)

    def install(requirement: Any, draft: Path) -> None:
        raise Unsupported(f"{requirement}: no wheel of it for this Python")

    artifact = make_artifact({"target": f"{tmp_path}/fit.py:good"}, "sklearn")
    with pytest.raises(Unsupported, match=f"^{TOOLS['sklearn']}: no wheel of it for this Python$"):
        build(artifact, tmp_path / "cache", install=install)
    assert list((tmp_path / "cache" / "tmp").iterdir()) == []
