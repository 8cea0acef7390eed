"""One folder of what was installed: its name, and the manifest by which it is believed."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from harness.core.errors import Failed, Unsupported
from harness.core.hashing import hash_file
from harness.core.requirement import Installable

MANIFESTS = {"runtimes": "runtime.json", "tools": "tool.json"}
"""Kind, which is the folder of the cache -> the file that says what lies in a folder of it."""

SITE = "site"
"""The subfolder that goes on the path of a process, so that the manifest is not on it."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One runtime or tool on disk, as read back after its installation."""

    path: str  # goes first on the path of a process
    requirement: str  # as asked for
    distribution: str
    version: str
    sha256: str | None  # of the wheel; None where the index gives another hash
    numpy: str | None  # the version of its own numpy; None: it runs with the harness's
    size_bytes: int
    python: str  # which Python it is for
    damage: str = ""  # what is wrong with its files; empty: they are what was installed
    kind: str = "runtimes"  # "runtimes" | "tools"
    beside: tuple[str, ...] = ()  # what was asked for with it
    packages: Mapping[str, str] = field(default_factory=dict)  # all that lies there -> its version

    @property
    def folder(self) -> Path:
        """The folder that is its own."""
        return Path(self.path).parent


def this_python() -> str:
    """Name the Python that wheels are chosen for, its ABI and platform included."""
    return f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {sys.abiflags}".strip()


def folder_name(requirement: Installable) -> str:
    """Return a name that holds everything that changes the content.

    Raises OSError where the wheel cannot be read.
    """
    wheel = hash_file(Path(requirement.wheel)) if requirement.wheel else None
    recipe = [requirement.distribution, requirement.version, wheel, requirement.identity, this_python()]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]
    return f"{requirement.distribution}-{requirement.version}-{key}"


def describe(draft: Path, requirement: Installable, sha256: str | None) -> Installed:
    """Read back what lies in `draft`.

    Raises Failed where it is another distribution or version than asked for,
    Unsupported where it does not carry the package that it should.
    """
    found = {
        str(canonicalize_name(item.metadata["Name"])): item.version
        for item in metadata.distributions(path=[str(draft / SITE)])
    }
    version = found.get(requirement.distribution)
    if version is None or Version(version) != Version(requirement.version):
        named = ", ".join(f"{name} {number}" for name, number in found.items()) or "nothing"
        raise Failed(f"{requirement}: what was installed is {named}")
    if not (draft / SITE / requirement.package / "__init__.py").is_file():
        raise Unsupported(f"{requirement}: its wheel carries no package {requirement.package!r}")
    return Installed(
        path=str(draft / SITE),
        requirement=str(requirement),
        distribution=requirement.distribution,
        version=version,
        sha256=sha256,
        numpy=found.get("numpy"),
        size_bytes=sum(path.stat().st_size for path in _files(draft)),
        python=this_python(),
        kind=requirement.kind,
        beside=requirement.beside,
        packages=dict(sorted(found.items())),
    )


def write_manifest(draft: Path, installed: Installed) -> None:
    """Write down what `draft` holds, the last thing before it gets its name."""
    facts = {key: value for key, value in asdict(installed).items() if key not in ("path", "damage", "kind")}
    files = {path.relative_to(draft).as_posix(): hash_file(path) for path in _files(draft)}
    stamps = {name: _stamp(draft / name) for name in files}
    written = {**facts, "files": files, "stamps": stamps}
    (draft / MANIFESTS[installed.kind]).write_text(json.dumps(written, indent=1))


def read(folder: Path, *, whole: bool = True) -> Installed:
    """Read back what was installed and hash its files; what is wrong with it is in `damage`.

    Not the `whole`: a file that the system has not seen changed since it was installed is taken as it
    was, for TensorFlow's folder has 1.5 GB. A copied cache has other stamps, and is hashed.
    """
    kind = folder.parent.name
    try:
        facts = json.loads((folder / MANIFESTS[kind]).read_text())
        files, stamps = facts.pop("files"), facts.pop("stamps", {})  # no stamps in folders of before
        if not whole:
            files = {
                name: sha
                for name, sha in files.items()
                if name not in stamps or _stamp(folder / name) != stamps[name]
            }
        facts["beside"] = tuple(facts.get("beside", ()))  # a list in JSON; absent in folders of before
        return Installed(path=str(folder / SITE), kind=kind, **facts, damage=_damage(folder, files))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Installed(
            path=str(folder / SITE),
            requirement=folder.name,
            distribution="",
            version="",
            sha256=None,
            numpy=None,
            size_bytes=0,
            python="",
            damage=f"its {MANIFESTS[kind]} cannot be read ({type(error).__name__})",
            kind=kind,
        )


def _stamp(path: Path) -> list[int] | None:
    """Return what the system keeps of a file and changes with it: the last of these nobody can set back."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return [seen.st_size, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns]


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
