"""ONNX Runtime's own format: the graph optimized beforehand, and read back from the flatbuffer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.build.ort_tools import load_tools
from harness.build.reading import Reading, classify, type_name
from harness.core.inputs import Input

MODEL = "model.ort"
NOTE = "ort format: optimized at level 'all' when converted; graph_opt changes nothing"


def convert(base: Path, folder: Path) -> Mapping[str, Any]:
    """Convert with ONNX Runtime's tool, as a deployer would; returns how."""
    load_tools()
    from onnxruntime.tools.convert_onnx_models_to_ort import OptimizationStyle, convert_onnx_models_to_ort

    convert_onnx_models_to_ort(base, folder, [OptimizationStyle.Fixed])
    for other in folder.glob(
        "*.config"
    ):  # the operators in use, for builds of ONNX Runtime that have no others
        other.unlink()
    return {
        "by": "onnxruntime.tools.convert_onnx_models_to_ort",
        "optimization_style": "fixed",
        "optimization_level": "all",
    }


def read_ort(path: Path, inputs: tuple[Input, ...], outputs: tuple[str, ...]) -> Reading:
    """Read opset, operators and precision back; inputs and outputs are those of the model it was made of."""
    graph, opset = _open(path)
    nodes = list(_walk(graph))
    elements: Counter[str] = Counter()
    for tensor in (graph.Initializers(i) for i in range(graph.InitializersLength())):
        elements[type_name(tensor.DataType())] += math.prod(
            tensor.Dims(i) for i in range(tensor.DimsLength())
        )
    operators = dict(sorted(Counter(nodes).items()))
    return Reading(opset, classify(nodes, elements), operators, inputs, outputs)


def _open(path: Path) -> tuple[Any, int]:
    import onnxruntime.tools.ort_format_model  # noqa: F401 - puts ort_flatbuffers_py on the path
    from ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

    model = InferenceSession.GetRootAsInferenceSession(path.read_bytes(), 0).Model()
    imports = [model.OpsetImport(i) for i in range(model.OpsetImportLength())]
    return model.Graph(), max(item.Version() for item in imports if item.Domain() in (b"", b"ai.onnx"))


def _walk(graph: Any) -> Iterator[str]:
    """Yield the operator of every node, subgraphs included."""
    for i in range(graph.NodesLength()):
        node = graph.Nodes(i)
        yield node.OpType().decode()
        for j in range(node.AttributesLength()):
            inner = node.Attributes(j).G()
            if inner is not None:
                yield from _walk(inner)
