"""An .onnx file of the user's: taken as it is, converted, or refused with one clear reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from make import make_artifact
from models import images, net, one_node, run
from onnx import TensorProto, helper

from harness.build import build, cache, list_cache
from harness.build.reading import opset_of
from harness.core.artifact import Built
from harness.core.case import freeze
from harness.core.errors import Failed, Unsupported
from harness.core.inputs import Input

Save = Callable[..., Path]


def test_a_file_is_taken_as_it_is(save: Save, tmp_path: Path) -> None:
    path = save(net())
    built = build(make_artifact(path), tmp_path / "cache")
    assert built.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Path(built.path).read_bytes() == path.read_bytes()
    assert built.size_bytes == path.stat().st_size
    assert (built.opset, built.precision, built.engine, built.notes) == (17, "fp32", "ort", ())
    assert built.operators == {"Conv": 1, "Flatten": 1, "Gemm": 1, "Relu": 1}
    assert built.inputs == (Input("x", "float32", ("batch", 1, 8, 8)),)
    assert built.outputs == ("scores",)
    assert Built.from_json(built.to_json()) == built


def test_a_file_keeps_its_artifact_wherever_it_lies(save: Save, tmp_path: Path) -> None:
    first = build(make_artifact(save(net())), tmp_path / "cache")
    (tmp_path / "other").mkdir()
    moved = save(net(), "other/given.onnx")
    assert build(make_artifact(moved), tmp_path / "cache") == first
    assert len(list_cache(tmp_path / "cache")) == 1


def test_a_changed_file_is_another_artifact(save: Save, tmp_path: Path) -> None:
    first = build(make_artifact(save(net(width=10))), tmp_path / "cache")
    second = build(make_artifact(save(net(width=9))), tmp_path / "cache")
    assert first.sha256 != second.sha256
    assert Path(first.path).exists()


def external(save: Save) -> Path:
    return save(net(), save_as_external_data=True, location="weights.bin", size_threshold=0)


def test_external_data_counts_as_part_of_the_file(save: Save, tmp_path: Path) -> None:
    path = external(save)
    weights = path.with_name("weights.bin")
    first = build(make_artifact(path), tmp_path / "cache")
    assert first.size_bytes == path.stat().st_size + weights.stat().st_size
    inside = build(make_artifact(save(net(), "inside.onnx")), tmp_path / "cache")
    assert np.array_equal(run(first, x=images(2)), run(inside, x=images(2)))
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    second = build(make_artifact(path), tmp_path / "cache")
    assert second.sha256 != first.sha256
    assert not np.array_equal(run(first, x=images(2)), run(second, x=images(2)))


def test_external_data_is_converted_with_the_model(save: Save, tmp_path: Path) -> None:
    built = build(make_artifact(external(save), opset=21, precision="fp16"), tmp_path / "cache")
    assert (built.opset, built.precision) == (21, "fp16")
    assert run(built, x=images(3)).shape == (3, 10)


def test_missing_external_data_is_named(save: Save, tmp_path: Path) -> None:
    path = external(save)
    path.with_name("weights.bin").unlink()
    with pytest.raises(Failed, match=r"given.onnx: its external data 'weights.bin' is missing"):
        build(make_artifact(path), tmp_path / "cache")


def test_external_data_stays_in_the_models_folder(save: Save, tmp_path: Path) -> None:
    path = external(save)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = "../secret"
    path.write_bytes(model.SerializeToString())
    (tmp_path.parent / "secret").write_bytes(b"\0" * 100_000)
    with pytest.raises(Failed, match="lies outside the model's folder"):
        build(make_artifact(path), tmp_path / "cache")


@pytest.mark.parametrize("opset", [16, 18, 21, 23])
def test_a_file_is_converted_to_the_opset_asked_for(save: Save, tmp_path: Path, opset: int) -> None:
    given = build(make_artifact(save(net())), tmp_path / "cache")
    built = build(make_artifact(save(net()), opset=opset), tmp_path / "cache")
    assert built.opset == opset_of(onnx.load(built.path)) == opset
    assert built.provenance["converted"] == {"by": "onnx.version_converter", "from_opset": 17}
    assert np.array_equal(run(built, x=images(4)), run(given, x=images(4)))


def test_the_opset_that_a_file_has_changes_nothing(save: Save, tmp_path: Path) -> None:
    path = save(net())
    assert (
        build(make_artifact(path, opset=17), tmp_path / "cache").sha256
        == build(make_artifact(path), tmp_path).sha256
    )


def test_an_opset_that_the_converter_cannot_reach_is_unsupported(save: Save, tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as caught:
        build(make_artifact(save(net()), opset=11), tmp_path / "cache")
    assert str(caught.value) == (
        "onnx.version_converter cannot convert from opset 17 to 11: No Adapter From Version $14 for Relu"
    )


def test_a_file_is_not_exported(save: Save, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"an \.onnx file is exported already"):
        build(make_artifact(save(net()), exporter="dynamo"), tmp_path / "cache")


def untyped() -> onnx.ModelProto:
    model = net()
    model.graph.node[1].op_type = "Rleu"
    return model


def misshapen() -> onnx.ModelProto:
    model = net()
    model.graph.initializer[2].dims[0] = 255
    model.graph.initializer[2].raw_data = model.graph.initializer[2].raw_data[: 255 * 10 * 4]
    return model


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the file is empty; was it written at all?"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html>", "it is a web page"),
        (b"\x08\0\0\0ORTM", "it is in ONNX Runtime's own format"),
        (b"this is no model", "it is text and no model"),
        (b"\x0a\xff\xff", "it does not parse as protobuf"),
        (net().SerializeToString()[:5000], "it does not parse as protobuf"),
        (untyped().SerializeToString(), "Rleu"),
        (misshapen().SerializeToString(), "ONNX Runtime does not load it: "),
    ],
)
def test_a_broken_file_fails_with_one_line(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(raw)
    with pytest.raises(Failed) as caught:
        build(make_artifact(path), tmp_path / "cache")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list_cache(tmp_path / "cache")


@pytest.mark.parametrize("name", ["config.json", "deploy.prototxt", "net.textproto", "net.onnxtxt"])
def test_a_file_of_another_kind_is_read_as_what_it_is_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"hidden_size": 64}')
    with pytest.raises(Failed, match=f"{name}: not an ONNX file: it is text and no model"):
        build(make_artifact(tmp_path / name), tmp_path / "cache")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"nowhere.onnx: no such file"):
        build(make_artifact(tmp_path / "nowhere.onnx"), tmp_path / "cache")


def test_a_quantized_file_is_labelled_as_what_it_is(save: Save, tmp_path: Path) -> None:
    quantized = build(make_artifact(save(net()), precision="int8_dynamic"), tmp_path / "cache")
    built = build(make_artifact(Path(quantized.path)), tmp_path / "cache")
    assert (built.precision, built.notes) == ("int8", ("the source is int8 as it is",))
    with pytest.raises(Unsupported, match="asked for int8_static; the source is int8 already"):
        build(make_artifact(Path(quantized.path), precision="int8_static"), tmp_path / "cache")


def test_what_the_suite_says_of_an_input_overrides_the_graph(save: Save, tmp_path: Path) -> None:
    said = {"model": {"inputs": freeze({"x": {"low": 0, "high": 1}})}}
    path = save(net())
    assert build(make_artifact(path, **said), tmp_path / "cache").inputs[0].high == 1
    assert build(make_artifact(path), tmp_path / "cache").inputs[0].high is None
    assert len(list_cache(tmp_path / "cache")) == 1
    wrong = {"model": {"inputs": freeze({"z": {"low": 0}})}}
    with pytest.raises(Failed, match="inputs names 'z'; the model's inputs: x"):
        build(make_artifact(path, **wrong), tmp_path / "cache")


def test_the_list_shows_what_is_whole_and_what_is_not(save: Save, tmp_path: Path) -> None:
    build(make_artifact(save(net())), tmp_path / "cache")
    build(make_artifact(save(one_node("Relu"))), tmp_path / "cache")
    first, second = list_cache(tmp_path / "cache")
    assert first.built is not None and first.damage == ""
    (second.folder / "model.onnx").write_bytes(b"moths")
    stored = {item.key: item for item in list_cache(tmp_path / "cache")}
    assert stored[first.key] == first
    assert stored[second.key].built is None
    assert "model.onnx does not have the hash it was written with" in stored[second.key].damage


def test_an_entry_of_another_version_is_listed_as_such(tmp_path: Path) -> None:
    cache.fetch(tmp_path, "artifacts", {"of": "old"}, lambda folder: {"file": "x", "colour": "red"})
    (stored,) = list_cache(tmp_path)
    assert (stored.built, stored.damage) == (None, "written by another version of the harness")


def test_an_input_that_is_no_tensor_is_unsupported(save: Save, tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [2])
    graph = helper.make_graph(
        [helper.make_node("SequenceLength", ["x"], ["y"])],
        "sequence",
        [sequence],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(Unsupported, match="input 'x' is of type sequence; only tensors are fed"):
        build(make_artifact(save(model)), tmp_path / "cache")


def test_an_input_without_a_shape_is_read_as_one(save: Save, tmp_path: Path) -> None:
    model = one_node("Relu")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    built = build(make_artifact(save(model)), tmp_path / "cache")
    assert built.inputs == (Input("x", "float32", (), unranked=True),)
