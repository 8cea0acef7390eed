"""BF16 by onnx_ir: weights and activations where the operator's schema has the type, casts around the rest.

Inputs and outputs stay FP32, so that a model and its reference are fed and compared alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.opset import raise_opset
from harness.build.precisions import Precision
from harness.build.precisions.schemas import Schema, Schemas
from harness.build.precisions.targets import check_nodes, check_operators
from harness.core.errors import Unsupported
from harness.core.feeds import Rows
from harness.core.vocabulary import RANDOM

if TYPE_CHECKING:
    import onnx_ir as ir

OLDEST, NEWEST = 13, 22
"""Opsets between which a model is raised so far that its operators take BF16: it came to most with 13,
to convolutions and pools with 22. What takes it later still stays FP32."""

NAMES_ITS_TYPE = RANDOM | {"Constant", "EyeLike", "MelWeightMatrix"}
"""Operators that name the type of what they give, or take an example's: they stay FP32."""


def convert(base: Path, target: Path, options: Mapping[str, Any], feeds: Sequence[Rows]) -> Mapping[str, Any]:
    """Convert weights and activations to BF16, but for what is excluded and what has no such type.

    Raises Unsupported where the type of a tensor is not known, or a sequence holds FP32.
    """
    named = files.parse(base)
    check_nodes(named, options["nodes_to_exclude"])
    check_operators(named, "op_types_to_exclude", options["op_types_to_exclude"], ())
    excluded = {"nodes": options["nodes_to_exclude"], "operators": options["op_types_to_exclude"]}
    model = _Model(_load(base), excluded)
    raised = raise_opset(base, target.with_name("raised.onnx"), model.least_opset())
    if raised != base:
        model = _Model(_load(raised), excluded)
    model.convert()
    import onnx_ir
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    large = files.is_large(base)
    narrow = RemoveUnusedNodesPass()(model.model).model  # weights that are read as BF16 alone
    onnx_ir.save(narrow, target, external_data=f"{target.name}.data" if large else None)
    return {"by": "onnx_ir", "stays_fp32": dict(sorted(model.stays.items()))}


def _load(path: Path) -> ir.Model:
    """Read a model, its functions inlined, constants made weights, types inferred."""
    import onnx_ir
    from onnx_ir.passes import common

    model = onnx_ir.load(path)
    steps = [
        *([common.InlinePass()] if model.functions else []),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=False),
    ]
    for step in steps:
        model = step(model).model
    return model


class _Model:
    """A model on its way to BF16: which type each of its FP32 tensors gets, and both where both are read."""

    def __init__(self, model: ir.Model, excluded: Mapping[str, Sequence[str]]) -> None:
        import onnx_ir

        self.model = model
        self.stays: Counter[str] = Counter()
        self._excluded = excluded
        self._wide, self._half = onnx_ir.DataType.FLOAT, onnx_ir.DataType.BFLOAT16
        self._schemas = Schemas(model.opset_imports)
        self._nodes: list[Any] = list(onnx_ir.traversal.RecursiveGraphIterator(model.graph))
        self._bodies: list[tuple[Any, Any]] = []  # of control flow, with the type of what they take and give
        self._native: dict[Any, Any] = {}  # FP32 tensor -> the type in which it is made
        self._copies: dict[tuple[Any, Any], Any] = {}  # (tensor, type) -> the tensor in that type
        for node in self._nodes:
            self._schemas.infer(node)
        self._refuse_sequences()

    def least_opset(self) -> int:
        """Return the oldest opset, from this one on, in which most operators take BF16."""
        own = {node.op_type for node in self._nodes if any(map(self._is_wide, node.outputs))}
        return max(
            (self._schemas.since(name, OLDEST, NEWEST) for name in own - NAMES_ITS_TYPE), default=OLDEST
        )

    def convert(self) -> None:
        """Give every FP32 tensor its type, and casts between the two."""
        self._native |= {value: self._wide for value in self.model.graph.inputs if self._is_wide(value)}
        wanted = [(node, self._decide(node)) for node in self._nodes]
        for node, inputs in wanted:
            for index, kind in enumerate(inputs):
                if kind is not None:
                    node.replace_input_with(index, self._as(node.inputs[index], kind))
        for graph, kind in self._bodies:
            for index, value in enumerate(graph.outputs):
                if value in self._native or value.is_initializer():
                    graph.outputs[index] = self._as(value, kind) if self._is_wide(value) else value
        for value, kind in self._native.items():
            value.dtype = kind
        self._keep_outputs()

    def _is_wide(self, value: ir.Value | None) -> bool:
        import onnx_ir

        if value is None or isinstance(value.type, onnx_ir.SequenceType | onnx_ir.OptionalType):
            return False
        stored = value.const_value.dtype if value.const_value is not None else None
        return (value.dtype or stored) == self._wide

    def _refuse_sequences(self) -> None:
        """Raise Unsupported for what holds FP32 and is no tensor."""
        import onnx_ir

        for node in self._nodes:
            for value in node.outputs:
                kind = value.type
                if isinstance(kind, onnx_ir.SequenceType | onnx_ir.OptionalType) and kind.dtype == self._wide:
                    raise Unsupported(f"bf16: {value.name!r} is a sequence of FP32, which is not converted")

    def _decide(self, node: ir.Node) -> list[Any]:
        """Choose the types of what a node makes; return those of what it reads, None for what is not FP32."""
        schema = self._schemas.of(node)
        inputs, outputs = (
            [
                self._kind(node, schema, types, index) if self._is_wide(value) else None
                for index, value in enumerate(values)
            ]
            for types, values in ((schema.inputs, node.inputs), (schema.outputs, node.outputs))
        )
        if node.op_type == "LayerNormalization":  # statistics have the type that they are computed in
            outputs[1:] = [kind and self._wide for kind in outputs[1:]]
        self._native |= {value: kind for value, kind in zip(node.outputs, outputs, strict=True) if kind}
        for graph in _graphs(node):  # takes and gives what the node does
            kind = self._kind(node, schema, schema.outputs, 0)
            self._bodies.append((graph, kind))
            self._native |= {value: kind for value in graph.inputs if self._is_wide(value)}
        if self._wide in outputs[:1]:
            self.stays[node.op_type] += 1
        if self._half in outputs:
            self._rename_type(node)
        return inputs

    def _kind(self, node: ir.Node, schema: Schema, types: Sequence[str], index: int) -> Any:
        excluded = node.op_type in self._excluded["operators"] or node.name in self._excluded["nodes"]
        if excluded or node.op_type in NAMES_ITS_TYPE or not types:
            return self._wide
        return self._half if schema.takes_bf16(types[min(index, len(types) - 1)]) else self._wide

    def _rename_type(self, node: ir.Node) -> None:
        """Let a node that names the type of what it gives name BF16."""
        import numpy as np
        import onnx_ir

        if node.op_type == "Cast":
            node.attributes["to"] = onnx_ir.AttrInt64("to", self._half.value)
        elif node.op_type == "ConstantOfShape":
            held = node.attributes.get("value")
            array = held.as_tensor().numpy() if held else np.zeros(1)
            made = onnx_ir.tensor(array.astype(self._half.numpy()))
            node.attributes["value"] = onnx_ir.AttrTensor("value", made)

    def _as(self, value: Any, kind: Any) -> Any:
        """Return a tensor in a type: itself, a weight stored so, or a cast behind where it is made."""
        import onnx_ir

        if value.is_initializer() and value.const_value is not None:
            if kind == self._wide or (value, kind) in self._copies:
                return self._copies.get((value, kind), value)
            stored = onnx_ir.tensor(value.const_value.numpy().astype(kind.numpy()))
            made = onnx_ir.Value(
                name=f"{value.name}_{kind.name.lower()}",
                shape=value.shape,
                type=onnx_ir.TensorType(kind),
                const_value=stored,
            )
            value.graph.register_initializer(made)
            self._copies[value, kind] = made
            return made
        if self._native.get(value, self._wide) == kind:
            return value
        if (value, kind) not in self._copies:
            self._copies[value, kind] = self._cast(value, kind, f"{value.name}_{kind.name.lower()}")
        return self._copies[value, kind]

    def _cast(self, value: Any, kind: Any, name: str) -> Any:
        import onnx_ir

        made = onnx_ir.Value(name=name, shape=value.shape, type=onnx_ir.TensorType(kind))
        to = onnx_ir.AttrInt64("to", kind.value)
        cast = onnx_ir.Node("", "Cast", [value], [to], outputs=[made], name=f"{name}_cast")
        producer, graph = value.producer(), value.graph
        if producer is not None:
            producer.graph.insert_after(producer, cast)
        elif len(graph):
            graph.insert_before(graph[0], cast)
        else:
            graph.append(cast)
        return made

    def _keep_outputs(self) -> None:
        """Give the outputs of the model the type and the names that they had."""
        graph = self.model.graph
        for index, value in enumerate(list(graph.outputs)):
            if self._native.get(value) == self._half:
                name = str(value.name)
                value.name = f"{name}_{self._half.name.lower()}"
                graph.outputs[index] = self._cast(value, self._wide, name)


def _graphs(node: ir.Node) -> list[Any]:
    """Return the bodies of a node of control flow."""
    found: list[Any] = []
    for attribute in node.attributes.values():
        match attribute.type.name:
            case "GRAPH":
                found.append(attribute.as_graph())
            case "GRAPHS":
                found += attribute.as_graphs()
    return found


BF16 = Precision(
    convert=convert,
    reads_back="bf16",
    defaults={"nodes_to_exclude": [], "op_types_to_exclude": []},
    choices={},
    packages=("onnx", "onnx_ir", "onnxruntime", "numpy"),
)
