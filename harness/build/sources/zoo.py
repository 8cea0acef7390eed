"""The nine architectures that the onnx wheel carries, with random weights.

The wheel ships their graphs with weights that are constants, so that every
output is the same number, and with a batch of 1. Here every parameter is drawn
anew and the batch is symbolic. Latency and memory are those of the
architecture; no accuracy against labels can be claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.build import files
from harness.build.opset import convert
from harness.build.sources import Asked, Written
from harness.build.versions import versions
from harness.core.errors import Failed, Unsupported
from harness.core.hashing import hash_file
from harness.core.registry import closest
from harness.core.vocabulary import ZOO

OPSET = 17
"""Where none is asked for: the graphs are of opset 9, too old for per-channel quantization."""


class Zoo:
    """``{name: squeezenet}``, and ``seed`` where it is not 0."""

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Hash the graph; the rest lies in the seed and in numpy's generator."""
        if asked.exporter is not None:
            raise Unsupported(f"exporter {asked.exporter!r}: a zoo model is a graph already")
        return {
            "name": options["name"],
            "seed": int(options.get("seed", 0)),
            "sha256": hash_file(_graph_file(options["name"])),
            "versions": versions("onnx", "numpy"),
        }

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Convert the graph while it is small, and fill it."""
        import onnx

        from harness.build.sources.random_weights import fill

        model = onnx.load(_graph_file(options["name"]))
        model.ir_version = 4  # from here on an initializer need not be an input too
        model = convert(model, asked.opset or OPSET)
        fill(model, int(options.get("seed", 0)))
        files.save(model, folder / files.MODEL)
        return Written(files.MODEL, random_weights=True)


def _graph_file(name: str) -> Path:
    from importlib.util import find_spec

    if name not in ZOO:
        raise Failed(f"unknown zoo model {name!r}: {closest(name, ZOO)}")
    spec = find_spec("onnx")
    if spec is None or spec.origin is None:
        raise Failed("the onnx package is not installed")
    path = Path(spec.origin).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    if not path.is_file():
        raise Unsupported(f"this version of the onnx wheel does not carry {path.name}")
    return path
