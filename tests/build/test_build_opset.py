"""The opset that a converter's file names, and the one that it is given."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from harness.build.opset import restate
from harness.build.reading import opset_of


def write(path: Path, node: onnx.NodeProto, imports: dict[str, int], ir: int = 10) -> Path:
    """Write a model of one node that takes and gives a matrix."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    opsets = [helper.make_opsetid(*item) for item in imports.items()]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=ir), path)
    return path


TREES = helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.0, 1.0], scale=[1.0, 2.0])


def test_a_file_without_operators_of_onnx_gets_the_opset_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", TREES, {"ai.onnx.ml": 1}, ir=4)
    assert restate(path, 17) == ()
    model = onnx.load(path)
    assert (opset_of(model), model.ir_version) == (17, 8)
    assert {item.domain for item in model.opset_import} == {"", "ai.onnx.ml"}


def test_operators_that_are_the_same_are_named_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", helper.make_node("Tanh", ["x"], ["y"]), {"": 13})
    assert restate(path, 17) == ("the converter named opset 13, whose operators in use are those of 17",)
    assert opset_of(onnx.load(path)) == 17


def test_operators_that_changed_are_converted_with_those_of_other_domains_beside(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", helper.make_node("Identity", ["x"], ["y"]), {"": 9, "ai.onnx.ml": 1})
    assert restate(path, 17) == ("the converter gave opset 9; onnx.version_converter made it 17",)
    model = onnx.load(path)
    assert {item.domain: item.version for item in model.opset_import} == {"": 17, "ai.onnx.ml": 1}


def test_what_cannot_be_converted_is_left_as_it_is(tmp_path: Path) -> None:
    """The opset that the file has is then reported, and the case is unsupported."""
    path = write(tmp_path / "m.onnx", helper.make_node("Identity", ["x"], ["y"], wrong=1), {"": 9})
    before = path.read_bytes()
    assert restate(path, 17) == ()
    assert path.read_bytes() == before


@pytest.mark.parametrize("have", [17, 18])
def test_a_file_of_the_opset_or_a_newer_one_is_left_as_it_is(tmp_path: Path, have: int) -> None:
    path = write(tmp_path / "m.onnx", helper.make_node("Identity", ["x"], ["y"]), {"": have})
    before = path.read_bytes()
    assert restate(path, 17) == ()
    assert path.read_bytes() == before
