"""Read a model file into facts, without checking it: what ONNX Runtime loads is read."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.case import Model, thaw
from harness.core.errors import Failed, InputError
from harness.core.hashing import hash_file
from harness.inspect.decide import conclude
from harness.inspect.model import Dimension, Inspection, ModelFacts, Node, Severity, Value, Weight

if TYPE_CHECKING:
    import numpy as np
    import onnx

SCAN_BYTES = 1 << 30
"""Bytes of weights whose values are looked at; beyond that, values are unread, and the facts say so."""

LEAST_NORMAL_BITS, INFINITE_BITS, MAGNITUDE = 0x0080_0000, 0x7F80_0000, 0x7FFF_FFFF
"""Of a float32: the smallest normal value, infinity, and everything but the sign."""


def inspect(path: Path, runtime: str | None = None, custom_ops: Sequence[str] = ()) -> Inspection:
    """Read the file at `path` and sum it up.

    `runtime` is the version of ONNX Runtime that would run it, `custom_ops` the libraries that its
    session would register. Raises InputError where there is no model to read.
    """
    return conclude(read_facts(path), runtime, custom_ops)


def installed_runtime() -> str | None:
    """Return the version of the ONNX Runtime that is installed here; None where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return None


def read_facts(path: Path) -> ModelFacts:
    """Read everything that is known without running the model. Raises InputError."""
    from harness.build.draws import training

    model = _load(path)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    scan = _Scan(path.parent)
    weights = tuple(scan.weight(tensor, tensor.name) for tensor in graph.initializer)
    return ModelFacts(
        path=str(path),
        size_bytes=path.stat().st_size,
        ir_version=model.ir_version,
        opsets={item.domain if item.domain != "ai.onnx" else "": item.version for item in model.opset_import},
        producer=" ".join(filter(None, (model.producer_name, model.producer_version))),
        inputs=tuple(_value(item) for item in graph.input if item.name not in constants),
        outputs=tuple(_value(item) for item in graph.output),
        nodes=tuple(_nodes(model, scan)),
        weights=weights,
        fed_weights=tuple(item.name for item in graph.input if item.name in constants),
        external=scan.files,
        metadata={item.key: item.value for item in model.metadata_props},
        functions=tuple(f"{item.domain}:{item.name}" for item in model.functions),
        training=training(model),
    )


def _load(path: Path) -> onnx.ModelProto:
    from harness.build import files

    if not path.is_file():
        from harness.plan.files import why_missing  # planning takes longer to import than a model to read

        raise InputError(why_missing(path, str(path)))
    try:
        return files.parse(path)
    except Failed as error:
        raise InputError(str(error)) from error


def check_data(path: Path) -> None:
    """Look that the external data of the model at `path` is there to the end. Raises InputError."""
    from harness.build import files

    try:
        files.check_data(path, files.parse(path))
    except Failed as error:
        raise InputError(str(error)) from error


class _Scan:
    """Reads the values of tensors, as far as the limit goes, and the files that they lie in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left = SCAN_BYTES
        self.files: dict[str, int | None] = {}

    def weight(self, tensor: onnx.TensorProto, name: str) -> Weight:
        """Return what is known of one tensor."""
        dims = tuple(tensor.dims)
        dtype, width = _element(tensor.data_type)
        size = math.ceil(math.prod(dims) * width)
        bits = self._float_bits(tensor, dtype, size)
        denormal = nonfinite = 0
        if bits is not None:
            denormal, nonfinite = _count_odd(bits)
        read = bits is not None or dtype != "float32"
        return Weight(name, dtype, dims, size, denormal, nonfinite, read)

    def _float_bits(self, tensor: onnx.TensorProto, dtype: str, size: int) -> np.ndarray | None:
        import numpy as np

        outside = self._outside(tensor)
        if dtype != "float32" or self.left < size:
            return None
        self.left -= size
        if outside is not None:
            file, offset = outside
            if self.files[file.name] is None or file.stat().st_size < offset + size:
                return None
            return np.fromfile(file, np.uint32, size // 4, offset=offset)
        if raw := tensor.raw_data:  # read once: protobuf copies it each time
            return np.frombuffer(raw, np.uint32, len(raw) // 4)
        return np.asarray(tensor.float_data, np.float32).view(np.uint32)

    def _outside(self, tensor: onnx.TensorProto) -> tuple[Path, int] | None:
        """Return the file that holds the values, and where they begin in it; None where they are inside."""
        entries = {item.key: item.value for item in tensor.external_data}
        if "location" not in entries:
            return None
        file = self.folder / entries["location"]
        self.files[file.name] = file.stat().st_size if file.is_file() else None
        return file, int(entries.get("offset", 0))


CHUNK = 1 << 16
"""Values that are looked at together: as many as stay in the processor's cache."""


def _count_odd(bits: np.ndarray) -> tuple[int, int]:
    """Count the denormal values and those that are NaN or Inf; `bits` are float32 as uint32."""
    import numpy as np

    denormal = nonfinite = 0
    for begin in range(0, bits.size, CHUNK):
        magnitude = bits[begin : begin + CHUNK] & np.uint32(MAGNITUDE)
        nonfinite += int(np.count_nonzero(magnitude >= np.uint32(INFINITE_BITS)))
        magnitude -= np.uint32(1)  # zero wraps around
        denormal += int(np.count_nonzero(magnitude < np.uint32(LEAST_NORMAL_BITS - 1)))
    return denormal, nonfinite


def _nodes(model: onnx.ModelProto, scan: _Scan) -> Iterator[Node]:
    yield from _walk(model.graph.node, scan, 0)
    for function in model.functions:
        yield from _walk(function.node, scan, 1)


def _walk(nodes: Any, scan: _Scan, depth: int) -> Iterator[Node]:
    for node in nodes:
        attributes = {item.name: _attribute(item, scan) for item in node.attribute}
        domain = "" if node.domain == "ai.onnx" else node.domain
        yield Node(node.op_type, domain, tuple(node.input), tuple(node.output), attributes, depth)
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _walk(graph.node, scan, depth + 1)


def _attribute(item: onnx.AttributeProto, scan: _Scan) -> Any:
    match _attribute_kind(item.type):
        case "TENSOR":
            return scan.weight(item.t, item.t.name)
        case "INT":
            return item.i
        case "FLOAT":
            return item.f
        case "STRING":
            return item.s.decode(errors="replace")
        case "INTS":
            return tuple(item.ints)
        case _:
            return None


@functools.cache
def _attribute_kind(kind: int) -> str:
    from onnx import AttributeProto

    return (
        str(AttributeProto.AttributeType.Name(kind)) if kind in AttributeProto.AttributeType.values() else ""
    )


def _value(item: onnx.ValueInfoProto) -> Value:
    kind = str(item.type.WhichOneof("value") or "").removesuffix("_type")
    if kind != "tensor":
        return Value(item.name, kind, "", None)
    tensor = item.type.tensor_type
    dims = tuple(map(_dimension, tensor.shape.dim)) if tensor.HasField("shape") else None
    return Value(item.name, kind, _element(tensor.elem_type)[0], dims)


def _dimension(dimension: onnx.TensorShapeProto.Dimension) -> Dimension:
    if dimension.HasField("dim_value"):
        return int(dimension.dim_value)
    return str(dimension.dim_param) or None


@functools.cache
def _element(kind: int) -> tuple[str, float]:
    """Return numpy's name of an element type, and the bytes that an element takes."""
    from onnx import TensorProto, helper

    packed = {"INT4": 0.5, "UINT4": 0.5, "FLOAT4E2M1": 0.5, "INT2": 0.25, "UINT2": 0.25}
    try:
        name = TensorProto.DataType.Name(kind)
        dtype = helper.tensor_dtype_to_np_dtype(kind)
    except (KeyError, ValueError):
        return "undefined", 0.0
    return str(dtype.name), packed.get(name, float(dtype.itemsize))


KIND = "lint"
"""Of entries in the cache."""


def lint_notes(
    models: Iterable[Model], cache_dir: Path, custom_ops: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return what lint finds in each model that is a file, one line each; models without any are left out.

    A model is read once, and its findings are kept by its content. A file that cannot be
    read has none: the build says what is wrong with it.
    """
    found: dict[str, tuple[str, ...]] = {}
    read: dict[str, tuple[str, ...]] = {}
    libraries = tuple(custom_ops)
    for model in models:
        if model.source.kind != "onnx":
            continue
        path = str(thaw(model.source.options)["path"])
        try:
            if path not in read:
                read[path] = tuple(map(_line, _findings(Path(path), cache_dir, libraries)))
        except (InputError, OSError):
            read[path] = ()
        if read[path]:
            found[model.name] = read[path]
    return found


def _findings(path: Path, cache_dir: Path, libraries: tuple[str, ...]) -> list[Mapping[str, Any]]:
    from harness.build import cache  # a quarter of the time that `harness inspect` takes to start
    from harness.build.versions import own_code

    runtime = installed_runtime()

    def make(_: Path | None = None) -> Mapping[str, Any]:
        inspection = inspect(path, runtime, libraries)
        names = inspection.facts.external
        return {
            "lint": [asdict(item) for item in inspection.lint],
            "external": {name: _stamp(path.parent / name) for name in names},
        }

    recipe = {"sha256": hash_file(path), "runtime": runtime, "known": bool(libraries), "code": own_code()}
    try:
        content = cache.fetch(cache_dir, KIND, recipe, make).content
    except InputError:  # a cache that cannot be written
        content = make()
    if any(stamp != _stamp(path.parent / name) for name, stamp in content["external"].items()):
        content = make()  # weights outside the file are others now
    findings: list[Mapping[str, Any]] = content["lint"]
    return findings


def _stamp(file: Path) -> list[int]:
    """Return size and time of change; nothing where the file is missing."""
    try:
        known = file.stat()
    except OSError:
        return []
    return [known.st_size, known.st_mtime_ns]


def _line(finding: Mapping[str, Any]) -> str:
    return f"{Severity(finding['severity'])}: {finding['found']}: {finding['why']}"
