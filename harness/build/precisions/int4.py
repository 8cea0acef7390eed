"""Weights of 4 bits in blocks with a scale each; activations stay FP32 (``com.microsoft.MatMulNBits``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.check import first_line
from harness.build.opset import raise_opset
from harness.build.ort_tools import load_tools
from harness.build.precisions import Precision
from harness.build.precisions.quantization import reader
from harness.build.precisions.targets import check_nodes, check_operators
from harness.build.reading import walk
from harness.core.errors import Failed, Unsupported
from harness.core.feeds import Rows
from harness.core.vocabulary import is_quantized

if TYPE_CHECKING:
    import numpy as np
    import onnx

OPERATORS = ("MatMul", "Gather")
MICROSOFT = "com.microsoft"
BLOCK_SIZES = (16, 32, 64, 128, 256)

QDQ_OPSET = 21
"""The first opset in which a scale may belong to a block."""


def convert(
    base: Path,
    target: Path,
    options: Mapping[str, Any],
    feeds: Sequence[Rows],
    *,
    symmetric: bool,
) -> Mapping[str, Any]:
    """Quantize with ONNX Runtime's MatMulNBitsQuantizer; `symmetric` blocks have no zero point.

    Raises Failed for a block size that no kernel has, Unsupported where an algorithm needs what is not
    installed, and where what was asked for is not in the file that the quantizer wrote.
    """
    load_tools()
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    if options["block_size"] not in BLOCK_SIZES:
        raise Failed(f"block_size: expected one of {', '.join(map(str, BLOCK_SIZES))}")
    check_algorithm(options)
    if options["format"] == "qdq":
        base = raise_opset(base, target.with_name("raised.onnx"), QDQ_OPSET)
    named = files.parse(base)
    check_nodes(named, options["nodes_to_exclude"])
    check_operators(named, "op_types", options["op_types"], OPERATORS)
    level = options["accuracy_level"] or None
    quantizer = MatMulNBitsQuantizer(
        onnx.load(base),
        block_size=options["block_size"],
        is_symmetric=symmetric,
        accuracy_level=level,
        nodes_to_exclude=list(options["nodes_to_exclude"]),
        algo_config=_algorithm(options, feeds, symmetric=symmetric),
    )
    try:
        quantizer.process()
    except Exception as error:  # a search of the runtime's own, which does not take every shape
        if options["algorithm"] == "rtn":
            raise
        why = f"{type(error).__name__}: {first_line(error)}"
        raise Unsupported(
            f"algorithm {options['algorithm']} of ONNX Runtime's quantizer cannot convert it: {why}"
        ) from error
    model = _without_leftovers(quantizer.model.model)
    _import_domain(model)
    if level and not _computes_at(model, level):
        raise Unsupported(
            f"accuracy_level {level}: the quantizer writes it into no product with algorithm "
            f"{options['algorithm']} and format {options['format']}; "
            f"leave it out, or quantize MatMul with algorithm rtn and format qoperator"
        )
    files.save(model, target)
    return {
        "by": "onnxruntime.quantization.matmul_nbits_quantizer",
        "symmetric": not _has_zero_points(model),  # hqq and k_quant always have some
    }


LACKS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "k_quant": {"format": ("qdq",), "op_types": ("Gather",)},
    "hqq": {"op_types": ("Gather",)},
    "gptq": {"format": ("qdq",), "op_types": ("Gather",), "nodes_to_exclude": ()},
}
"""Algorithm -> options that it passes over in silence, or refuses, and at which values; none: at any."""


def check_algorithm(options: Mapping[str, Any]) -> None:
    """Raise Unsupported for an option that the algorithm does not have."""
    for option, values in LACKS.get(options["algorithm"], {}).items():
        asked = options[option] if isinstance(options[option], list | tuple) else [options[option]]
        if lacking := [value for value in asked if not values or value in values]:
            raise Unsupported(
                f"algorithm {options['algorithm']} of ONNX Runtime's quantizer "
                f"has no {option}: {lacking[0]}; use algorithm: rtn"
            )


def _algorithm(options: Mapping[str, Any], feeds: Sequence[Rows], *, symmetric: bool) -> Any:
    """Return the settings of an algorithm, as the quantizer takes them. Raises Unsupported."""
    import onnxruntime
    from onnxruntime.quantization import QuantFormat, matmul_nbits_quantizer

    formats = {"qoperator": QuantFormat.QOperator, "qdq": QuantFormat.QDQ}
    operators = tuple(options["op_types"]) or OPERATORS[:1]
    shared = {"quant_format": formats[options["format"]], "op_types_to_quantize": operators}
    match options["algorithm"]:
        case "k_quant":
            return matmul_nbits_quantizer.KQuantWeightOnlyQuantConfig(op_types_to_quantize=operators)
        case "gptq":
            check_search(_gptq(), f"algorithm gptq of onnxruntime {onnxruntime.__version__}'s quantizer")
            return matmul_nbits_quantizer.GPTQWeightOnlyQuantConfig(reader(feeds), **shared)
        case "hqq":
            if find_spec("torch") is None:
                raise Unsupported(
                    "algorithm hqq of ONNX Runtime's quantizer computes in torch, which is not installed"
                )
            return matmul_nbits_quantizer.HQQWeightOnlyQuantConfig(options["block_size"], **shared)
    return matmul_nbits_quantizer.DefaultWeightOnlyQuantConfig(
        options["block_size"],
        is_symmetric=symmetric,
        accuracy_level=options["accuracy_level"] or None,
        **shared,
    )


Search = Callable[..., "np.ndarray[Any, Any]"]
"""Rounds a matrix (inputs x outputs), given the Hessian of its inputs."""


def _gptq() -> Search:
    """Return the search of the installed quantizer. Raises Unsupported."""
    try:
        from onnxruntime.quantization.neural_compressor.weight_only import gptq
    except ImportError as error:
        why = f"algorithm gptq of ONNX Runtime's quantizer cannot be had: {first_line(error)}"
        raise Unsupported(why) from error
    return gptq  # type: ignore[no-any-return]


def check_search(search: Search, who: str) -> None:
    """Raise Unsupported where the search rounds alike whatever it is calibrated on: it is no search then.

    Seen of ONNX Runtime 1.32: it spreads an error by a triangular matrix's other half, which is zero.
    """
    import numpy as np

    weight = np.random.default_rng(0).standard_normal((32, 8))
    apart, together = np.eye(32), np.full((32, 32), 0.9) + 0.1 * np.eye(32)  # inputs that vary so
    if np.array_equal(search(weight.copy(), apart), search(weight.copy(), together)):
        raise Unsupported(
            f"{who}: its calibration has no effect, it rounds to the nearest: use algorithm: rtn"
        )


def _computes_at(model: onnx.ModelProto, level: int) -> bool:
    """Return whether each product over 4 bits, if there is any, names `level` for its kernel."""
    products = [node for node in walk(model) if node.op_type == "MatMulNBits"]
    levels = [{item.name: item.i for item in node.attribute}.get("accuracy_level") for node in products]
    quantized = any(is_quantized(node.op_type) for node in walk(model))
    return not quantized or (bool(levels) and set(levels) == {level})


ZERO_POINTS = {"MatMulNBits": 3, "GatherBlockQuantized": 3, "DequantizeLinear": 2}
"""Operator -> which of its inputs holds the zero points."""


def _has_zero_points(model: onnx.ModelProto) -> bool:
    """Return whether any block has a zero point of its own."""
    return any(
        any(node.input[ZERO_POINTS[node.op_type] :][:1])
        for node in walk(model)
        if node.op_type in ZERO_POINTS
    )


def _without_leftovers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what nothing reads: of a QDQ file, the quantizer leaves the FP32 weights."""
    import onnx_ir
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    return onnx_ir.to_proto(RemoveUnusedNodesPass()(onnx_ir.from_proto(model)).model)


def _import_domain(model: onnx.ModelProto) -> None:
    """Name the domain of the products over 4 bits: not every algorithm does."""
    from onnx import helper

    used = {node.domain for node in walk(model)} - {item.domain for item in model.opset_import}
    if MICROSOFT in used:
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))


def _precision(*, symmetric: bool) -> Precision:
    return Precision(
        convert=partial(convert, symmetric=symmetric),
        reads_back="int4",
        defaults={
            "algorithm": "rtn",
            "block_size": 32,
            "accuracy_level": 0,
            "format": "qoperator",
            "op_types": [],
            "nodes_to_exclude": [],
        },
        choices={"algorithm": ("rtn", "k_quant", "hqq", "gptq"), "format": ("qoperator", "qdq")},
        packages=("onnx", "onnxruntime", "numpy"),
        calibrated_by={"algorithm": "gptq"},
    )


INT4 = _precision(symmetric=True)
UINT4 = _precision(symmetric=False)
