"""Wheels made on the spot, and one folder of real runtimes for the whole session."""

import base64
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.errors import Failed
from harness.install import Installed, ensure, parse

MakeWheel = Callable[..., Path]


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """Write a wheel of pure Python that passes for a runtime."""

    def make(
        distribution: str = "onnxruntime",
        version: str = "9.1.2",
        package: str = "onnxruntime",
        tag: str = "py3-none-any",
        inside: str | None = None,  # the version that the metadata tell
        folder: Path | None = None,
    ) -> Path:
        stem = f"{distribution.replace('-', '_')}-{version}"
        path = (folder or tmp_path / "wheels") / f"{stem}-{tag}.whl"
        path.parent.mkdir(parents=True, exist_ok=True)
        files = {
            f"{package}/__init__.py": f"__version__ = {version!r}\n",
            f"{package}/capi/library.bin": "x" * 1000,
            f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\n"
            f"Version: {inside or version}\n",
            f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        record = f"{stem}.dist-info/RECORD"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
            wheel.writestr(
                record, "".join(_line(name, text) for name, text in files.items()) + f"{record},,\n"
            )
        return path

    return make


def _line(name: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(text)}\n"


@pytest.fixture(scope="session")
def released_runtime(runtimes_dir: Path) -> Callable[[str], Installed]:
    """Install a released runtime, once."""

    def install(text: str) -> Installed:
        try:
            return ensure(parse(text), runtimes_dir)
        except Failed as error:
            if "cannot be reached" in str(error):
                pytest.skip(str(error))
            raise

    return install
