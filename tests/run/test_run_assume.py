"""Sizes that are chosen where nothing binds a dimension."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from models import make_model, save_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.core.errors import InputError
from harness.core.form import Form
from harness.core.roles import unbound
from harness.plan import plan_model
from harness.run.assume import Assumed, assume, combined
from harness.run.inputs import check_inputs
from harness.run.model_file import plan_model_file

Node = helper.make_node


def write(path: Path, nodes: list[Any], inputs: list[Any], weights: Any = ()) -> Path:
    return save_model(path, nodes, inputs, [value("y", None)], weights)


def test_nothing_is_assumed_where_nothing_is_open(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", ["n", 3])])
    assert assume(path, {}) == Assumed({})


def test_what_is_assumed_names_every_axis_and_the_flag(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", ["n", 3, "?", "?"])])
    found = assume(path, {})
    assert found.sizes == {"x[2]": 224, "x[3]": 224}
    assert found.name == "assumed-224x224"
    assert found.line() == "assumed: x[2]=224 x[3]=224; set with --shape 'x[2]=224' --shape 'x[3]=224'"
    assert assume(path, {"x[2]": 8}).sizes == {"x[3]": 224}


def test_sizes_that_the_model_refuses_give_way_to_the_next(tmp_path: Path) -> None:
    """The height must be 48: the product with a [48, 5] weight takes nothing else."""
    weight = numpy_helper.from_array(np.ones((48, 5), np.float32), "w")
    nodes = [Node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), Node("MatMul", ["t", "w"], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, [value("x", ["n", 3, None, None])], [weight])
    assert assume(path, {}).sizes == {"x[2]": 48, "x[3]": 224}


def test_a_past_may_be_empty(tmp_path: Path) -> None:
    nodes = [Node("Concat", ["past", "x"], ["y"], axis=1)]
    inputs = [value("past", ["n", "past_len", 4]), value("x", ["n", "seq", 4])]
    found = assume(write(tmp_path / "m.onnx", nodes, inputs), {})
    assert found.sizes == {"past_len": 0, "seq": 128}


def test_a_model_that_runs_at_no_size_asks_for_all_of_them(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((7919, 5), np.float32), "w")
    path = write(
        tmp_path / "m.onnx",
        [Node("Concat", ["x", "x"], ["h"], axis=1), Node("MatMul", ["h", "w"], ["y"])],
        [value("x", ["n", "odd"])],
        [weight],
    )
    with pytest.raises(InputError) as error:
        assume(path, {})
    assert "no size is given for odd" in str(error.value)
    assert str(error.value).endswith("say them yourself, such as --shape odd=16")


def test_a_file_that_is_no_model_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    (tmp_path / "page.onnx").write_text("<!DOCTYPE html><p>moved</p>")
    with pytest.raises(InputError, match=r"page\.onnx: not an ONNX file: it is a web page"):
        assume(tmp_path / "page.onnx", {})


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"z": np.zeros((8, 3))}, r"no array for the model's input 'x'; arrays: z$"),
        ({"x": np.zeros((8, 3, 3))}, "'x' has 3 axes; the model's input has 2"),
        ({"x": np.full((8, 3), "a")}, "'x' holds text; the model takes float32"),
    ],
)
def test_data_that_does_not_go_with_the_model_is_refused_by_its_headers(
    tmp_path: Path, arrays: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", ["n", 3])])
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(InputError, match=rf"data\.npz: .*{said}"):
        assume(path, {}, data=str(tmp_path / "data.npz"))
    np.savez(tmp_path / "data.npz", x=np.zeros((8, 3)), y=np.zeros(8, np.int64))
    assert assume(path, {}, data=str(tmp_path / "data.npz")) == Assumed({})


def test_a_fixed_batch_is_the_batch(tmp_path: Path) -> None:
    found = assume(write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", [4, 3])]), {})
    assert found.axes == {"batch": 4}
    assert found.line() == "assumed: batch=4; set with --batch 4"
    free = write(tmp_path / "n.onnx", [Node("Relu", ["x"], ["y"])], [value("x", ["n", 3])])
    assert assume(free, {}).axes == {}


def test_outputs_that_cannot_be_bound_are_run(tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    nodes = [Node("SplitToSequence", ["x"], ["y"], axis=0)]
    graph = helper.make_graph(nodes, "g", [value("x", ["n", 3])], [sequence])
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    assert assume(path, {}).axes == {"io": "run"}


def test_an_output_of_another_rank_than_declared_is_run_without_binding(tmp_path: Path) -> None:
    """A second call would find the first one's output, which the declared rank refuses."""
    nodes = [
        Node("Shape", ["x"], ["s"]),
        Node("Concat", ["one", "s"], ["c"], axis=0),
        Node("Compress", ["c", "all"], ["shape"]),  # of a length that no inference tells
        Node("Reshape", ["x", "shape"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(np.full(3, True), "all"),
    ]
    inputs, outputs = [value("x", ["n", "width"])], [value("y", ["n", "width"])]
    path = save_model(tmp_path / "m.onnx", nodes, inputs, outputs, weights)
    assert assume(path, {}).line() == "assumed: width=224 io=run; set with --shape width=224 --io run"


def test_an_output_of_another_size_than_declared_is_run_without_binding(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    nodes, inputs = [Node("MatMul", ["x", "w"], ["y"])], [value("x", ["n", 4])]
    path = save_model(tmp_path / "m.onnx", nodes, inputs, [value("y", ["n", 3])], [weight])
    assert assume(path, {}).axes == {"io": "run"}
    path = save_model(tmp_path / "m.onnx", nodes, inputs, [value("y", ["n", 4])], [weight])
    assert assume(path, {}).axes == {}


def test_nodes_and_edges_of_a_graph_are_no_batch(tmp_path: Path) -> None:
    inputs = [value("atom", ["num_atoms"]), value("edge", ["num_edges"]), value("w", ["num_edges"])]
    nodes = [Node("Mul", ["edge", "w"], ["m"]), Node("Concat", ["atom", "m"], ["y"], axis=0)]
    path = write(tmp_path / "m.onnx", nodes, inputs)
    assert assume(path, {}) == Assumed({"num_atoms": 16, "num_edges": 16})


@pytest.mark.parametrize(("side", "size"), [("width", 224), ("height", 224), ("rows", None)])
def test_the_sides_of_a_picture_are_no_batch(side: str, size: int | None, tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", [side, 3])])
    assert assume(path, {}).sizes == ({} if size is None else {side: size})


def test_inputs_that_start_with_different_dimensions_are_run_at_one_of_each(tmp_path: Path) -> None:
    """An exporter that names every axis anew: tokens [d0, d1] and their lengths [d2]."""
    inputs = [value("x", ["d0", "d1"]), value("lens", ["d2"], TensorProto.INT64)]
    nodes = [Node("Cast", ["lens"], ["l"], to=TensorProto.FLOAT), Node("Mul", ["x", "l"], ["y"])]
    found = assume(write(tmp_path / "m.onnx", nodes, inputs), {})
    assert found.sizes == {"d0": 1, "d1": 16000, "d2": 1}


def test_combinations_begin_with_the_most_plausible_and_end() -> None:
    left = unbound({"x": (1, 3, None, None)}, {"x": "float32"})
    tried, _ = combined([(item.name, item.sizes) for item in left])
    assert tried[0] == {"x[2]": 224, "x[3]": 224}
    assert len(tried) == len({tuple(item.values()) for item in tried})
    many = unbound({"x": (1, None, None, None, None)}, {"x": "float32"})
    assert len(combined([(item.name, item.sizes) for item in many])[0]) == 48


def test_names_that_the_model_does_not_have_are_answered_with_the_closest(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", ["n", "seq"])])
    with pytest.raises(
        InputError, match=r"--shape sec: no such dimension: did you mean 'seq'\? known: n, seq"
    ):
        assume(path, {"sec": 3})
    with pytest.raises(InputError, match=r"--batch-dim m: no such dimension"):
        assume(path, {"seq": 3}, batch_dim="m")
    assert assume(path, {"x[1]": 3}).sizes == {}, "a place is a name too"


def test_a_sum_is_not_assumed_beside_its_parts(tmp_path: Path) -> None:
    nodes = [Node("Concat", ["past", "x"], ["z"], axis=1), Node("Add", ["z", "mask"], ["y"])]
    inputs = [
        value("past", ["n", "past", 4]),
        value("x", ["n", "seq", 4]),
        value("mask", ["n", "past + seq", 4]),
    ]
    found = assume(write(tmp_path / "m.onnx", nodes, inputs), {})
    assert found.sizes == {"past": 0, "seq": 128}


def test_text_is_asked_for_and_run_without_binding(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.onnx", [Node("Identity", ["x"], ["y"])], [value("x", ["n"], TensorProto.STRING)]
    )
    with pytest.raises(InputError, match="input 'x' holds text"):
        assume(path, {})
    assert assume(path, {}, data="words.npz") == Assumed({}, {"io": "run"})


def test_an_argument_of_an_operator_is_found_by_running_and_written_as_a_shell_takes_it(
    tmp_path: Path,
) -> None:
    """The product wants six columns, which the shape of the Reshape decides."""
    nodes = [Node("Reshape", ["x", "to"], ["r"]), Node("MatMul", ["r", "b"], ["y"])]
    inputs = [value("x", ["n", 12]), value("to", ["rank"], TensorProto.INT64)]
    path = write(tmp_path / "m.onnx", nodes, inputs, [six()])
    found = assume(path, {}, inputs={"to": {"fill": [-1, 6]}})
    assert (found.sizes, found.fills) == ({"rank": 2}, {}), "what is given is not assumed"
    nodes[1] = Node("Neg", ["r"], ["y"])
    found = assume(write(tmp_path / "m.onnx", nodes, inputs), {})
    assert found.line() == "assumed: rank=2 to=n,-1; set with --shape rank=2 --fill to=n,-1"
    assert found.inputs == {"to": {"fill": ["n", -1]}}


def test_an_argument_that_runs_with_nothing_tried_is_asked_for_by_name(tmp_path: Path) -> None:
    nodes = [
        Node("Neg", ["b"], ["w"]),  # so that it is no constant
        Node("Reshape", ["x", "to"], ["r"]),
        Node("MatMul", ["r", "w"], ["y"]),
    ]
    inputs = [value("x", ["n", 12]), value("to", [2], TensorProto.INT64)]
    path = write(tmp_path / "m.onnx", nodes, inputs, [six()])
    with pytest.raises(InputError) as error:
        assume(path, {})
    assert "input 'to' is the argument 'Reshape shape' of an operator" in str(error.value)
    assert 'give it with --fill to=n,-1, or in the suite: inputs: {"to": {fill: [n, -1]}}' in str(error.value)


def six() -> Any:
    return numpy_helper.from_array(np.ones((6, 5), np.float32), "b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x[1]", r"--shape x\[1\]: the file fixes that dimension at 3"),
        ("x[4]", r"--shape x\[4\]: input 'x' has 2 axes, counted from 0"),
    ],
)
def test_a_dimension_that_the_file_fixes_is_said_to_be_fixed(tmp_path: Path, given: str, said: str) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", ["n", 3])])
    with pytest.raises(InputError, match=said):
        assume(path, {given: 4})


def with_data_outside(path: Path) -> Path:
    """A product with weights of 64 bytes in a file of their own."""
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    model = make_model(
        [Node("MatMul", ["x", "w"], ["y"])], [value("x", ["n", 4])], [value("y", None)], [weight]
    )
    onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
    return path


def test_external_data_that_is_missing_or_cut_off_is_named_before_anything_is_stored(tmp_path: Path) -> None:
    path = with_data_outside(tmp_path / "m.onnx")
    assert assume(path, {}) == Assumed({})
    (tmp_path / "m.data").write_bytes(bytes(10))
    with pytest.raises(InputError, match=r"its external data 'm\.data' is cut off: 10 bytes of 64"):
        assume(path, {})
    (tmp_path / "m.data").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match="'git lfs pull' fetches the file"):
        assume(path, {})
    (tmp_path / "m.data").unlink()
    with pytest.raises(InputError, match=r"its external data 'm\.data' is missing; put it into '.*'$"):
        assume(path, {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"Not Found", "it is text and no model"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip; unpack it with gunzip"),
        (b"PK\x03\x04" + bytes(30) + b"archive/data.pkl", "a file of PyTorch"),
        (b"PK\x03\x04" + bytes(30) + b"model.onnx", "a ZIP archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes"),
        (b"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(InputError, match=said):
        assume(tmp_path / "m.onnx", {})


def test_a_size_that_the_file_fixes_at_zero_may_be_meant(tmp_path: Path) -> None:
    """ONNX Runtime takes nothing else for it; exporters also write 0 for what is open, and then it does."""
    path = write(tmp_path / "m.onnx", [Node("ReduceMax", ["x"], ["y"], axes=[2])], [value("x", [2, 0, 4])])
    assert assume(path, {}).sizes == {"x[1]": 0}


def test_a_name_of_somebodys_own_is_no_number_of_samples(tmp_path: Path) -> None:
    nodes = [Node("Relu", ["x"], ["y"])]
    assert assume(write(tmp_path / "m.onnx", nodes, [value("x", ["n", "K"])]), {}).sizes == {"K": 16}
    for name in ("x_dim_1", "unk__7", None):
        found = assume(write(tmp_path / "m.onnx", nodes, [value("x", ["n", name])]), {})
        assert list(found.sizes.values()) == [16_000], (
            "nobody named it: a sound is the longest that it may be"
        )


def test_an_output_of_another_size_in_each_call_is_run_without_binding(tmp_path: Path) -> None:
    """Speech whose length the model draws: a second call does not fit into the first one's output."""
    nodes = [
        Node("RandomUniformLike", ["x"], ["r"], low=-1.0, high=1.0),
        Node("Relu", ["r"], ["p"]),
        Node("NonZero", ["p"], ["y"]),
    ]
    output = value("y", [2, "found"], TensorProto.INT64)
    path = save_model(tmp_path / "m.onnx", nodes, [value("x", ["n", "samples"])], [output])
    assert assume(path, {}).axes == {"io": "run"}


@pytest.mark.parametrize(
    ("node", "weight", "assumed", "asked"),
    [
        ("Relu", None, {"x[1]": 16_000}, "x[0]"),
        ("MatMul", (48, 10), {"x[1]": 48}, "x[0]"),
        ("Conv", (8, 5, 3, 3), {"x[1]": 5, "x[2]": 224, "x[3]": 224}, "x[1]"),
    ],
)
def test_an_input_without_a_shape_is_run_at_ranks_and_sizes_that_weights_decide(
    tmp_path: Path, node: str, weight: tuple[int, ...] | None, assumed: dict[str, int], asked: str
) -> None:
    weights = [numpy_helper.from_array(np.ones(weight, np.float32), "w")] if weight else []
    nodes = [helper.make_node(node, ["x", *(["w"] if weight else [])], ["y"])]
    path = write(tmp_path / "m.onnx", nodes, [value("x", None)], weights)
    assert assume(path, {}).sizes == assumed
    with pytest.raises(InputError, match=r"m: .*shapes: \{.*" + re.escape(json.dumps(asked))):
        check_inputs(plan_model(path).cases)


def test_an_input_without_a_shape_is_one_number_where_no_axes_run(tmp_path: Path) -> None:
    weights = [
        numpy_helper.from_array(np.array([0]), "axis"),
        numpy_helper.from_array(np.ones(2, np.float32), "w"),
    ]
    flat = [Node("Unsqueeze", ["x", "axis"], ["h"]), Node("Concat", ["h", "w"], ["y"], axis=0)]
    path = write(tmp_path / "flat.onnx", flat, [value("x", None)], weights)
    found = assume(path, {})
    assert (found.sizes, found.fills) == ({}, {"x": 1})
    assert found.line() == "assumed: x=1; set with --fill x=1"
    check_inputs(plan_model(path, inputs=found.inputs).cases)
    clip = [value(name, None) for name in ("x", "low", "high")]
    path = write(tmp_path / "clip.onnx", [Node("Clip", ["x", "low", "high"], ["y"])], clip)
    assert assume(path, {}).fills == {"low": 1, "high": 2}


@pytest.mark.parametrize(
    ("shape", "nodes", "weight", "assumed"),
    [
        (["N", None], [("MatMul", ["x", "w"], "y")], (48, 10), {"x[1]": 48}),
        (["N", None], [("Relu", ["x"], "h"), ("Gemm", ["h", "w"], "y")], (20, 10), {"x[1]": 20}),
        (["N", "C", 8, 8], [("Conv", ["x", "w"], "y")], (4, 6, 3, 3), {"C": 6}),
        (["N", None, "T"], [("Conv", ["x", "w"], "y")], (4, 7, 3), {"x[1]": 7, "T": 128}),
        (["N", None], [("Gather", ["w", "x"], "y")], (48, 10), {"x[1]": 128}),
    ],
)
def test_a_size_that_only_a_weight_decides_is_read_off_the_weight(
    tmp_path: Path, shape: list[Any], nodes: list[Any], weight: tuple[int, ...], assumed: dict[str, int]
) -> None:
    made = [helper.make_node(op, inputs, [output]) for op, inputs, output in nodes]
    weights = [numpy_helper.from_array(np.ones(weight, np.float32), "w")]
    kind = TensorProto.INT64 if nodes[0][0] == "Gather" else TensorProto.FLOAT
    path = write(tmp_path / "m.onnx", made, [value("x", shape, kind)], weights)
    assert assume(path, {}).sizes == assumed


@pytest.mark.parametrize(
    ("shape", "node", "said"),
    [
        (["n", 8, "t"], "Relu", "assumed: t=128; set with shapes={'t': 128}"),
        ([4, 8], "Relu", "assumed: batch=4; set with batch=4"),
        (["n", 8], "Reshape", "set with shapes={'rank': 2}, fill={'to': ['n', -1]}"),
    ],
)
def test_python_is_told_in_arguments_what_was_assumed(
    tmp_path: Path, shape: list[Any], node: str, said: str
) -> None:
    values = [value("to", ["rank"], TensorProto.INT64)] if node == "Reshape" else []
    names = ["x", *(item.name for item in values)]
    path = write(tmp_path / "m.onnx", [Node(node, names, ["y"])], [value("x", shape), *values])
    assert plan_model_file(path, form=Form.PYTHON)[1].endswith(said)


def test_python_is_asked_in_arguments(tmp_path: Path) -> None:
    fixed = write(tmp_path / "fixed.onnx", [Node("Relu", ["x"], ["y"])], [value("x", [4, 8])])
    with pytest.raises(InputError, match=r"shapes x\[0\]: input 'x' has a fixed batch of 4: say batch=4,"):
        plan_model_file(fixed, shapes={"x[0]": 2}, form=Form.PYTHON)
    text = write(
        tmp_path / "text.onnx", [Node("Identity", ["x"], ["y"])], [value("x", ["n"], TensorProto.STRING)]
    )
    with pytest.raises(InputError, match=r"give it as data='FILE.npz', written by"):
        plan_model_file(text, form=Form.PYTHON)


def test_a_wrong_name_beside_an_input_without_a_shape_is_answered_with_its_first_axis(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [Node("Relu", ["x"], ["y"])], [value("x", None)])
    with pytest.raises(InputError, match=r"--shape z: no such dimension: known: x\[0\]"):
        assume(path, {"z": 3})
    assert assume(path, {"x[0]": 1, "x[1]": 3, "x[2]": 4}) == Assumed({})
    with pytest.raises(InputError, match=r"--fill q: no such input: known: x$"):
        assume(path, {}, inputs={"q": {"fill": 1}})
