"""Names for nodes that have none: what they compute, once each; the file itself where all have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.build.naming import name_nodes, named


def unnamed() -> onnx.ModelProto:
    inner = helper.make_node("Relu", ["x"], ["a"])
    body = helper.make_graph([inner], "then", [], [value("a", [1])])
    nodes = [
        helper.make_node("Neg", ["x"], ["a"], name="(b)"),
        helper.make_node("Abs", ["a"], ["b"]),
        helper.make_node("If", ["c"], ["y"], name="(b)", then_branch=body, else_branch=body),
    ]
    given = [value("x", [1]), helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
    return make_model(nodes, given, [value("y", [1])])


def test_nodes_are_called_by_what_they_compute_and_each_name_is_one_nodes() -> None:
    graph = unnamed().graph
    assert name_nodes(graph) == 4
    bodies = [node.name for item in graph.node[2].attribute for node in item.g.node]
    assert [node.name for node in graph.node] == ["(b)", "(b)#2", "(y)"]
    assert sorted(bodies) == ["(a)", "(a)#2"]
    assert name_nodes(graph) == 0


def test_a_model_with_names_is_itself_and_another_is_copied_with_its_data(tmp_path: Path) -> None:
    model = unnamed()
    model.graph.initializer.append(numpy_helper.from_array(np.float32([2.0]), "w"))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    copy, given = named(tmp_path / "m.onnx", tmp_path / "copy")
    assert (given, copy.parent) == (4, tmp_path / "copy")
    assert numpy_helper.to_array(onnx.load(copy).graph.initializer[0]).tolist() == [2.0]
    assert named(copy, tmp_path / "again") == (copy, 0)
