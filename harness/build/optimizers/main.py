"""The process of an optimizer: read a model, let the tool rewrite it, write what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build.check import first_line
from harness.build.files import save
from harness.build.process import answer
from harness.core.errors import Failed, HarnessError, Unsupported
from harness.core.registry import closest

if TYPE_CHECKING:
    import onnx

Rewrite = Callable[["onnx.ModelProto", Mapping[str, Any]], "onnx.ModelProto"]


def main(folder: str) -> None:
    """Do what ``request.json`` in `folder` asks for."""
    answer(Path(folder), optimize)


def optimize(request: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite the model at ``base`` into ``path`` with ``optimizer`` and its ``options``."""
    import onnx

    name, who = request["optimizer"], request["who"]
    model = onnx.load(request["base"], format="protobuf")
    try:
        made = REWRITES[name](model, request["options"])
    except (HarnessError, MemoryError):
        raise
    except Exception as error:  # a tool raises what it likes
        text = f"{type(error).__name__}: {first_line(error)}"
        raise Unsupported(f"{who} cannot optimize it: {text}") from error
    save(made, Path(request["path"]))
    return {}


def by_onnxoptimizer(model: onnx.ModelProto, options: Mapping[str, Any]) -> onnx.ModelProto:
    """Run passes by name, by default those that it runs by itself. Raises Failed for an unknown one."""
    import onnxoptimizer

    passes = options.get("passes")
    known = onnxoptimizer.get_available_passes()
    if unknown := [name for name in passes or () if name not in known]:
        raise Failed(f"onnxoptimizer has no pass {unknown[0]!r}: {closest(unknown[0], known)}")
    made: onnx.ModelProto = onnxoptimizer.optimize(model, passes)
    return made


def by_onnxsim(model: onnx.ModelProto, options: Mapping[str, Any]) -> onnx.ModelProto:
    """Fold constants and fuse, its own check left out: outputs are compared here anyway."""
    import onnxsim

    made: onnx.ModelProto = onnxsim.simplify(model)[0]
    return made


def by_onnxslim(model: onnx.ModelProto, options: Mapping[str, Any]) -> onnx.ModelProto:
    """Fold constants, and remove and fuse nodes."""
    import onnxslim

    made: onnx.ModelProto = onnxslim.slim(model)
    return made


REWRITES: Mapping[str, Rewrite] = {
    "onnxoptimizer": by_onnxoptimizer,
    "onnxsim": by_onnxsim,
    "onnxslim": by_onnxslim,
}
"""Name -> what it does."""
