"""Runtimes and tools side by side, each in a folder of its own.

A runtime is installed once, without dependencies, and goes first on a
worker's path; so any version runs beside any other from one parent. A tool
(`harness.core.tools`) is installed with all that it needs, and is on the path
of the process that runs it, and of no other.

============== =========================================================
`installer`    pip in a process of its own, and what its errors mean
`asked`        what a text asks for, where it may be installed at all
`folder`       what was installed, on disk: its name, its manifest, is it intact
`catalogue`    ensure, list and remove
`rolling`      which version ``latest`` and ``nightly`` mean now
============== =========================================================
"""

from harness.core.requirement import DISTRIBUTIONS, Requirement
from harness.install.asked import parse, parse_any
from harness.install.catalogue import ensure, list_installed, remove
from harness.install.folder import Installed
from harness.install.installer import released
from harness.install.rolling import newest

__all__ = [
    "DISTRIBUTIONS",
    "Installed",
    "Requirement",
    "ensure",
    "list_installed",
    "newest",
    "parse",
    "parse_any",
    "released",
    "remove",
]
