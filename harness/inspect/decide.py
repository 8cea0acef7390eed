"""Sum up the facts of a model file, and write the command that measures it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from harness.core.roles import unbound
from harness.core.vocabulary import KNOWN_DOMAINS
from harness.inspect.lint import lint
from harness.inspect.model import MOVES, Inspection, ModelFacts, Node, Weight
from harness.inspect.quantization import quantized_units

RELEASES = (
    ("1.15", 19, 9),
    ("1.17", 20, 9),
    ("1.18", 21, 10),
    ("1.21", 22, 10),
    ("1.23", 23, 11),
    ("1.24", 25, 13),
    ("1.25", 26, 13),
    ("1.32", 27, 14),
)
"""Minor release of ONNX Runtime, the newest opset and IR version that it loads; tried on 28 November 2026."""

FLOATS = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64"}

TYPED = {
    **dict.fromkeys(("Shape", "Size", "ArgMax", "ArgMin", "NonZero", "TopK"), "int64"),
    **dict.fromkeys(("Equal", "Greater", "Less", "And", "Or", "Not", "IsNaN", "IsInf"), "bool"),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), "int32"),
    "DynamicQuantizeLinear": "uint8",
}
"""Operators whose first output has a type of its own, whatever they read."""


def conclude(facts: ModelFacts, runtime: str | None = None, custom_ops: Sequence[str] = ()) -> Inspection:
    """Sum up `facts`.

    `runtime` is the version of ONNX Runtime that would run the model, `custom_ops` the libraries of
    custom operators that its session registers.
    """
    counted = Counter(node.name for node in facts.nodes)
    types = element_types(facts)
    return Inspection(
        facts=facts,
        oldest_runtime=oldest_runtime(facts),
        operators=dict(sorted(counted.items(), key=lambda item: (-item[1], item[0]))),
        weights=_weights(facts),
        computes=_computes(facts, types),
        subgraphs=sum(node.depth > 0 for node in facts.nodes),
        custom=_custom(facts),
        lint=lint(facts, types, runtime, newest_opset(runtime), custom_ops),
        open_sizes=open_sizes(facts),
        command=command(facts, custom_ops),
    )


def oldest_runtime(facts: ModelFacts) -> str:
    """Return the oldest release tried that takes opset and IR version; empty where none does."""
    return next((v for v, opset, ir in RELEASES if opset >= facts.opset and ir >= facts.ir_version), "")


def newest_opset(runtime: str | None) -> int | None:
    """Return the newest opset that the release `runtime` takes; None where that is not known."""
    if runtime is None:
        return None
    wanted = _minor(runtime)
    known = [opset for version, opset, _ in RELEASES if _minor(version) <= wanted]
    return known[-1] if known else None


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def all_weights(facts: ModelFacts) -> Iterator[Weight]:
    """Yield every constant: initializers, and those that nodes carry."""
    yield from facts.weights
    for node in facts.nodes:
        yield from (value for value in node.attributes.values() if isinstance(value, Weight))


def _weights(facts: ModelFacts) -> dict[str, tuple[int, int, int]]:
    found: dict[str, tuple[int, int, int]] = {}
    for weight in all_weights(facts):
        tensors, elements, size = found.get(weight.dtype, (0, 0, 0))
        count = math.prod(weight.dims)
        found[weight.dtype] = tensors + 1, elements + count, size + weight.size_bytes
    return dict(sorted(found.items(), key=lambda item: -item[1][2]))


def element_types(facts: ModelFacts) -> dict[str, str]:
    """Follow the element type of every tensor through the nodes; what is unknown is left out."""
    types = {weight.name: weight.dtype for weight in facts.weights}
    types |= {value.name: value.dtype for value in facts.inputs if value.dtype}
    for node in facts.nodes:
        made = _made(node, types)
        for number, output in enumerate(node.outputs):
            if output and made:
                types[output] = "int64" if node.op_type == "TopK" and number else made
    return types


def _made(node: Node, types: Mapping[str, str]) -> str | None:
    """Return the element type of a node's first output."""
    if node.op_type == "Cast":
        return _CAST.get(node.attributes.get("to", 0))
    if node.op_type in TYPED:
        return types.get(node.inputs[0]) if node.op_type == "TopK" else TYPED[node.op_type]
    if node.op_type in ("Constant", "ConstantOfShape"):
        value = next((item for item in node.attributes.values() if isinstance(item, Weight)), None)
        return value.dtype if value else "float32" if "value_float" in node.attributes else "int64"
    by = {"DequantizeLinear": 1, "QuantizeLinear": 2, "Gather": 0, "Where": 1}.get(node.op_type, 0)
    if by < len(node.inputs):
        return types.get(node.inputs[by])
    return "uint8" if node.op_type == "QuantizeLinear" else None


_CAST = {
    1: "float32",
    2: "uint8",
    3: "int8",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    16: "bfloat16",
}
"""ONNX's numbers of the element types that Cast makes."""


def _computes(facts: ModelFacts, types: Mapping[str, str]) -> dict[str, int]:
    """Count the operators that compute, by the type that they compute on."""
    found: Counter[str] = Counter()
    quantized = {id(node) for node in quantized_units(facts.nodes)}
    for node in facts.nodes:
        if id(node) in quantized:
            found["int8 by Q/DQ"] += 1
        elif node.op_type in MOVES or node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            continue
        elif node.op_type.startswith("QLinear") or node.op_type.endswith("Integer"):
            found["int8"] += 1
        elif node.op_type == "MatMulNBits":
            found[f"int{node.attributes.get('bits', 4)} weights"] += 1
        else:
            read = [types[name] for name in node.inputs if name in types]
            floats = [FLOATS[dtype] for dtype in read if dtype in FLOATS]
            found[next(iter([*floats, *read]), "unknown")] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _custom(facts: ModelFacts) -> dict[str, int]:
    own = set(facts.functions)
    return dict(
        Counter(
            node.name for node in facts.nodes if node.domain not in KNOWN_DOMAINS and node.name not in own
        )
    )


def open_sizes(facts: ModelFacts) -> tuple[str, ...]:
    """Return the dimensions that a sweep has to assume, as ``--shape`` takes them."""
    shapes = {value.name: value.dims or () for value in facts.inputs}
    dtypes = {value.name: value.dtype for value in facts.inputs}
    found = unbound(shapes, dtypes)
    # The axis batch drives the first one.
    tensors = [value for value in facts.inputs if value.kind == "tensor"]
    shapeless = [value.name for value in tensors if value.dims is None]
    named = [item.name for item in found if not (item.role == "batch" and item.places[0][1] == 0)]
    return (*shapeless, *named)


def command(facts: ModelFacts, custom_ops: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command line that measures the model.

    It binds no size: a sweep finds by running the model which ones it takes.
    """
    path = f"./{facts.path}" if facts.path.startswith("-") else facts.path
    words = ["harness", "sweep", path]
    for library in custom_ops or (["LIBRARY"] if _custom(facts) else []):
        words += ["--custom-ops", library]
    words += ["--graph-opt", "disable,all"]
    return tuple(words)
