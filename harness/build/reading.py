"""Read back from a model file what it truly is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.classes import class_axes
from harness.build.computing import computing_types
from harness.build.contents import contents
from harness.build.draws import training
from harness.build.hints import hints
from harness.build.weighted import Decided, decided
from harness.core.errors import Unsupported
from harness.core.inputs import Input
from harness.core.vocabulary import KNOWN_DOMAINS, is_quantized

if TYPE_CHECKING:
    import onnx

FLOATS = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model file holds."""

    opset: int
    precision: str
    operators: Mapping[str, int]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    classes: Mapping[str, int] = field(default_factory=dict)  # output -> axis of its classes
    holds: Mapping[str, str] = field(default_factory=dict)  # output -> what its numbers are, against its type
    custom_domains: tuple[str, ...] = ()  # of operators that ONNX Runtime does not bring
    training: bool = False  # a Dropout of it drops


def read_onnx(path: Path) -> Reading:
    """Read a file, external data left alone.

    Raises Unsupported for inputs that are no tensors, Failed where it is no ONNX file.
    """
    return read_model(files.parse(path))


def read_model(model: onnx.ModelProto) -> Reading:
    """Read a model in memory. Raises Unsupported for inputs that are no tensors."""
    nodes = list(walk(model))
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    sizes = decided(model)
    return Reading(
        opset=opset_of(model),
        precision=classify(
            (node.op_type for node in nodes), {**_elements(model, nodes), **computing_types(model, nodes)}
        ),
        operators=dict(sorted(Counter(node.op_type for node in nodes).items())),
        inputs=hints([_read_input(value, sizes.get(value.name, Decided())) for value in inputs], model),
        outputs=tuple(value.name for value in model.graph.output),
        classes=class_axes(model),
        holds=contents(model, nodes),
        custom_domains=custom_domains(model, nodes),
        training=bool(training(model)),
    )


def custom_domains(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> tuple[str, ...]:
    """Return the domains of operators that neither ONNX Runtime nor the model itself brings, sorted."""
    own = {(function.domain, function.name) for function in model.functions}
    return tuple(
        sorted(
            {
                node.domain
                for node in nodes
                if node.domain not in KNOWN_DOMAINS and (node.domain, node.op_type) not in own
            }
        )
    )


def output_kinds(path: Path) -> tuple[str, ...]:
    """Return what each output of a file is: "tensor", "sequence", "map", "optional"; "tensor" if untold."""
    return kinds_of(files.parse(path))


def kinds_of(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return what each output of a model is, as `output_kinds` does."""
    graph = model.graph
    kinds = (str(value.type.WhichOneof("value") or "tensor_type") for value in graph.output)
    return tuple(kind.removesuffix("_type") for kind in kinds)


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the ONNX operator set that `model` imports; 0 where it imports none."""
    return max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)


def walk(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield every node: of the graph, of its subgraphs and of the model's own functions."""
    yield from _walk_nodes(model.graph.node)
    for function in model.functions:
        yield from _walk_nodes(function.node)


def _walk_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _walk_nodes(graph.node)


def classify(op_types: Iterable[str], elements: Mapping[str, int]) -> str:
    """Name a precision by the operators of a file and the number of constants of each element type.

    A file is intN only where a quantized operator is there too, and then of its
    fewest bits (MatMulNBits packs its 4 bits into uint8); else it is of the
    floating-point type that most of its constants have where operators read them.
    """
    if any(is_quantized(op_type) for op_type in op_types):
        names = (name for name in ("int4", "int8", "int16") if name in elements or f"u{name}" in elements)
        return next(names, "int8")  # what is quantized to where no zero point says otherwise
    floats = {name: count for name, count in elements.items() if name in FLOATS}
    return FLOATS[max(floats, key=floats.__getitem__)] if floats else "fp32"


def _elements(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> Counter[str]:
    """Count the elements of all constants by type; a type that Cast makes on the way is there as well."""
    tensors = list(model.graph.initializer)
    elements: Counter[str] = Counter()
    for node in nodes:
        for attribute in node.attribute:
            tensors += [*attribute.g.initializer, *attribute.tensors]
            tensors += [attribute.t] if attribute.HasField("t") else []
            if node.op_type == "Cast" and attribute.name == "to":
                elements[type_name(attribute.i)] += 0
            if node.op_type == "MatMulNBits" and attribute.name == "bits":
                elements[f"int{attribute.i}"] += 1
    for tensor in tensors:
        elements[type_name(tensor.data_type)] += math.prod(tensor.dims)
    return elements


def type_name(elem_type: int) -> str:
    """Return numpy's name of an ONNX element type, "object" for strings."""
    from onnx import helper

    try:
        return str(helper.tensor_dtype_to_np_dtype(elem_type).name)
    except KeyError:
        return "undefined"


def _read_input(value: onnx.ValueInfoProto, by_weights: Decided) -> Input:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise Unsupported(
            f"input {value.name!r} is of type {str(kind).removesuffix('_type')}; only tensors are fed"
        )
    tensor = value.type.tensor_type
    item, sizes = Input(value.name, type_name(tensor.elem_type), ()), by_weights.sizes
    if tensor.HasField("shape"):
        item = replace(item, shape=tuple(_read_dimension(dimension) for dimension in tensor.shape.dim))
        sizes = {axis: size for axis, size in sizes.items() if _is_open(item.shape, axis)}
    elif by_weights.rank:
        item = replace(item, shape=(None,) * by_weights.rank)
    else:
        item = replace(item, unranked=True)
    return replace(item, weighted=tuple(sizes.items()))


def _is_open(shape: Sequence[int | str | None], axis: int) -> bool:
    """Return whether an axis behind the first has no size in the file."""
    place = axis % len(shape) if -len(shape) <= axis < len(shape) else 0
    return place > 0 and not (isinstance(size := shape[place], int) and size > 0)


def _read_dimension(dimension: Any) -> int | str | None:
    match dimension.WhichOneof("value"):
        case "dim_value":
            return int(dimension.dim_value)
        case "dim_param":
            return str(dimension.dim_param) or None
        case _:
            return None
