"""What models ask for is asked for at once, before anything is measured or stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from models import make_model
from onnx import TensorProto, helper

from harness.core.errors import InputError
from harness.plan import plan_document
from harness.run.inputs import check_inputs
from harness.run.job import run

Node = helper.make_node


def write(path: Path, *shape: int | str | None, kind: int = TensorProto.FLOAT) -> Path:
    output = helper.make_tensor_value_info("y", kind, list(shape))
    node = Node("Identity", ["x"], ["y"])
    onnx.save(make_model([node], [helper.make_tensor_value_info("x", kind, list(shape))], [output]), path)
    return path


def check(folder: Path, **models: dict[str, Any]) -> str:
    """Return what is asked for; empty where nothing is."""
    plan = plan_document({"models": models}, folder, "s")
    try:
        check_inputs(plan.cases)
    except InputError as error:
        return str(error)
    return ""


def test_a_model_that_is_cut_where_it_has_no_tensor_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", "batch", 4)
    cut = {"source": {"onnx": str(path)}, "cut": {"inputs": ["x"], "outputs": ["z"]}}
    assert check(tmp_path, m=cut) == "m: cut: cannot be cut at 'z': no such tensor; known: x, y"
    assert check(tmp_path, m={**cut, "cut": {"outputs": ["y"]}}) == ""


def test_a_part_asks_for_the_dimensions_of_its_own_inputs_unless_data_is_recorded(tmp_path: Path) -> None:
    nodes = [Node("Reshape", ["x", "s"], ["r"]), Node("Relu", ["r"], ["y"])]
    float_ = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("x", float_, ["batch", 4, "n"])]
    inputs.append(helper.make_tensor_value_info("s", TensorProto.INT64, [3]))
    made = make_model(nodes, inputs, [helper.make_tensor_value_info("y", float_, ["batch", "m", 4])])
    onnx.save(made, tmp_path / "a.onnx")
    np.savez(tmp_path / "d.npz", x=np.ones((4, 4, 2), np.float32))
    part = {"source": {"onnx": "a.onnx"}, "cut": {"inputs": ["r"]}}
    assert "r[1]" in check(tmp_path, m=part)
    assert check(tmp_path, m={**part, "data": "d.npz"}) == ""


def test_every_dimension_of_every_model_is_asked_for_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a.onnx", "?", 3, "?", "?")
    write(tmp_path / "b.onnx", "n", "seq")
    asked = check(tmp_path, a={"source": {"onnx": "a.onnx"}}, b={"source": {"onnx": "b.onnx"}})
    assert [line[:33] for line in asked.splitlines()] == [
        "a: dimensions are not bound: x[2]",
        "b: dimension is not bound: seq (x",
    ]
    shapes = [yaml.safe_load(line.partition("shapes: ")[2]) for line in asked.splitlines()]
    assert shapes == [{"x[2]": 224, "x[3]": 224}, {"seq": 128}], "as it stands it is a part of a suite"
    sized = {"a": {"source": {"onnx": "a.onnx"}, "shapes": shapes[0]}}
    assert check(tmp_path, **sized) == ""


def test_a_size_that_only_some_cases_have_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a.onnx", "n", "seq")
    axes = {"shapes": ["default", {"short": {"seq": 8}}]}
    assert "seq (x axis 1)" in check(tmp_path, a={"source": {"onnx": "a.onnx"}, "axes": axes})
    axes = {"shapes": [{"long": {"seq": 80}}, {"short": {"seq": 8}}]}
    assert check(tmp_path, a={"source": {"onnx": "a.onnx"}, "axes": axes}) == ""


def test_data_has_sizes_and_text(tmp_path: Path) -> None:
    write(tmp_path / "words.onnx", "n", "seq", kind=TensorProto.STRING)
    np.savez(tmp_path / "words.npz", x=np.array([["a", "b"], ["c", "d"]]))
    np.savez(tmp_path / "other.npz", z=np.ones((2, 2)))
    bare = {"source": {"onnx": "words.onnx"}}
    assert "input 'x' holds text" in check(tmp_path, words=bare)
    assert check(tmp_path, words={**bare, "data": "words.npz"}) == ""
    assert "input 'x' holds text" in check(tmp_path, words={**bare, "data": "other.npz"})


def test_two_first_axes_ask_for_a_batch_dim(tmp_path: Path) -> None:
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [name, 4]) for name in ("p", "q")]
    nodes = [Node("Concat", ["p", "q"], ["y"], axis=0)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["r", 4])
    onnx.save(make_model(nodes, inputs, [output]), tmp_path / "m.onnx")
    asked = check(tmp_path, m={"source": {"onnx": "m.onnx"}})
    assert "say which one the batch drives (batch_dim: p)" in asked
    assert check(tmp_path, m={"source": {"onnx": "m.onnx"}, "batch_dim": "p", "shapes": {"q": 2}}) == ""


def test_nothing_is_stored_of_a_run_that_asks(tmp_path: Path) -> None:
    write(tmp_path / "a.onnx", "n", "seq")
    plan = plan_document({"models": {"a": {"source": {"onnx": "a.onnx"}}}}, tmp_path, "s")
    with pytest.raises(InputError, match="a: dimension is not bound: seq"):
        run(plan, tmp_path / "results", tmp_path / "cache", machine={})
    assert not (tmp_path / "results").exists()


def test_files_that_are_no_models_are_named_at_once_and_nothing_is_stored(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("version https://git-lfs.github.com/spec/v1")
    (tmp_path / "b.onnx").write_bytes(b"")
    models = {name: {"source": {"onnx": f"{name}.onnx"}} for name in ("a", "b")}
    plan = plan_document({"models": models}, tmp_path, "s")
    with pytest.raises(InputError) as error:
        run(plan, results_dir=tmp_path / "results", cache_dir=tmp_path / "cache")
    lines = str(error.value).splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [
        "it is a pointer of Git LFS; 'git lfs pull' fetches the file",
        "the file is empty; was it written at all?",
    ]
    assert not (tmp_path / "results").exists()


def test_an_argument_that_nothing_is_known_of_is_asked_for_in_a_suite(tmp_path: Path) -> None:
    node = Node("Split", ["x", "parts"], ["y", "z"], axis=0)
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["t", "t"]),
        helper.make_tensor_value_info("parts", TensorProto.INT64, [2]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    onnx.save(make_model([node], inputs, [output]), tmp_path / "a.onnx")
    model = {"source": {"onnx": "a.onnx"}, "shapes": {"t": 8}}
    assert "input 'parts' is the argument 'Split split'" in check(tmp_path, a=model)
    assert check(tmp_path, a={**model, "inputs": {"parts": {"fill": [2, 6]}}}) == ""
    asked = check(tmp_path, a={**model, "inputs": {"parts": {"fill": [2, 2, 4]}}})
    assert asked == "a: input 'parts' has 2 elements; 3 values are given for it"
    asked = check(tmp_path, a={**model, "inputs": {"parts": {"fill": ["t", "q"]}}})
    assert asked == "a: input 'parts': 'q' is no dimension of the model; those: t"
