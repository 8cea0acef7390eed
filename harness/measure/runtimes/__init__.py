"""Runtimes side by side: any released ONNX Runtime in a folder of its own.

A runtime is installed once, without dependencies, and goes first on a
worker's path; so any version runs beside any other from one parent.

============== =========================================================
`installer`    pip in a process of its own, and what its errors mean
`asked`        which runtime a text asks for, where it may be installed at all
`folder`       one runtime on disk: its name, its manifest, is it intact
`catalogue`    ensure, list and remove
`rolling`      which version ``latest`` and ``nightly`` mean now
============== =========================================================
"""

from harness.core.requirement import DISTRIBUTIONS, Requirement
from harness.measure.runtimes.asked import parse
from harness.measure.runtimes.catalogue import ensure, list_runtimes, remove
from harness.measure.runtimes.folder import Runtime
from harness.measure.runtimes.installer import released
from harness.measure.runtimes.rolling import newest

__all__ = [
    "DISTRIBUTIONS",
    "Requirement",
    "Runtime",
    "ensure",
    "list_runtimes",
    "newest",
    "parse",
    "released",
    "remove",
]
