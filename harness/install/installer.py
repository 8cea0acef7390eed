"""Run pip in a process of its own, and say in one line what its errors mean."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness.core.errors import CaseError, Failed, NotFoundError, Unsupported
from harness.core.registry import closest
from harness.core.requirement import DISTRIBUTIONS, Installable
from harness.core.units import format_bytes
from harness.install.folder import SITE, this_python

TIMEOUT_S = 900.0
_SMALL_BYTES = 10**9  # a runtime with its download takes less

Installer = Callable[[Any, Path], str | None]
"""Fills the folder ``site`` of a draft and returns the wheel's sha256. Raises Unsupported or Failed."""

PIP = ("-P", "-m", "pip", "--no-input", "--disable-pip-version-check", "--retries=2")
_NO_VERSION = re.compile(r"satisfies the requirement (\S+)==(\S+) \(from versions: (.*)\)")
_MISFIT = re.compile(r"ERROR: Cannot install (.+?) because these package versions have conflicting")
_UNREACHED = re.compile(r"connection broken by '(\w+)\((?:.*?host='([^']+)')?")  # older pips name no host


def pip_install(
    requirement: Installable, draft: Path, pip: Sequence[str] = PIP, timeout_s: float = TIMEOUT_S
) -> str | None:
    """Install `requirement` into ``draft/site``, a runtime without dependencies; return its wheel's sha256.

    Raises Unsupported where there is no wheel of it for this Python, or its packages
    do not fit together, Failed for anything else that pip says.
    """
    work = draft / "work"
    work.mkdir()
    what = [str(requirement)]
    if requirement.wheel:
        # a copy, named without a folder: pip reads ';' and '[' in a path as syntax of its own
        name = Path(requirement.wheel).name
        shutil.copyfile(requirement.wheel, work / name)
        what = [f"./{name}"]
    what += requirement.beside
    # of a tool a part is imported: that part is compiled when it is
    depth = "--no-compile" if requirement.whole else "--no-deps"
    options = ["--quiet", depth, "--only-binary=:all:", "--no-user"]
    _pip(
        ["install", *options, f"--target={draft / SITE}", "--report=report.json", *what],
        str(requirement),
        work,
        pip,
        timeout_s,
    )
    report = json.loads((work / "report.json").read_text())
    shutil.rmtree(work)
    return _wheel_sha256(report, requirement)


def released(distribution: str, *, pre: bool = False, pip: Sequence[str] = PIP) -> tuple[str, ...]:
    """List the versions of `distribution` that this Python can install, oldest first.

    Pre-releases are among them with `pre` only. Raises NotFoundError for an unknown distribution,
    Failed where the package index cannot be asked.
    """
    if distribution not in DISTRIBUTIONS:
        raise NotFoundError(f"unknown distribution {distribution!r}: {closest(distribution, DISTRIBUTIONS)}")
    options = ["--only-binary=:all:", *(["--pre"] if pre else [])]
    output = _pip(["index", "versions", *options, distribution], distribution, None, pip)
    found = re.search(r"^Available versions: (.*)$", output, re.MULTILINE)
    return tuple(reversed(found[1].split(", "))) if found else ()


def _wheel_sha256(report: dict[str, Any], requirement: Installable) -> str | None:
    """Find the hash in pip's report (packaging.python.org, "direct URL": archive_info.hashes)."""
    for item in report["install"]:
        if canonicalize_name(item["metadata"]["name"]) == requirement.distribution:
            sha256: str | None = item["download_info"]["archive_info"].get("hashes", {}).get("sha256")
            return sha256
    return None


def _pip(
    arguments: Sequence[str],
    subject: str,
    work: Path | None,
    pip: Sequence[str],
    timeout_s: float = TIMEOUT_S,
) -> str:
    """Run pip in `work` and return its standard output. Raises CaseError, `subject` named."""
    # what pip leaves behind when it is killed must lie where it is swept away
    place = {"TMPDIR": str(work)} if work else {}
    process = subprocess.Popen(
        [sys.executable, *pip, *arguments],
        cwd=work,
        env={**os.environ, **place, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C is for this process, which then ends pip and cleans up
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"{subject}: the installer took longer than {timeout_s:.0f} s") from None
        raise
    if process.returncode != 0:
        raise explain(subject, err, shutil.disk_usage(work or Path.cwd()).free)
    return out


def explain(subject: str, output: str, free_bytes: int) -> CaseError:
    """Turn what pip wrote on standard error into one line: Unsupported or Failed.

    pip takes a disk that fills up for a broken connection, so a small `free_bytes` is named.
    """
    if broken := _UNREACHED.search(output):
        where = f" at {broken[2]}" if broken[2] else ""
        return Failed(f"{subject}: the package index{where} cannot be reached ({broken[1]})")
    if missing := _NO_VERSION.search(output):
        return Unsupported(f"{subject}: {_no_version(output, *missing.groups())}")
    if misfits := _MISFIT.findall(output):
        return Unsupported(f"{subject}: these do not fit together: {'; '.join(dict.fromkeys(misfits))}")
    reason = _reason(output)
    if "is not a supported wheel" in reason:
        return Unsupported(f"{subject}: not a wheel for {this_python()}")
    if reason.endswith("No module named pip"):
        return Failed(f"{subject}: this Python has no pip; run {sys.executable} -m ensurepip")
    room = f"; only {format_bytes(free_bytes)} free on its disk" if free_bytes < _SMALL_BYTES else ""
    return Failed(f"{subject}: the installer: {reason}{room}")


def _reason(output: str) -> str:
    """Pick the line that says why: of a full disk, of pip's errors, of its diagnostics, or the last one."""
    if "[Errno 28]" in output:
        return "No space left on device"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for mark in ("ERROR: ", "× "):
        if marked := [line.removeprefix(mark) for line in lines if line.startswith(mark)]:
            break
    reason = (marked or lines or ["it printed nothing"])[-1]
    return lines[-1] if reason == "Exception:" else reason


def _no_version(output: str, name: str, wanted: str, versions: str) -> str:
    """Return which versions there are, and which are nearest to `wanted`."""
    needs = re.search(rf"{re.escape(wanted)} Requires-Python ([^;\n]+)", output)
    reason = f"no wheel of {name} {wanted} for {this_python()}"
    reason += f" (it needs Python {needs[1].strip()})" if needs else ""
    known = sorted(filter(None, map(_version, versions.split(", "))))
    if not known:
        return f"{reason}, nor of any other version"
    asked = Version(wanted)
    near = [*[item for item in known if item < asked][-1:], *[item for item in known if item > asked][:1]]
    nearest = " and ".join(map(str, near))
    return f"{reason}; nearest: {nearest}; available: {known[0]} to {known[-1]}"


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
