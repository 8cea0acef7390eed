"""FP16 by ONNX Runtime's converter.

Inputs and outputs stay FP32, so that a model and its reference are fed and compared alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.check import first_line
from harness.build.precisions import Precision
from harness.build.precisions.targets import check_nodes, check_operators
from harness.build.reading import walk
from harness.core.feeds import Rows
from harness.core.vocabulary import KNOWN_DOMAINS

if TYPE_CHECKING:
    import onnx


def convert(base: Path, target: Path, options: Mapping[str, Any], feeds: Sequence[Rows]) -> Mapping[str, Any]:
    """Convert weights and activations to FP16, but for what is excluded and what FP16 cannot do."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_model
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    inferred, shapes = _infer(base, target.with_name("inferred.onnx"))
    model = onnx.load(inferred, load_external_data=False)
    load_external_data_for_model(model, str(base.parent))
    check_nodes(model, options["nodes_to_exclude"])
    check_operators(model, "op_types_to_exclude", options["op_types_to_exclude"], DEFAULT_OP_BLOCK_LIST)
    model = convert_float_to_float16(
        model,
        keep_io_types=options["keep_io_types"],
        disable_shape_infer=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *options["op_types_to_exclude"], *_foreign(model)],
        node_block_list=options["nodes_to_exclude"],
    )
    OnnxModel(model).topological_sort()  # the converter appends its casts at the end
    files.save(model, target)
    return {"by": "onnxruntime.transformers.float16", "shapes": shapes}


def _foreign(model: onnx.ModelProto) -> list[str]:
    """Return the operators that ONNX Runtime does not bring: nobody knows whether they take FP16."""
    return sorted({node.op_type for node in walk(model) if node.domain not in KNOWN_DOMAINS})


def _infer(base: Path, inferred: Path) -> tuple[Path, bool | str]:
    """Infer shapes; where that fails, go on without, and say so."""
    import onnx

    try:
        onnx.shape_inference.infer_shapes_path(base, inferred)
    except Exception as error:  # C++ raises what it likes
        return base, f"left out: {first_line(error)}"
    return inferred, True


FP16 = Precision(
    convert=convert,
    reads_back="fp16",
    defaults={"keep_io_types": True, "nodes_to_exclude": [], "op_types_to_exclude": []},
    choices={},
    packages=("onnx", "onnxruntime", "numpy"),
)
