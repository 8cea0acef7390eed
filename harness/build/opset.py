"""Convert a model to another opset."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.build import files
from harness.build.check import first_line
from harness.build.reading import opset_of
from harness.core.errors import Unsupported

if TYPE_CHECKING:
    import onnx


def convert(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Convert `model` with onnx.version_converter; as it is where it has that opset already.

    The result asks for the oldest IR that its opset allows, so that older
    runtimes can load it. Raises Unsupported with the converter's reason.
    """
    import onnx
    from onnx import helper, version_converter

    have = opset_of(model)
    if have == opset:
        return model
    try:
        converted = version_converter.convert_version(model, opset)
        onnx.checker.check_model(converted, full_check=True)
    except Exception as error:  # the converter raises whatever its C++ adapters do
        raise Unsupported(
            f"onnx.version_converter cannot convert from opset {have} to {opset}: {reason(error)}"
        ) from error
    converted.ir_version = helper.find_min_ir_version_for(converted.opset_import, ignore_unknown=True)
    return converted


def raise_opset(path: Path, target: Path, least: int) -> Path:
    """Return a model of opset `least` or newer: the one at `path`, or `target`, converted.

    Raises Unsupported with the converter's reason.
    """
    import onnx

    if opset_of(files.parse(path)) >= least:
        return path
    files.save(convert(onnx.load(path, format="protobuf"), least), target)
    return target


def reason(error: Exception | str) -> str:
    """Return what an assertion of the converter says, without its place in a source file."""
    return first_line(error).rpartition("` failed: ")[2]


def restate(path: Path, opset: int) -> tuple[str, ...]:
    """Let a converter's file have `opset` where it names an older one, or none; return notes.

    Some converters name the oldest opset that their operators need, or write no newer one.
    Where every operator is at `opset` what it is at that one, the file is the same model at
    both, else onnx.version_converter converts it; where it cannot, the file is left as
    it is. An operator set that is named twice is named once.
    """
    import onnx
    from onnx import helper

    model = files.parse(path)
    have = opset_of(model)
    imports = {item.domain: item.version for item in model.opset_import}
    note, newer = "", model
    if have < opset and _means_the_same(model, have, opset):
        imports[""] = opset
        note = f"the converter named opset {have}, whose operators in use are those of {opset}"
    elif have < opset:
        with suppress(Unsupported):
            newer = convert(onnx.load(path), opset)
            imports = {item.domain: item.version for item in newer.opset_import}
            note = f"the converter gave opset {have}; onnx.version_converter made it {opset}"
    if note or len(imports) < len(model.opset_import):
        del newer.opset_import[:]
        newer.opset_import.extend(helper.make_opsetid(*item) for item in imports.items())
        if note:
            newer.ir_version = helper.find_min_ir_version_for(newer.opset_import, ignore_unknown=True)
        onnx.save(newer, path)
    return (note,) if note and have else ()


def _means_the_same(model: onnx.ModelProto, have: int, opset: int) -> bool:
    from onnx import defs

    from harness.build.reading import walk

    used = [node.op_type for node in walk(model) if node.domain in ("", "ai.onnx")]
    since = [[defs.get_schema(name, at, "").since_version for name in used] for at in (have, opset) if at]
    return not used or (have > 0 and since[0] == since[1])
