"""Check what may be asked of the installer: one version of one known distribution, or one wheel.

The installer has no separator between options and requirements, so this gate
is what keeps options, URLs and shell text out. A plan passes it as well, so
that a wrong name is reported before anything is measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from harness.core.errors import InputError
from harness.core.registry import closest

DISTRIBUTIONS = (
    "onnxruntime",
    "onnxruntime-cann",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-migraphx",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
    "onnxruntime-training",
    "ort-nightly",
    "ort-nightly-directml",
    "ort-nightly-gpu",
)
"""Every distribution whose wheels carry the package ``onnxruntime``."""

_FORM = "expected a version of one distribution such as onnxruntime==1.22.1, or the path of a .whl file"
_MAX_VERSION = 100  # characters; keeps folder names within what file systems take
_WHEEL_NAME = re.compile(r"[A-Za-z0-9_.+-]+\.whl", re.ASCII)


OWN_NUMPY = "1.26.4"
"""The last numpy 1: ORT before 1.19 was built against it and does not import beside numpy 2."""


class Installable(Protocol):
    """What is installed into a folder of its own: a runtime, or a tool that writes models."""

    @property
    def kind(self) -> str:
        """The folder of the cache that it lies in: "runtimes" or "tools"."""

    @property
    def distribution(self) -> str:
        """What the folder is named for."""

    @property
    def version(self) -> str:
        """Of the distribution, as PEP 440 spells it."""

    @property
    def wheel(self) -> str:
        """The absolute path of the wheel that it comes from; empty: it is on the package index."""

    @property
    def package(self) -> str:
        """The package that it must carry."""

    @property
    def beside(self) -> tuple[str, ...]:
        """What is installed with it, as ``name==version``."""

    @property
    def whole(self) -> bool:
        """Whether all that it needs is installed with it."""

    @property
    def identity(self) -> object:
        """What else its content depends on, as plain data."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One version of one distribution, from the package index or from a wheel file."""

    distribution: str
    version: str  # as PEP 440 spells it
    wheel: str = ""  # absolute path
    kind: ClassVar[str] = "runtimes"
    package: ClassVar[str] = "onnxruntime"
    whole: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.wheel or f"{self.distribution}=={self.version}"

    @property
    def beside(self) -> tuple[str, ...]:
        """A numpy of its own, where it does not run with a later one."""
        return (f"numpy=={self.identity}",) if self.identity else ()

    @property
    def identity(self) -> str | None:
        """The version of its own numpy, if any."""
        return OWN_NUMPY if Version(self.version) < Version("1.19") else None


@dataclass(frozen=True, slots=True)
class WheelFile:
    """What a path leads to."""

    path: str  # absolute
    name: str
    link_to: str = ""  # the file itself, where the path is a link
    exists: bool = True  # as a file


Look = Callable[[str], WheelFile]
"""Look what is at a path: this module touches no file."""


def parse(text: str, look: Look) -> Requirement:
    """Check `text`: exactly ``name==version``, or the path of a wheel file that is there.

    Raises InputError for everything else; nothing is run and nothing is looked up.
    """
    try:
        return check(text, look)
    except ValueError as error:
        raise InputError(f"runtime {text!r}: {error}") from error


def check(text: str, look: Look) -> Requirement:
    """Check as `parse` does. Raises ValueError, which says what is wrong and leaves out with which text."""
    if not text or text.startswith("-") or not text.isprintable():
        raise ValueError(_FORM)
    return _wheel(look(text)) if text.endswith(".whl") else _release(text)


def _release(text: str) -> Requirement:
    name, equals, version = text.partition("==")
    if not equals:
        raise ValueError(_FORM)
    _check_name(name)
    check_version(name, version, _FORM)
    return Requirement(name, version)


def check_version(name: str, version: str, form: str) -> None:
    """Raise ValueError unless `version` is one, spelled as PEP 440 does; `form` says what is expected."""
    try:
        spelled = str(Version(version)) if len(version) <= _MAX_VERSION else None
    except ValueError:
        spelled = None
    if spelled is None:
        raise ValueError(f"{version!r} is not one version: {form}")
    if spelled != version:  # one spelling, so that one runtime has one key
        raise ValueError(f"write {name}=={spelled}")


def _wheel(file: WheelFile) -> Requirement:
    try:
        name, version, _, _ = parse_wheel_filename(file.name)
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise ValueError(f"not the name of a wheel: {error}") from error
    if not _WHEEL_NAME.fullmatch(file.name):
        raise ValueError("not the name of a wheel: it holds other characters than A-Z a-z 0-9 _ . + -")
    _check_name(name)
    if file.link_to:
        raise ValueError(f"it is a link: name the file itself, {file.link_to!r}")
    if not file.exists:
        raise ValueError("there is no such file")
    return Requirement(name, str(version), file.path)


def _check_name(name: str) -> None:
    if name not in DISTRIBUTIONS:
        raise ValueError(f"unknown distribution {name!r}: {closest(name, DISTRIBUTIONS)}")
