"""Read and write model files, with external data where protobuf's 2 GB are not enough."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import Failed

if TYPE_CHECKING:
    import onnx

MODEL = "model.onnx"
LARGE_BYTES = 1_800_000_000


def parse(path: Path) -> onnx.ModelProto:
    """Read a model without its external data. Raises Failed where it is not an ONNX file."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)  # whatever it is called
    except FileNotFoundError as error:
        raise Failed(f"{path}: no such file") from error
    except OSError as error:
        raise Failed(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        what = what_else(path) or "it does not parse as protobuf; was it written to the end?"
        raise Failed(f"{path}: not an ONNX file: {what}") from error
    if not model.HasField("graph"):
        if not path.stat().st_size:
            raise Failed(f"{path}: the file is empty; was it written at all?")
        if what := what_else(path):  # which parses by chance
            raise Failed(f"{path}: not an ONNX file: {what}")
        raise Failed(f"{path}: an ONNX file without a graph; was it written to the end?")
    return model


LFS = "it is a pointer of Git LFS; 'git lfs pull' fetches the file"
PAGE = "it is a web page; download the file itself"
TORCH = "it is a file of PyTorch; export it with torch.onnx.export"

OTHERS = {
    b"version https://git-lfs": LFS,
    b"<!doctype": PAGE,
    b"<html": PAGE,
    b"<?xml": "it is XML, as a server writes when it refuses; download the file itself",
    b"\x1f\x8b": "it is compressed by gzip; unpack it with gunzip",
    b"bzh": "it is compressed by bzip2; unpack it with bunzip2",
    b"\xfd7zxz": "it is compressed by xz; unpack it with unxz",
    b"(\xb5/\xfd": "it is compressed by zstd; unpack it with unzstd",
    b"\x89hdf": "it is HDF5, as Keras writes; convert it with tf2onnx",
    b"gguf": "it is GGUF, of llama.cpp; export the model that it was made of",
    b"\x80\x02": TORCH,
    b"\x80\x04": TORCH,
    b"pk\x03\x04": "it is a ZIP archive; unpack it, or export the model",
}
"""What a file of another kind begins with, in lower case -> what it is, and what to do."""

WITHIN = {
    b"ORTM": "it is in ONNX Runtime's own format; name its .onnx file, with --set axes.format=ort",
    b"TFL3": "it is TensorFlow Lite; convert it with tf2onnx",
}
"""The same, of four bytes behind the first four."""


def what_else(path: Path) -> str:
    """Return what a file is that is no ONNX file, and what to do; empty where nothing is known of it."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[4:8] in WITHIN:
        return WITHIN[head[4:8]]
    if head.startswith(b"PK\x03\x04") and (b"data.pkl" in head or b"/version" in head or b".pkl" in head):
        return TORCH
    known = (text for start, text in OTHERS.items() if head[:64].lstrip().lower().startswith(start))
    plain = head.isascii() and head.decode("ascii").replace("\n", "").replace("\r", "").isprintable()
    return next(
        known, "it is text and no model; name the .onnx file, or download it again" if head and plain else ""
    )


def external_files(model: onnx.ModelProto) -> list[str]:
    """Return the relative paths of the external data that `model` refers to, sorted."""
    from onnx.external_data_helper import uses_external_data

    found = set()
    for tensor in _tensors(model):
        if uses_external_data(tensor):
            found |= {item.value for item in tensor.external_data if item.key == "location"}
    return sorted(found)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    from harness.build.reading import walk

    yield from model.graph.initializer
    for node in walk(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for graph in (attribute.g, *attribute.graphs):
                yield from graph.initializer


def locate(path: Path, location: str) -> Path:
    """Return where external data lies. Raises Failed where it is missing or outside the model's folder.

    Where model and data are both links into one other folder, as in a cache of the
    Hugging Face hub, that folder counts as the model's too.
    """
    beside = path.parent / location
    found = beside.resolve()
    homes = {path.parent.resolve(), path.resolve().parent} if _is_below(location) else {path.parent.resolve()}
    if not any(found.is_relative_to(home) for home in homes):
        raise Failed(f"{path}: its external data {location!r} lies outside the model's folder")
    if not found.is_file():
        where = f"put it into {str(path.parent.absolute())!r}"
        raise Failed(f"{path}: its external data {location!r} is missing; {where}")
    return found


def check_data(path: Path, model: onnx.ModelProto) -> None:
    """Look that the external data of `model`, read from `path`, is there to the end. Raises Failed."""
    from onnx.external_data_helper import uses_external_data

    needed: dict[str, int] = {}
    for tensor in _tensors(model):
        if uses_external_data(tensor):
            keys = {item.key: item.value for item in tensor.external_data}
            end = int(keys.get("offset", 0)) + int(keys.get("length", 0))
            needed[keys["location"]] = max(end, needed.get(keys["location"], 0))
    for location, end in sorted(needed.items()):
        found = locate(path, location)
        size = found.stat().st_size
        if size < end:
            why = what_else(found) or "was it copied to the end?"
            raise Failed(
                f"{path}: its external data {location!r} is cut off: {size:,} bytes of {end:,}; {why}"
            )


def _is_below(location: str) -> bool:
    """Return whether a relative path stays in its folder, links apart."""
    return not Path(location).is_absolute() and ".." not in Path(location).parts


def copy(path: Path, target: Path) -> None:
    """Copy a model to `target` and its external data beside it."""
    for location in external_files(parse(path)):
        beside = target.parent / location
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(locate(path, location), beside)
    shutil.copyfile(path, target)


def save(model: onnx.ModelProto, target: Path) -> None:
    """Write a model, all of its data in memory; as external data where it is large."""
    import onnx

    size = sum(len(tensor.raw_data) or 8 * math.prod(tensor.dims) for tensor in model.graph.initializer)
    if size < LARGE_BYTES:
        onnx.save(model, target)
    else:
        onnx.save(model, target, save_as_external_data=True, location=f"{target.name}.data")


def lower_ir(path: Path) -> None:
    """Let a file ask for the oldest IR in which it can be written: older runtimes refuse a newer one."""
    import onnx

    model = parse(path)
    if (least := least_ir(model)) < model.ir_version:
        model.ir_version = least
        onnx.save(model, path)


def least_ir(model: onnx.ModelProto) -> int:
    """Return the oldest IR that has what `model` is written with.

    That is the oldest which its operator sets were released with; and that which brought
    initializers that are no inputs (4), functions (8), 8-bit floats (9), integers of 4 bits and
    overloads of functions (10), 4-bit floats (11), and what is newer (its own).
    """
    from onnx import TensorProto, helper

    imports = [*model.opset_import, *(item for function in model.functions for item in function.opset_import)]
    needed = [4, helper.find_min_ir_version_for(imports, ignore_unknown=True)]
    if model.functions:
        needed.append(10 if any(function.overload for function in model.functions) else 8)
    for kind in _element_types(model):
        if kind <= TensorProto.BFLOAT16:
            continue
        since = {int(TensorProto.UINT4): 10, int(TensorProto.INT4): 10, int(TensorProto.FLOAT4E2M1): 11}
        needed.append(9 if kind <= TensorProto.FLOAT8E5M2FNUZ else since.get(kind, model.ir_version))
    return max(needed)


def _element_types(model: onnx.ModelProto) -> set[int]:
    from harness.build.reading import walk

    graph = model.graph
    values = (*graph.value_info, *graph.input, *graph.output)
    found = {value.type.tensor_type.elem_type for value in values}
    found |= {tensor.data_type for tensor in _tensors(model)}
    return found | {item.i for node in walk(model) for item in node.attribute if item.name == "to"}


def is_large(path: Path) -> bool:
    """Return whether a model needs external data once it is written again."""
    return sum(item.stat().st_size for item in path.parent.iterdir()) > LARGE_BYTES


def tidy(path: Path) -> None:
    """Drop imports of operator sets that no node uses: an older runtime refuses a newer one, used or not."""
    import onnx

    from harness.build.reading import walk

    model = parse(path)
    used = {node.domain for node in walk(model)} | {"", "ai.onnx"}
    kept = [item for item in model.opset_import if item.domain in used]
    if len(kept) < len(model.opset_import):
        del model.opset_import[:]
        model.opset_import.extend(kept)
        onnx.save(model, path)
