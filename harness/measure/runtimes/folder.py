"""One installed runtime: its folder's name, and the manifest by which it is believed."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from harness.core.errors import Failed, Unsupported
from harness.core.hashing import hash_file
from harness.core.requirement import Requirement

MANIFEST = "runtime.json"
SITE = "site"
"""The subfolder that goes on a worker's path, so that the manifest is not on it."""

OWN_NUMPY = "1.26.4"
"""The last numpy 1: ORT before 1.19 was built against it and does not import beside numpy 2."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime on disk, as read back after its installation."""

    path: str  # goes first on a worker's path
    requirement: str  # as asked for
    distribution: str
    version: str
    sha256: str | None  # of the wheel; None where the index gives another hash
    numpy: str | None  # the version of its own numpy; None: it runs with the harness's
    size_bytes: int
    python: str  # which Python it is for
    damage: str = ""  # what is wrong with its files; empty: they are what was installed


def own_numpy(requirement: Requirement) -> str | None:
    """Return the version of numpy that must be installed beside this runtime, if any."""
    return OWN_NUMPY if Version(requirement.version) < Version("1.19") else None


def this_python() -> str:
    """Name the Python that wheels are chosen for, its ABI and platform included."""
    return f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {sys.abiflags}".strip()


def folder_name(requirement: Requirement) -> str:
    """Return a name that holds everything that changes the content.

    Raises OSError where the wheel cannot be read.
    """
    wheel = hash_file(Path(requirement.wheel)) if requirement.wheel else None
    recipe = [requirement.distribution, requirement.version, wheel, own_numpy(requirement), this_python()]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
    return f"{requirement.distribution}-{requirement.version}-{key}"


def describe(draft: Path, requirement: Requirement, sha256: str | None) -> Runtime:
    """Read back what lies in `draft`.

    Raises Failed where it is another distribution or version than asked for,
    Unsupported where it carries no runtime.
    """
    found = {
        str(canonicalize_name(item.metadata["Name"])): item.version
        for item in metadata.distributions(path=[str(draft / SITE)])
    }
    version = found.get(requirement.distribution)
    if version is None or Version(version) != Version(requirement.version):
        named = ", ".join(f"{name} {number}" for name, number in found.items()) or "nothing"
        raise Failed(f"{requirement}: what was installed is {named}")
    if not (draft / SITE / "onnxruntime" / "__init__.py").is_file():
        raise Unsupported(f"{requirement}: its wheel carries no package 'onnxruntime'")
    return Runtime(
        path=str(draft / SITE),
        requirement=str(requirement),
        distribution=requirement.distribution,
        version=version,
        sha256=sha256,
        numpy=found.get("numpy"),
        size_bytes=sum(path.stat().st_size for path in _files(draft)),
        python=this_python(),
    )


def write_manifest(draft: Path, runtime: Runtime) -> None:
    """Write down what `draft` holds, the last thing before it gets its name."""
    facts = {key: value for key, value in asdict(runtime).items() if key not in ("path", "damage")}
    files = {path.relative_to(draft).as_posix(): hash_file(path) for path in _files(draft)}
    (draft / MANIFEST).write_text(json.dumps({**facts, "files": files}, indent=1))


def read(folder: Path) -> Runtime:
    """Read a runtime back and hash its files; what is wrong with it is in `damage`."""
    try:
        facts = json.loads((folder / MANIFEST).read_text())
        files = facts.pop("files")
        return Runtime(path=str(folder / SITE), **facts, damage=_damage(folder, files))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Runtime(
            path=str(folder / SITE),
            requirement=folder.name,
            distribution="",
            version="",
            sha256=None,
            numpy=None,
            size_bytes=0,
            python="",
            damage=f"its {MANIFEST} cannot be read ({type(error).__name__})",
        )


def _damage(folder: Path, files: dict[str, str]) -> str:
    for name, sha256 in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if hash_file(path) != sha256:
            return f"{name} has changed"
    return ""


def _files(folder: Path) -> Iterator[Path]:
    """Give every file, but not the bytecode, which Python itself may write anew."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            yield path
