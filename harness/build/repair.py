"""Mend what keeps converters from converting a model, and say what was mended.

ONNX Runtime runs many files that its own quantizer and FP16 converter stumble over.
A model as a user gave it is measured as it is; only what is converted is mended first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files

if TYPE_CHECKING:
    import onnx

Nodes = Iterable["onnx.NodeProto"]


@dataclass(frozen=True, slots=True)
class Repair:
    """One step: when it is needed, and the pass of onnx_ir that does it."""

    done: str  # what a record says of it
    needed: Callable[[onnx.ModelProto], bool]
    make: Callable[[], Any]


def weights_are_inputs(model: onnx.ModelProto) -> bool:
    """Return whether a weight is listed among the inputs too, so that it could be fed."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return any(item.name in constants for item in model.graph.input)


def weights_are_nodes(model: onnx.ModelProto) -> bool:
    """Return whether a weight is written as a Constant node, in the graph or in a function."""
    nodes = chain(model.graph.node, *(function.node for function in model.functions))
    return any(
        node.op_type == "Constant" and any(item.HasField("t") and item.t.dims for item in node.attribute)
        for node in nodes
    )


def has_functions(model: onnx.ModelProto) -> bool:
    """Return whether the model brings functions of its own, which converters do not enter."""
    return bool(model.functions)


def spells_the_domain_out(model: onnx.ModelProto) -> bool:
    """Return whether ONNX's own operators are said to be of ``ai.onnx``, which tools look up by no name."""
    domains = chain((item.domain for item in model.opset_import), (node.domain for node in model.graph.node))
    return "ai.onnx" in domains


BIASED = ("Conv", "ConvTranspose", "Gemm")
"""Operators whose third input is a bias."""


def shares_biases(model: onnx.ModelProto) -> bool:
    """Return whether several operators read one bias: a quantizer copies it, by names that may be taken."""
    constants = {tensor.name for tensor in model.graph.initializer}
    constants |= {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
    read = [name for node in model.graph.node if node.op_type in BIASED for name in node.input[2:3]]
    shared = [name for name in read if name in constants]
    return len(shared) > len(set(shared))


def is_unsorted(model: onnx.ModelProto) -> bool:
    """Return whether a node comes before one whose output it reads, in the graph or in a subgraph."""
    return not _is_sorted(model.graph, frozenset())


def _is_sorted(graph: onnx.GraphProto, outside: frozenset[str]) -> bool:
    made = {name for node in graph.node for name in node.output if name}
    known = set(outside) | {item.name for item in graph.input} | {item.name for item in graph.initializer}
    for node in graph.node:
        inner = [each for item in node.attribute for each in _graphs(item)]
        read = {*node.input, *(name for each in inner for name in _free(each))}
        if any(name in made and name not in known for name in read):
            return False
        if not all(_is_sorted(each, frozenset(known)) for each in inner):
            return False
        known |= set(node.output)
    return True


def _free(graph: onnx.GraphProto) -> set[str]:
    """Return the names that a subgraph reads from the graph around it."""
    own = {item.name for item in graph.input} | {item.name for item in graph.initializer}
    own |= {name for node in graph.node for name in node.output}
    read = {name for node in graph.node for name in node.input}
    read |= {item.name for item in graph.output}
    for node in graph.node:
        for item in node.attribute:
            read |= {name for each in _graphs(item) for name in _free(each)}
    return read - own


def _graphs(item: onnx.AttributeProto) -> Sequence[onnx.GraphProto]:
    return [*([item.g] if item.HasField("g") else []), *item.graphs]


def _inline() -> Any:
    from onnx_ir.passes import Sequential
    from onnx_ir.passes.common import InlinePass, RemoveUnusedOpsetsPass

    return Sequential(InlinePass(), RemoveUnusedOpsetsPass())


def _respell() -> Any:
    from onnx_ir.passes import InPlacePass, PassResult

    class Respell(InPlacePass):  # nodes are read without the domain's name already
        def call(self, model: Any) -> PassResult:
            imports = model.graph.opset_imports
            version = imports.pop("ai.onnx", None)
            if version is not None:
                imports.setdefault("", version)
            return PassResult(model, modified=version is not None)

    return Respell()


def _copy_biases() -> Any:
    import onnx_ir
    from onnx_ir.passes import InPlacePass, PassResult

    class CopyBiases(InPlacePass):
        def call(self, model: Any) -> PassResult:
            graph, seen = model.graph, set()
            for number, node in enumerate(graph):
                bias = node.inputs[2] if node.op_type in BIASED and len(node.inputs) > 2 else None
                if bias is None or bias.name not in graph.initializers:
                    continue
                if bias.name in seen:
                    name = f"{bias.name}/harness/{number}"
                    value = onnx_ir.Value(name=name, type=bias.type, shape=bias.shape)
                    value.const_value = bias.const_value
                    graph.initializers[name] = value
                    node.replace_input_with(2, value)
                seen.add(bias.name)
            return PassResult(model, modified=bool(seen))

    return CopyBiases()


def _take_out_of_inputs() -> Any:
    from onnx_ir.passes.common import RemoveInitializersFromInputsPass

    return RemoveInitializersFromInputsPass()


def _lift_constants() -> Any:
    from onnx_ir.passes.common import LiftConstantsToInitializersPass

    return LiftConstantsToInitializersPass(lift_all_constants=False)


def _sort() -> Any:
    from onnx_ir.passes.common import TopologicalSortPass

    return TopologicalSortPass()


SORT = Repair("nodes were sorted", is_unsorted, _sort)
COPY_BIASES = Repair("a bias of several operators was copied", shares_biases, _copy_biases)

WEIGHTS_IR = 4
"""The first IR version in which a weight need not be an input."""

REPAIRS = (
    Repair("the domain ai.onnx was written as the empty one", spells_the_domain_out, _respell),
    Repair("functions of the model were inlined", has_functions, _inline),
    Repair("weights were taken out of the inputs", weights_are_inputs, _take_out_of_inputs),
    Repair("Constant nodes became initializers", weights_are_nodes, _lift_constants),
    COPY_BIASES,
    SORT,
)
"""Before a conversion, in this order."""


def mend(path: Path, target: Path, repairs: Sequence[Repair] = REPAIRS) -> tuple[Path, tuple[str, ...]]:
    """Apply the repairs that the model at `path` needs; return the file to go on with, and what was done.

    Where none is needed it is `path` itself; else `target`, written anew.
    """
    model = files.parse(path)
    needed = [repair for repair in repairs if repair.needed(model)]
    if not needed:
        return path, ()
    import onnx_ir

    graph = onnx_ir.load(path)
    for repair in needed:
        graph = repair.make()(graph).model
    graph.ir_version = max(graph.ir_version or 0, WEIGHTS_IR)
    # weights outside the file would be looked for beside the new one
    outside = bool(files.external_files(model)) or files.is_large(path)
    onnx_ir.save(graph, target, external_data=f"{target.name}.data" if outside else None)
    return target, tuple(repair.done for repair in needed)


def keep_output_shapes(path: Path, source: Path) -> tuple[str, ...]:
    """Give the outputs of a converted model the shapes that its source declares; return what was done.

    A converter's shape inference may write others, wrong ones too, and such an output cannot be bound.
    """
    import onnx

    declared = {item.name: item.type.tensor_type for item in files.parse(source).graph.output}
    model, changed = files.parse(path), False
    for item in model.graph.output:
        known, found = declared.get(item.name), item.type.tensor_type
        if known is None or (
            known.HasField("shape") == found.HasField("shape") and known.shape == found.shape
        ):
            continue
        found.ClearField("shape")
        if known.HasField("shape"):
            found.shape.CopyFrom(known.shape)
        changed = True
    if changed:
        del model.graph.value_info[:]  # inferred in the same way; the runtime infers its own
        onnx.save(model, path)  # references to external data stay
    return ("outputs have the shapes that the source declares",) if changed else ()
