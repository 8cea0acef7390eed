"""A torch module of the user's, exported by torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.build.cache import combine, hash_file
from harness.build.sources import EXPORTERS, Asked, Written
from harness.build.versions import versions
from harness.errors import Failed, Unsupported
from harness.tables import closest

PACKAGES = ("torch", "onnxscript", "onnx_ir", "onnx", "numpy")
NEEDED = "needs the torch extra: pip install 'onnx-harness[torch]'"


class TorchModule:
    """``{target: "package.module:function"}`` or ``{target: "/absolute/file.py:function"}``."""

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Hash the code that makes the module and what lies beside it.

        Of a file: every .py of its folder, and the files whose name starts with
        its own (``encoder.py``: ``encoder_weights.npz``). Of a package: all of its
        .py files.
        """
        if asked.exporter is not None and asked.exporter not in EXPORTERS:
            raise Failed(f"unknown exporter {asked.exporter!r}: {closest(asked.exporter, EXPORTERS)}")
        if find_spec("torch") is None or find_spec("onnxscript") is None:
            raise Unsupported(NEEDED)
        module, _, function = options["target"].rpartition(":")
        sources = list(_sources(module))
        root = sources[0].parent
        hashes = {str(path.relative_to(root)): hash_file(path) for path in sources}
        name = Path(module).name if module.endswith(".py") else module
        return {
            "target": f"{name}:{function}",
            "sha256": combine(hashes),
            "versions": versions(*PACKAGES),
        }

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Export the module."""
        from harness.build.sources.torch_export import export

        return export(options["target"], asked, folder)


def _sources(module: str) -> Iterator[Path]:
    """Yield the files that a module is made of. Raises Failed where there is none."""
    if module.endswith(".py"):
        path = Path(module)
    else:
        spec = PathFinder.find_spec(module.partition(".")[0], [str(Path.cwd()), *sys.path])
        if spec is None or spec.origin is None:
            raise Failed(f"torch source: no module {module!r} here or among the installed packages")
        path = Path(spec.origin)
        if spec.submodule_search_locations:
            yield from sorted(path.parent.rglob("*.py"))
            return
    if not path.is_file():
        raise Failed(f"torch source: {path}: no such file")
    beside = (item for item in path.parent.iterdir() if item.is_file())
    yield from sorted(item for item in beside if item.suffix == ".py" or item.name.startswith(path.stem))
