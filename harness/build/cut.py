"""Cut a graph at its tensors: take out what lies between some of them, or show more of them as outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.core.errors import Failed
from harness.core.registry import closest

if TYPE_CHECKING:
    import onnx


def part(model: onnx.ModelProto, wanted: Mapping[str, Sequence[str]]) -> onnx.ModelProto:
    """Return what lies between the ``inputs`` and ``outputs`` of `wanted`, by default the graph's own.

    Types of tensors are inferred where the file does not give them. Raises as `cut`.
    """
    from onnx import shape_inference

    weights = {item.name for item in model.graph.initializer}
    own = [item.name for item in model.graph.input if item.name not in weights]
    outputs = wanted.get("outputs") or [item.name for item in model.graph.output]
    inputs = wanted.get("inputs") or own
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # of a graph that it cannot follow, what the file says must do
        inferred = model.graph
    types = {item.name: item for item in (*inferred.value_info, *inferred.output)}
    made = cut(model, inputs, outputs, types)
    for item in (*made.graph.input, *made.graph.output):
        for size in item.type.tensor_type.shape.dim:
            if size.dim_param.startswith("unk__"):  # inference's own names mean nothing to people
                size.ClearField("dim_param")
    unused = [name for name in wanted.get("inputs", ()) if name not in {i.name for i in made.graph.input}]
    if unused:
        raise Failed(f"cannot be cut at {unused[0]!r}: none of {', '.join(outputs)} depends on it")
    return made


def cut(
    model: onnx.ModelProto,
    inputs: Sequence[str],
    outputs: Sequence[str],
    types: Mapping[str, onnx.ValueInfoProto] | None = None,
) -> onnx.ModelProto:
    """Return a model of the nodes that compute `outputs` from `inputs`, its nodes in the order of `model`.

    `types` gives what is known of tensors, before what the file itself says. Inputs of the whole
    graph that the outputs need beside `inputs` stay inputs. External data is referred to as before.
    Raises Failed for a tensor that is not there, and for an input of unknown type.
    """
    import onnx

    graph = model.graph
    known = _known(graph, types or {})
    weights = {item.name: item for item in graph.initializer}
    sparse = {item.values.name: item for item in graph.sparse_initializer}
    nodes, read = _between(graph, frozenset(inputs), outputs)
    constant = weights.keys() | sparse.keys()
    needed = [name for name in inputs if name in read or name in outputs]
    needed += [
        item.name for item in graph.input if item.name in read and item.name not in {*needed, *constant}
    ]
    if missing := [name for name in needed if name not in known]:
        raise Failed(f"cannot be cut at {missing[0]!r}: its type and shape are not known")
    made = onnx.ModelProto()
    for name in ("ir_version", "producer_name", "producer_version", "domain", "model_version"):
        setattr(made, name, getattr(model, name))
    made.opset_import.extend(model.opset_import)
    made.functions.extend(model.functions)
    made.graph.name = graph.name or "cut"
    made.graph.node.extend(nodes)
    made.graph.input.extend(known[name] for name in needed)
    made.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in outputs)
    made.graph.initializer.extend(
        item for name, item in weights.items() if name in read and name not in inputs
    )
    made.graph.sparse_initializer.extend(item for name, item in sparse.items() if name in read)
    return made


def expose(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Make tensors outputs of `model` as well, behind those that it has; their types are left open."""
    import onnx

    present = {item.name for item in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)


def tensors_of(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the tensors that the nodes of a graph compute, in its order; those in subgraphs left out."""
    for node in graph.node:
        yield from filter(None, node.output)


def reads(node: onnx.NodeProto) -> frozenset[str]:
    """Return the tensors that a node reads: its inputs, and what its subgraphs use of the outer graph."""
    found = set(filter(None, node.input))
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            if graph.node or graph.output:
                found |= _captured(graph)
    return frozenset(found)


def _captured(graph: onnx.GraphProto) -> set[str]:
    own = {item.name for item in graph.input} | {item.name for item in graph.initializer}
    used = {name for node in graph.node for name in reads(node)} | {item.name for item in graph.output}
    return used - own - set(tensors_of(graph))


def _between(
    graph: onnx.GraphProto, inputs: frozenset[str], outputs: Sequence[str]
) -> tuple[list[onnx.NodeProto], set[str]]:
    """Return the nodes behind `outputs` up to `inputs`, and all tensors that they read."""
    makers = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
    given = {item.name for item in graph.input} | {item.name for item in graph.initializer}
    everything = given | makers.keys()
    for name in (*inputs, *outputs):
        if name not in everything:
            raise Failed(f"cannot be cut at {name!r}: no such tensor; {closest(name, everything)}")
    wanted, read, kept = list(outputs), set[str](), set[int]()
    while wanted:
        name = wanted.pop()
        at = makers.get(name)
        if name in inputs or at is None or at in kept:
            continue
        kept.add(at)
        found = reads(graph.node[at])
        read |= found
        wanted.extend(found)
    return [graph.node[at] for at in sorted(kept)], read | (set(outputs) - makers.keys())


def _known(
    graph: onnx.GraphProto, types: Mapping[str, onnx.ValueInfoProto]
) -> dict[str, onnx.ValueInfoProto]:
    """Return what is known of tensors; what is given comes before what the file says."""
    told = {item.name: item for item in (*graph.value_info, *graph.output, *graph.input)}
    return {name: item for name, item in {**told, **types}.items() if item.HasField("type")}
