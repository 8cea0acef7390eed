"""A torch module of the user's, exported by torch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.build.cache import combine
from harness.build.reads import record_reads
from harness.build.sources import Asked, Written
from harness.build.versions import versions
from harness.core.errors import Failed, Unsupported
from harness.core.hashing import hash_file
from harness.core.plugins import EXPORTERS
from harness.core.registry import closest

PACKAGES = ("torch", "onnxscript", "onnx_ir", "onnx", "numpy")
NEEDED = "needs torch: pip install 'torch>=2.9,<3' 'onnxscript>=0.5'"


class TorchModule:
    """``{target: "package.module:function"}`` or ``{target: "/absolute/file.py:function"}``."""

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Hash the code that makes the module and what lies beside it.

        Of a file: every .py of its folder, and the files whose name starts with
        its own (``encoder.py``: ``encoder_weights.npz``). Of a package: all of its
        .py files. What else it reads is record_reads while it is built; the folder is part
        of it because a copy of the code elsewhere reads other files.
        """
        if asked.exporter is not None and asked.exporter not in EXPORTERS:
            raise Failed(f"unknown exporter {asked.exporter!r}: {closest(asked.exporter, EXPORTERS)}")
        if find_spec("torch") is None or find_spec("onnxscript") is None:
            raise Unsupported(NEEDED)
        module, _, function = options["target"].rpartition(":")
        folder, sources = _sources(module)
        hashes = {str(path.relative_to(folder)): hash_file(path) for path in sources}
        name = Path(module).name if module.endswith(".py") else module
        return {
            "target": f"{name}:{function}",
            "folder": str(folder.absolute()),
            "sha256": combine(hashes),
            "versions": versions(*PACKAGES),
        }

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Export the module, and note what that reads."""
        from harness.build.sources.torch_export import export

        own, _ = _sources(options["target"].rpartition(":")[0])
        with record_reads(own, folder) as reads:
            written = export(options["target"], asked, folder)
        return replace(written, reads=reads)


def _sources(module: str) -> tuple[Path, list[Path]]:
    """Return a module's folder and the files that it is made of. Raises Failed where there is none."""
    if module.endswith(".py"):
        path = Path(module)
    else:
        spec = PathFinder.find_spec(module.partition(".")[0], [str(Path.cwd()), *sys.path])
        if spec is None or spec.origin is None:
            raise Failed(f"torch source: no module {module!r} here or among the installed packages")
        path = Path(spec.origin)
        if spec.submodule_search_locations:
            return path.parent, sorted(path.parent.rglob("*.py"))
    if not path.is_file():
        raise Failed(f"torch source: {path}: no such file")
    beside = (item for item in path.parent.iterdir() if item.is_file())
    files = sorted(item for item in beside if item.suffix == ".py" or item.name.startswith(path.stem))
    return path.parent, files
