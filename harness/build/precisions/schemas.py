"""What operators take and give, by the schemas of ONNX and of ONNX Runtime's own domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.core.errors import Unsupported

if TYPE_CHECKING:
    import onnx_ir as ir

BF16 = "tensor(bfloat16)"
MICROSOFT = "com.microsoft"
_NAMES = {"float": "FLOAT", "double": "DOUBLE"}


@dataclass(frozen=True, slots=True)
class Schema:
    """The types of an operator: of each input and output a type, or the name of one that is constrained."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    allowed: Mapping[str, frozenset[str]] | None = None

    def takes_bf16(self, kind: str) -> bool:
        """Return whether a tensor of this type may be BF16."""
        return kind == BF16 or BF16 in (self.allowed or {}).get(kind, ())


class Schemas:
    """Schemas at the opsets of one model."""

    def __init__(self, opsets: Mapping[str, int]) -> None:
        self._opsets = {"" if domain == "ai.onnx" else domain: version for domain, version in opsets.items()}

    def of(self, node: ir.Node) -> Schema:
        """Return the schema of a node's operator; an empty one where nobody here has it."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        if domain == MICROSOFT:
            return _of_the_runtime().get(node.op_type, Schema())
        return _of_onnx(node.op_type, self._opsets.get(domain, 0), domain)

    def since(self, operator: str, oldest: int, newest: int) -> int:
        """Return the first opset in which an ONNX operator gives BF16; `oldest` where none of them does."""
        for opset in range(oldest, newest + 1):
            schema = _of_onnx(operator, opset, "")
            if schema.outputs and schema.takes_bf16(schema.outputs[0]):
                return opset
        return oldest

    def infer(self, node: ir.Node) -> None:
        """Give what a node makes the type that its schema binds it to, where shape inference gave none.

        Raises Unsupported where that is not known.
        """
        schema = self.of(node)
        pairs = zip(schema.inputs, node.inputs, strict=False)
        bound = {kind: value.dtype for kind, value in pairs if value is not None and value.dtype is not None}
        for index, value in enumerate(node.outputs):
            if not value.name or value.type is not None:
                continue
            kind = schema.outputs[min(index, len(schema.outputs) - 1)] if schema.outputs else ""
            value.dtype = bound.get(kind) or _element_type(kind)
            if value.dtype is None:
                by = f"{node.op_type} of {node.domain or 'ai.onnx'}"
                raise Unsupported(f"bf16: the type of {value.name!r}, which {by} makes, is not known")


def _element_type(kind: str) -> Any:
    import onnx_ir

    name = kind.removeprefix("tensor(").removesuffix(")")
    return onnx_ir.DataType[_NAMES.get(name, name.upper())] if kind.startswith("tensor(") else None


@cache
def _of_onnx(operator: str, opset: int, domain: str) -> Schema:
    from onnx import defs

    try:
        found = defs.get_schema(operator, opset, domain)
    except defs.SchemaError:
        return Schema()
    return Schema(
        tuple(item.type_str for item in found.inputs),
        tuple(item.type_str for item in found.outputs),
        _allowed(found.type_constraints),
    )


@cache
def _of_the_runtime() -> Mapping[str, Schema]:
    """Return the schemas of ONNX Runtime's own operators; none where it tells none."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    every: list[Any] = getattr(state, "get_all_operator_schema", list)()
    return {
        item.name: Schema(
            tuple(each.typeStr for each in item.inputs),
            tuple(each.typeStr for each in item.outputs),
            _allowed(item.type_constraints),
        )
        for item in every
        if item.domain == MICROSOFT
    }


def _allowed(constraints: Sequence[Any]) -> Mapping[str, frozenset[str]]:
    return {item.type_param_str: frozenset(item.allowed_type_strs) for item in constraints}
