"""What dynamic and static quantization share: ONNX Runtime's preprocessing, and names of types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.capture_log import capture_log
from harness.build.check import first_line
from harness.build.ort_tools import load_tools
from harness.build.precisions.targets import check_nodes, check_operators
from harness.build.repair import COPY_BIASES, mend
from harness.core.feeds import Rows

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


def shared(base: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that both quantizers take. Raises Failed for a node that is not there."""
    from onnxruntime.quantization.registry import IntegerOpsRegistry, QDQRegistry, QLinearOpsRegistry

    model = files.parse(base)
    check_nodes(model, options["nodes_to_exclude"])
    known = {*IntegerOpsRegistry, *QDQRegistry, *QLinearOpsRegistry}
    check_operators(model, "op_types", options["op_types"], known)
    return {
        "per_channel": options["per_channel"],
        "reduce_range": options["reduce_range"],
        "weight_type": quant_type(options["weight_type"]),
        "op_types_to_quantize": list(options["op_types"]) or None,
        "nodes_to_exclude": list(options["nodes_to_exclude"]),
        "use_external_data_format": files.is_large(base),
    }


Quantize = Callable[[Path], None]
"""Quantizes the prepared model at a path."""


def quantize(base: Path, folder: Path, run: Quantize) -> dict[str, Any]:
    """Prepare the model at `base` as ONNX Runtime asks for before quantization, and `run` on it.

    Where a way to prepare it, or the quantizer behind it, fails, the next one is
    tried. Returns what was done, and why less than all was. Raises what the last
    way raised.
    """
    load_tools()
    left_out: dict[str, str] = {}
    for number, (name, prepare) in enumerate(PREPARATIONS):
        try:
            with capture_log("onnxruntime.quantization.shape_inference") as warnings:
                prepared = prepare(base, folder / f"prepared-{number}.onnx")
                # ONNX Runtime's optimization makes one of small constants that are alike
                prepared, _ = mend(prepared, folder / f"copied-{number}.onnx", (COPY_BIASES,))
                run(prepared)
        except Exception as error:  # bare exceptions where a shape stays unknown, and whatever the tools do
            if number == len(PREPARATIONS) - 1:
                raise
            left_out[name] = first_line(error)
        else:
            if warnings:  # it goes on where its optimization fails
                left_out["optimization"] = warnings[-1]
            return {"preparation": name, "left_out": left_out}
    raise AssertionError("no way to prepare a model")


def _prepare(base: Path, prepared: Path, **options: bool) -> Path:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    large = files.is_large(base)
    quant_pre_process(base, prepared, save_as_external_data=large, all_tensors_to_one_file=large, **options)
    return prepared


def _with_symbolic_shapes(base: Path, prepared: Path) -> Path:
    if find_spec("sympy") is None:
        raise ModuleNotFoundError("sympy is not installed")
    return _prepare(base, prepared)


PREPARATIONS: tuple[tuple[str, Callable[[Path, Path], Path]], ...] = (
    ("symbolic shapes, optimization", _with_symbolic_shapes),
    ("optimization", partial(_prepare, skip_symbolic_shape=True)),
    ("symbolic shapes", partial(_prepare, skip_optimization=True)),
    ("none", lambda base, prepared: base),
)
"""Ways to prepare a model, the best first: alternatives, of which one is taken.

`harness.build.repair.REPAIRS` is another kind of table: steps that all apply where they are needed.
"""


def reader(feeds: Sequence[Rows]) -> Any:
    """Return ONNX Runtime's reader of calibration data over `feeds`."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hand feeds to ONNX Runtime, one range after another."""

        def __init__(self) -> None:
            self._left = iter(feeds)

        def get_next(self) -> Rows | None:
            return next(self._left, None)

        def __len__(self) -> int:
            return len(feeds)

        def set_range(self, start_index: int, end_index: int) -> None:
            self._left = iter(feeds[start_index:end_index])

    return Reader()
