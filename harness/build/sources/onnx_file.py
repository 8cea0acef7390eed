"""An .onnx file of the user's, with its external data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.build import files
from harness.build.cache import combine
from harness.build.check import check
from harness.build.opset import convert
from harness.build.reading import opset_of
from harness.build.sources import Asked, Written
from harness.build.versions import versions
from harness.core.errors import Unsupported
from harness.core.hashing import hash_file


class OnnxFile:
    """``{path: /absolute/model.onnx}``."""

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Hash the file and its external data."""
        if asked.exporter is not None:
            raise Unsupported(f"exporter {asked.exporter!r}: an .onnx file is exported already")
        path = Path(options["path"])
        hashes = {location: files.locate(path, location) for location in _external(path)}
        hashes[files.MODEL] = path
        return {
            "name": path.name,
            "sha256": combine({name: hash_file(file) for name, file in hashes.items()}),
            "versions": versions("onnx") if asked.opset else {},
        }

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Copy the file as it is, or convert it to the opset asked for."""
        import onnx

        path, target = Path(options["path"]), folder / files.MODEL
        have = opset_of(files.parse(path))
        if asked.opset in (None, have):
            files.copy(path, target)
            return Written(files.MODEL)
        check(path)  # what is wrong before is not the converter's doing
        files.save(convert(onnx.load(path, format="protobuf"), asked.opset), target)
        return Written(files.MODEL, {"converted": {"by": "onnx.version_converter", "from_opset": have}})


def _external(path: Path) -> list[str]:
    return files.external_files(files.parse(path))
