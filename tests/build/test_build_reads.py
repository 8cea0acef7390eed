"""Which files a build reads: those of the user's that its key could not know of."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

NOTE = """
import json, runpy, sys
from pathlib import Path
from harness.build import reads

root, sys.dont_write_bytecode = Path(sys.argv[1]), False
reads.COVERED += (f"{root}/site-packages/",)
with reads.record_reads(root / sys.argv[2], root / "draft") as found:
    sys.path.insert(0, str(root / sys.argv[2]))
    import net
open(root / "late").close()
print(json.dumps(found))
"""
"""In a process of its own: an audit hook stays for good."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Files that a module may read, each with its own path for content."""
    for name in ("data/weights.bin", "draft/model.onnx", "site-packages/other/table.bin", "late"):
        put(tmp_path, name, name)
    return tmp_path


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def note(root: Path, folder: str = "code") -> dict[str, str]:
    """Import ``net.py`` of `folder` and return what is record_reads."""
    command = [sys.executable, "-c", NOTE, str(root), folder]
    done = subprocess.run(command, cwd=root / "data", capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def hashes(root: Path, *names: str) -> dict[str, str]:
    return {str(root / name): sha256((root / name).read_bytes()).hexdigest() for name in names}


def test_weights_elsewhere_and_code_in_a_subfolder_are_noted(root: Path) -> None:
    put(root, "code/blocks/__init__.py", "")
    put(root, "code/blocks/layer.py", "x = 1")
    put(root, "code/net.py", f"import blocks.layer\nopen({str(root / 'data/weights.bin')!r}, 'rb').read()")
    code = ("code/net.py", "code/blocks/__init__.py", "code/blocks/layer.py")
    first = note(root)
    assert (root / "code" / "__pycache__").is_dir()
    assert first == note(root) == hashes(root, *code, "data/weights.bin")  # compiled the second time


def test_a_relative_path_is_looked_up_from_the_working_folder(root: Path) -> None:
    put(root, "code/net.py", "open('weights.bin').read()")
    (weights,) = hashes(root, "data/weights.bin").values()
    assert note(root) == {**hashes(root, "code/net.py"), "weights.bin": weights}


def test_a_relative_path_is_made_absolute_where_the_module_goes_elsewhere(root: Path) -> None:
    put(root, "code/net.py", "import os\nopen('weights.bin')\nos.chdir('..')\nopen('late')")
    (weights,) = hashes(root, "data/weights.bin").values()
    assert note(root) == {**hashes(root, "code/net.py", "late"), "weights.bin": weights}


@pytest.mark.parametrize(
    "line",
    [
        "import decimal, yaml, harness.core.units",
        "open('/proc/self/maps').read()",
        "open('new.bin', 'w').close()",
        "open('weights.bin', 'w').close()",
        "open('weights.bin', 'ab').close()",
        "open('../draft/model.onnx').read()",
        "open('../site-packages/other/table.bin').read()",
        "import tempfile; file = tempfile.NamedTemporaryFile(); open(file.name).read(); file.close()",
        "import os; os.close(os.open('.', os.O_RDONLY))",
        "import os; read, write = os.pipe(); os.close(write); open(read).read()",
    ],
)
def test_what_is_not_the_users_or_not_read_is_left_out(root: Path, line: str) -> None:
    put(root, "code/net.py", line)
    assert note(root) == hashes(root, "code/net.py")


def test_a_file_that_is_not_there_is_left_out_and_is_the_modules_to_miss(root: Path) -> None:
    put(root, "code/net.py", "import contextlib\nwith contextlib.suppress(FileNotFoundError): open('none')")
    assert note(root) == hashes(root, "code/net.py")


def test_a_file_that_is_overwritten_later_has_the_hash_that_it_was_read_with(root: Path) -> None:
    name = "../data/weights.bin"
    put(root, "code/net.py", f"for mode in 'rwr': open({name!r}, mode).close()")
    (weights,) = hashes(root, "data/weights.bin").values()
    assert note(root)[name] == weights
    assert (root / "data" / "weights.bin").read_text() == ""


def test_an_installed_package_that_is_built_itself_is_noted(root: Path) -> None:
    line = "open('../site-packages/own/weights.bin').read(); open('../site-packages/other/table.bin').read()"
    put(root, "site-packages/own/net.py", line)
    put(root, "site-packages/own/weights.bin", "own")
    found = note(root, "site-packages/own")
    assert set(found) == {f"{root}/site-packages/own/net.py", "../site-packages/own/weights.bin"}
