"""Find out which version a name that moves means today."""

from __future__ import annotations

from packaging.version import Version

from harness.core.errors import InputError
from harness.core.requirement import Requirement
from harness.install.installer import released

DISTRIBUTION = "onnxruntime"


def newest(name: str) -> Requirement:
    """Ask the package index for what ``latest`` (the newest release) or ``nightly`` means now.

    ``nightly`` is the newest pre-release; pip's own settings say which index
    is asked. Raises InputError where there is none, Failed where the index
    cannot be asked.
    """
    nightly = name == "nightly"
    versions = released(DISTRIBUTION, pre=nightly)
    wanted = [text for text in versions if Version(text).is_prerelease == nightly]
    if not wanted:
        known = f"; the newest that it has is {versions[-1]}" if versions else ""
        hint = "; point pip at one that has: PIP_EXTRA_INDEX_URL (docs/runtimes.md)" if nightly else ""
        raise InputError(f"runtime {name}: the package index has no such {DISTRIBUTION}{known}{hint}")
    return Requirement(DISTRIBUTION, wanted[-1])
