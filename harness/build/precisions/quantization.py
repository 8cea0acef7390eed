"""What dynamic and static quantization share: ONNX Runtime's preprocessing, and names of types."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.capture_log import capture_log
from harness.build.check import one_line
from harness.build.ort_tools import load_tools
from harness.build.precisions.targets import check_nodes, check_operators

if TYPE_CHECKING:
    from onnxruntime.quantization import QuantType

PACKAGES = ("onnx", "onnxruntime", "numpy", "sympy")

OPTIONS: Mapping[str, Any] = {
    "per_channel": False,
    "reduce_range": False,
    "weight_type": "int8",
    "op_types": [],
    "nodes_to_exclude": [],
}
WEIGHT_TYPES = ("int8", "uint8")


def quant_type(name: str) -> QuantType:
    """Return ONNX Runtime's type for ``int8``, ``uint8``, ``int16`` or ``uint16``."""
    from onnxruntime.quantization import QuantType

    return {
        "int8": QuantType.QInt8,
        "uint8": QuantType.QUInt8,
        "int16": QuantType.QInt16,
        "uint16": QuantType.QUInt16,
    }[name]


def is_large(base: Path) -> bool:
    """Tell whether a model needs external data once it is written again."""
    return sum(path.stat().st_size for path in base.parent.iterdir()) > files.LARGE_BYTES


def shared(base: Path, prepared: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that both quantizers take. Raises Failed for a node that is not there."""
    from onnxruntime.quantization.registry import IntegerOpsRegistry, QDQRegistry, QLinearOpsRegistry

    model = files.parse(base)
    check_nodes(model, options["nodes_to_exclude"])
    known = {*IntegerOpsRegistry, *QDQRegistry, *QLinearOpsRegistry}
    check_operators(model, "op_types", options["op_types"], known)
    return {
        "model_input": prepared,
        "per_channel": options["per_channel"],
        "reduce_range": options["reduce_range"],
        "weight_type": quant_type(options["weight_type"]),
        "op_types_to_quantize": list(options["op_types"]) or None,
        "nodes_to_exclude": list(options["nodes_to_exclude"]),
        "use_external_data_format": is_large(base),
    }


def preprocess(base: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Run ONNX Runtime's shape inference and optimization, as it asks for before quantization.

    Returns the prepared model and what was done. Symbolic shape inference is
    left out where sympy is absent or where it fails on the model; so said.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    load_tools()
    prepared = folder / "prepared.onnx"
    done: dict[str, Any] = {"by": "onnxruntime.quantization.quant_pre_process", "symbolic_shapes": True}
    large = is_large(base)
    arguments: dict[str, Any] = {"save_as_external_data": large, "all_tensors_to_one_file": large}
    with capture_log("onnxruntime.quantization.shape_inference") as heard:
        if find_spec("sympy") is None:
            done["symbolic_shapes"] = "left out: sympy is not installed"
        else:
            try:
                quant_pre_process(base, prepared, **arguments)
            except Exception as error:  # it raises bare Exception where a shape stays unknown
                done["symbolic_shapes"] = f"left out: {one_line(error)}"
        if done["symbolic_shapes"] is not True:
            quant_pre_process(base, prepared, skip_symbolic_shape=True, **arguments)
    if heard:  # it goes on where its optimization fails
        done["optimization"] = f"left out: {heard[-1]}"
    return prepared, done
