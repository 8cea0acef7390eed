"""Count the floating-point operations and compulsory bytes of a node from the shapes that it read and made.

A multiplication with its addition is two operations. Compulsory bytes are inputs and outputs, each once: what
has to move where every cache is perfect. An operator without a formula has no count, and a reason; never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.profile.model import Kernel, Work
from harness.profile.operation import Operation, Uncounted, size_bytes

Count = Callable[[Operation], float]


def _per_output(count: float) -> Count:
    return lambda node: count * node.made().elements


def _per_input(count: float) -> Count:
    return lambda node: count * node.read(0).elements


def _nothing(node: Operation) -> float:
    return 0.0


def _conv(weight: int) -> Count:
    """Two for each output and weight of its filter: the filter is [outputs, inputs / group, *kernel]."""
    return lambda node: 2.0 * node.made().elements * math.prod(node.read(weight).dims[1:])


def _conv_transpose(node: Operation) -> float:
    """Every input meets its whole filter: [inputs, outputs / group, *kernel]."""
    return 2.0 * node.read(0).elements * math.prod(node.read(1).dims[1:])


def _matmul(left: int = 0) -> Count:
    """Two for each output and each element of the common dimension, transposed or not."""

    def count(node: Operation) -> float:
        dims = node.read(left).dims
        if not dims:
            raise Uncounted("its first matrix has no dimension")
        common = dims[-2] if node.attributes.get("transA") and len(dims) > 1 else dims[-1]
        if node.domain is None:  # without its graph: a profile leaves out weights that are packed
            other = node.read(left + 1)
            if common not in other.dims:
                raise Uncounted("the shape of its weights is not known")
        return 2.0 * node.made().elements * common

    return count


def _nbits(node: Operation) -> float:
    return 2.0 * node.read(0).elements * node.number("N")


def _einsum(node: Operation) -> float:
    equation = node.attributes.get("equation")
    terms = str(equation or "").replace(" ", "").split("->")[0].split(",")
    if not equation or "." in str(equation) or len(terms) != 2:
        raise Uncounted("only an equation of two terms without an ellipsis is counted")
    sizes = {
        letter: size
        for number, term in enumerate(terms)
        for letter, size in zip(term, node.read(number).dims, strict=False)
    }
    return 2.0 * math.prod(sizes.values())


def _attention(node: Operation) -> float:
    """Projection and both products of com.microsoft.Attention and QAttention; of ONNX's own, the products."""
    if node.domain is None:
        raise Uncounted("the domain of its operator is not known")
    if node.domain == "com.microsoft":
        batch, length, width = node.read(0).dims
        columns = node.read(1).dims[-1]
        made = node.made().dims[-1]
        keys = node.optional(8 if node.op == "QAttention" else 4)
        total = length + (keys.dims[-2] if keys else 0)
        inner = (columns - made) / 2
        return 2.0 * batch * length * (width * columns + total * (inner + made))
    query, key = node.read(0), node.read(1)
    past = node.optional(4)
    total = key.dims[-2] + (past.dims[-2] if past else 0)
    return 2.0 * total * (query.elements + node.made().elements)


def _multi_head(node: Operation) -> float:
    """The two products of com.microsoft.MultiHeadAttention."""
    query, key, past = node.read(0), node.optional(1), node.optional(6)
    if len(query.dims) == 5:  # packed: [batch, length, heads, 3, size]
        total, elements = query.dims[1], query.elements / 3
    else:
        if key is None:
            raise Uncounted("the shape of its keys is not known")
        # [batch, length, width], [batch, heads, length, size] or, packed, [batch, length, heads, 2, size]
        total, elements = key.dims[2] if len(key.dims) == 4 else key.dims[1], float(query.elements)
    return 2.0 * (total + (past.dims[2] if past else 0)) * (elements + node.made().elements)


def _grouped(node: Operation) -> float:
    """The two products of com.microsoft.GroupQueryAttention, every key counted, masked ones too."""
    made, past = node.made(), node.optional(3)
    keys = node.made(1).dims[2]
    if past is not None and past.dims[2] == keys:
        raise Uncounted("past and present share one buffer: how much of it is used is a value, not a shape")
    return 4.0 * keys * made.elements


def _recurrent(gates: int) -> Count:
    """Two for each gate's weights, in each step: W is [directions, gates x hidden, inputs], R likewise."""

    def count(node: Operation) -> float:
        steps = node.read(0).dims[1 if node.attributes.get("layout") else 0]
        batch = node.read(0).dims[0 if node.attributes.get("layout") else 1]
        hidden = node.number("hidden_size")
        directions = 2 if node.attributes.get("direction") == "bidirectional" else 1
        inputs = node.read(0).dims[2]
        return 2.0 * steps * batch * directions * gates * hidden * (inputs + hidden)

    return count


def _pool(node: Operation) -> float:
    shape = node.attributes.get("kernel_shape")
    if not shape:
        raise Uncounted("its attribute kernel_shape is not known")
    return float(node.made().elements * math.prod(shape))


def _resize(node: Operation) -> float:
    """Of linear interpolation two for each output and corner; nothing of the nearest one."""
    if str(node.attributes.get("mode", "nearest")) == "nearest":
        return 0.0
    read, made = node.read(0).dims, node.made().dims
    corners = math.prod(2 for a, b in zip(read, made, strict=True) if a != b)
    return 2.0 * node.made().elements * corners


Bytes = Callable[[Operation], int]


def _once(node: Operation) -> int:
    """Inputs and outputs, each once."""
    if node.unknown:
        raise Uncounted(f"the shape of its input {node.unknown[0]} is not known")
    return sum(size_bytes(tensor) for tensor in (*node.inputs, *node.outputs) if tensor is not None)


def _picked(node: Operation) -> int:
    """What it returns, read and written, and its indices: the rest of the first input is not touched."""
    made = sum(size_bytes(tensor) for tensor in node.outputs if tensor is not None)
    return 2 * made + sum(size_bytes(tensor) for tensor in node.inputs[1:] if tensor is not None)


def _written(node: Operation) -> int:
    """What it returns."""
    return sum(size_bytes(tensor) for tensor in node.outputs if tensor is not None)


def _no_bytes(node: Operation) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Formula:
    """How the work of some operators is counted; `flops` and `moved` say it in the docs."""

    operators: tuple[str, ...]
    flops: str
    count: Count | None  # None: it cannot be counted, and `flops` says why
    moved: str = "inputs + outputs"
    measure: Bytes = _once


FORMULAS = (
    Formula(("Conv", "FusedConv", "NhwcFusedConv", "ConvInteger"), "2 × outputs × filter", _conv(1)),
    Formula(("QLinearConv",), "2 × outputs × filter", _conv(3)),
    Formula(("ConvTranspose", "ConvTransposeWithDynamicPads"), "2 × inputs × filter", _conv_transpose),
    Formula(
        ("MatMul", "FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", "Gemm", "FusedGemm",
         "MatMulInteger", "MatMulIntegerToFloat", "MatMulInteger16", "DynamicQuantizeMatMul", "QGemm",
         "QLinearMatMul", "GemmFloat8"),
        "2 × outputs × common dimension", _matmul(),
    ),
    Formula(("MatMulNBits", "MatMulBnb4"), "2 × inputs × N", _nbits),
    Formula(("Einsum",), "2 × product of all sizes, of two terms", _einsum),
    Formula(
        ("Attention", "QAttention"),
        "projection (where it has one) + 2 × queries × keys × (size of keys + size of values)", _attention,
    ),
    Formula(
        ("MultiHeadAttention",), "2 × queries × keys × (size of keys + size of values)", _multi_head,
    ),
    Formula(
        ("GroupQueryAttention",), "4 × queries × keys × size, unless past and present share a buffer",
        _grouped,
    ),
    Formula(("LSTM", "DynamicQuantizeLSTM"), "2 × steps × batch × 4 gates × hidden × (inputs + hidden)",
            _recurrent(4)),
    Formula(("GRU",), "2 × steps × batch × 3 gates × hidden × (inputs + hidden)", _recurrent(3)),
    Formula(("RNN",), "2 × steps × batch × hidden × (inputs + hidden)", _recurrent(1)),
    Formula(
        ("LayerNormalization", "GroupNorm", "GroupNormalization", "InstanceNormalization",
         "MeanVarianceNormalization"),
        "7 an element", _per_input(7),
    ),
    Formula(("SkipLayerNormalization", "SkipGroupNorm"), "8 an element", _per_input(8)),
    Formula(("EmbedLayerNormalization",), "9 an element", _per_output(9), "picked + outputs", _picked),
    Formula(("RMSNormalization", "SimplifiedLayerNormalization", "LpNormalization"), "4 an element",
            _per_input(4)),
    Formula(("SkipSimplifiedLayerNormalization",), "5 an element", _per_input(5)),
    Formula(("BatchNormalization",), "2 an element", _per_input(2)),
    Formula(("LRN",), "2 + size an element",
            lambda node: (2.0 + node.attributes.get("size", 5)) * node.read(0).elements),
    Formula(("Softmax", "LogSoftmax", "QLinearSoftmax", "BiasSoftmax"), "5 an element", _per_input(5)),
    Formula(
        ("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Mean", "Sum", "PRelu", "Abs", "Neg", "Sqrt",
         "Reciprocal", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Tanh",
         "Asinh", "Acosh", "Atanh", "Erf", "Sign", "Floor", "Ceil", "Round", "Relu", "LeakyRelu",
         "ThresholdedRelu", "Clip", "Sigmoid", "HardSigmoid", "Softplus", "Softsign", "Elu", "Selu", "Celu",
         "Shrink", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not",
         "Where", "IsNaN", "IsInf", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot",
         "CumSum", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearWhere"),
        "1 an output", _per_output(1),
    ),
    Formula(("QuickGelu", "HardSwish", "Swish", "Mish"), "2 an output", _per_output(2)),
    Formula(("Gelu", "FastGelu"), "8 an output", _per_output(8)),
    Formula(("BiasGelu",), "9 an output", _per_output(9)),
    Formula(("BiasAdd",), "2 an output", _per_output(2)),
    Formula(("RotaryEmbedding",), "3 an output", _per_output(3)),
    Formula(("QuantizeLinear", "DequantizeLinear"), "2 an output", _per_output(2)),
    Formula(("DynamicQuantizeLinear",), "4 an input", _per_input(4)),
    Formula(
        ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "GlobalAveragePool",
         "GlobalMaxPool", "ArgMax", "ArgMin", "TopK", "QLinearReduceMean", "QLinearGlobalAveragePool"),
        "1 an input", _per_input(1),
    ),
    Formula(("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum"), "2 an input", _per_input(2)),
    Formula(("ReduceLogSumExp", "GlobalLpPool"), "3 an input", _per_input(3)),
    Formula(("MaxPool", "AveragePool", "NhwcMaxPool", "QLinearAveragePool"), "outputs × window", _pool),
    Formula(("LpPool",), "2 × outputs × window", lambda node: 2 * _pool(node)),
    Formula(("Resize", "Upsample"), "linear: 2 × outputs × corners; nearest: 0", _resize),
    Formula(
        ("Transpose", "Concat", "QLinearConcat", "Cast", "CastLike", "Pad", "DepthToSpace", "SpaceToDepth",
         "ReorderInput", "ReorderOutput", "ScatterElements", "ScatterND", "Trilu", "ReverseSequence",
         "MemcpyFromHost", "MemcpyToHost", "NonZero"),
        "0", _nothing,
    ),
    Formula(("Gather", "GatherElements", "GatherND", "Slice", "Split", "GatherBlockQuantized", "Compress"),
            "0", _nothing, "picked + outputs", _picked),
    Formula(("Expand", "Tile", "ConstantOfShape", "Range", "EyeLike", "OneHot", "Constant"), "0", _nothing,
            "outputs", _written),
    Formula(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Shape", "Size", "Dropout"), "0",
            _nothing, "none", _no_bytes),
    Formula(("If", "Loop", "Scan"), "0: what ran inside is counted by itself", _nothing, "none", _no_bytes),
    Formula(("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"),
            "not counted: the path through a tree depends on the values", None, "not counted"),
)  # fmt: skip
"""All operators that have a formula, and those that cannot have one."""

_BY_OPERATOR = {operator: formula for formula in FORMULAS for operator in formula.operators}

MOVES = frozenset(
    operator
    for formula in FORMULAS
    if formula.count is _nothing and formula.measure is not _no_bytes
    for operator in formula.operators
)
"""Operators that compute nothing and move bytes."""

PRODUCTS = frozenset(
    operator
    for formula in FORMULAS[
        : next(at for at, row in enumerate(FORMULAS) if "LayerNormalization" in row.operators)
    ]
    for operator in formula.operators
)
"""Operators whose work is products of matrices."""


def work(node: Operation) -> Work:
    """Count one execution of `node`."""
    formula = _BY_OPERATOR.get(node.op)
    if formula is None:
        return Work(None, None, reason=f"{node.op} has no formula")
    if formula.count is None:
        return Work(None, None, reason=formula.flops.removeprefix("not counted: "))
    try:
        return Work(float(formula.count(node)), formula.measure(node), kernel(node))
    except Uncounted as error:
        return Work(None, None, reason=str(error))
    except (ValueError, IndexError, TypeError):  # shapes of another rank than the formula knows
        return Work(None, None, reason=f"{node.op} has shapes of a form that the formula does not know")


def kernel(node: Operation) -> Kernel | None:
    """Return the type in which a node computes; None where there is no roof of that type."""
    if node.op in ("MatMulNBits", "MatMulBnb4") and node.attributes.get("accuracy_level") == 4:
        return Kernel.INT8
    integer = node.op.startswith("QLinear") or "Integer" in node.op
    if integer or node.op in ("QGemm", "QAttention", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"):
        return Kernel.INT8
    types = [tensor.dtype for tensor in (*node.inputs, *node.outputs) if tensor is not None]
    if "float" in types:
        return Kernel.FP32
    if "float16" in types:
        return Kernel.FP16
    return Kernel.INT8 if {"int8", "uint8"} & set(types) and "double" not in types else None


def table() -> str:
    """Return all formulas as the table of docs/profile.md."""
    head = "| operators | FLOP | bytes |\n|---|---|---|\n"
    return head + "\n".join(
        f"| {', '.join(formula.operators)} | {formula.flops} | {formula.moved} |" for formula in FORMULAS
    )
