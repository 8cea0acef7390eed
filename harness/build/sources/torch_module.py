"""A torch module of the user's, exported by torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.build.reads import record_reads
from harness.build.sources import Asked, Written
from harness.build.sources.user_code import code_files, identify_code
from harness.build.versions import versions
from harness.core.errors import Failed, Unsupported
from harness.core.plugins import EXPORTERS
from harness.core.registry import closest

PACKAGES = ("torch", "onnxscript", "onnx_ir", "onnx", "numpy")
NEEDED = "needs torch: pip install 'torch>=2.9,<3' 'onnxscript>=0.5'"


class TorchModule:
    """``{target: "package.module:function"}`` or ``{target: "/absolute/file.py:function"}``."""

    answers = True

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Hash the code that makes the module and what lies beside it.

        What else it reads is noted while it is built.
        """
        if asked.exporter is not None and asked.exporter not in EXPORTERS:
            raise Failed(f"unknown exporter {asked.exporter!r}: {closest(asked.exporter, EXPORTERS)}")
        if find_spec("torch") is None or find_spec("onnxscript") is None:
            raise Unsupported(NEEDED)
        return {**identify_code(options["target"], "torch"), "versions": versions(*PACKAGES)}

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Export the module, and note what that reads."""
        from harness.build.sources.torch_export import export

        own, _ = code_files(options["target"].rpartition(":")[0], "torch")
        with record_reads(own, folder) as reads:
            written = export(options["target"], asked, folder)
        return replace(written, reads=reads)
