"""Small models that stand for a kind of fault each: what is measured of them, and how it is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.core.case import Case
from harness.core.decision import Change, Decision
from harness.core.record import Absence, Record
from harness.judge.agreement import outputs_change
from harness.judge.metrics.accuracy import OWN
from harness.plan import plan_document
from harness.run.bench import Bench, open_arms, open_bench
from harness.run.job import environment
from harness.show.repro import render_repro

pytestmark = pytest.mark.xdist_group("cases")  # they share what was measured

Node = helper.make_node
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def weight(name: str, *shape: int, scale: float = 0.1, dtype: str = "f4") -> onnx.TensorProto:
    array = np.random.default_rng(len(name) + sum(shape)).standard_normal(shape) * scale
    return numpy_helper.from_array(array.astype(dtype), name)


def constant(name: str, number: Any, dtype: str = "f4") -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(number, dtype), name)


def embedding(offset: float) -> onnx.ModelProto:
    nodes = [Node("MatMul", ["x", "w"], ["h"]), Node("Add", ["h", "o"], ["y"])]
    weights = [weight("w", 64, 128), constant("o", offset)]
    return make_model(nodes, [value("x", ["n", 64])], [value("y", ["n", 128])], weights)


def depth() -> onnx.ModelProto:
    """A map about a large mean: argmax along its width is noise."""
    node = Node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1])
    weights = [weight("w", 1, 3, 3, 3, scale=0.001), constant("b", [100])]
    return make_model([node], [value("x", ["n", 3, 32, 32])], [value("y", ["n", 1, 32, 32])], weights)


def random_inside() -> onnx.ModelProto:
    nodes = [Node("RandomNormalLike", ["x"], ["r"]), Node("Add", ["x", "r"], ["y"])]
    return make_model(nodes, [value("x", ["n", 8])], [value("y", ["n", 8])])


def classifier(shift: float = 0.0) -> onnx.ModelProto:
    nodes = [Node("MatMul", ["x", "w"], ["h"]), Node("Add", ["h", "o"], ["s"]), Node("Softmax", ["s"], ["y"])]
    weights = [weight("w", 16, 5, scale=1.0), constant("o", [shift, 0, 0, 0, 0])]
    return make_model(nodes, [value("x", ["n", 16])], [value("y", ["n", 5])], weights)


def weight_behind_cast(opset: int = 17) -> onnx.ModelProto:
    nodes = [Node("Cast", ["w16"], ["w"], to=FLOAT), Node("MatMul", ["x", "w"], ["y"])]
    weights = [weight("w16", 64, 64, dtype="f2")]
    return make_model(nodes, [value("x", ["n", 64])], [value("y", ["n", 64])], weights, opset=opset)


def quantized_bias() -> onnx.ModelProto:
    """INT8 as it is, the bias at a scale of its own: wrong in ONNX Runtime up to 1.26 where it is fused."""
    nodes = [
        Node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        Node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
        Node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
        Node("DequantizeLinear", ["b", "bs"], ["bd"]),
        Node("Conv", ["xd", "wd", "bd"], ["c"], pads=[1, 1, 1, 1]),
        Node("QuantizeLinear", ["c", "ys", "yz"], ["yq"]),
        Node("DequantizeLinear", ["yq", "ys", "yz"], ["y"]),
    ]
    numbers = np.random.default_rng(3)
    weights = [
        *(constant("xs", 0.01), constant("xz", 128, "u1"), constant("ws", 0.005), constant("wz", 0, "i1")),
        constant("w", numbers.integers(-127, 127, (8, 3, 3, 3)), "i1"),
        constant("b", numbers.integers(-200, 200, 8), "i4"),
        *(constant("bs", 0.02), constant("ys", 0.05), constant("yz", 128, "u1")),
    ]
    return make_model(nodes, [value("x", ["n", 3, 8, 8])], [value("y", ["n", 8, 8, 8])], weights)


def relu(*shape: Any, output: Any = "same") -> onnx.ModelProto:
    shown = shape if output == "same" else output
    node = Node("Relu", ["x"], ["y"])
    return make_model([node], [value("x", list(shape))], [helper.make_tensor_value_info("y", FLOAT, shown)])


def scaled(kind: int, dtype: str) -> onnx.ModelProto:
    """A model that takes, computes in and gives another float than FP32."""
    shape = ["n", 16]
    ends = (helper.make_tensor_value_info(name, kind, shape) for name in "xy")
    return make_model(
        [Node("MatMul", ["x", "w"], ["y"])], [next(ends)], [next(ends)], [weight("w", 16, 16, dtype=dtype)]
    )


def transposed(*names: str) -> onnx.ModelProto:
    node = Node("Transpose", ["x"], ["y"], perm=[1, 0, 2])
    shown = [names[1], names[0], 8]
    return make_model([node], [value("x", [*names, 8])], [value("y", shown)])


def over_the_batch() -> onnx.ModelProto:
    """A softmax over the samples: each answer depends on the others."""
    node = Node("Softmax", ["x"], ["y"], axis=0)
    return make_model([node], [value("x", ["n", 4])], [value("y", ["n", 4])])


def mean_of_the_batch() -> onnx.ModelProto:
    """Every sample is answered by the mean of all: together, no answer differs from another."""
    nodes = [Node("ReduceMean", ["x"], ["m"], axes=[0]), Node("Mul", ["x", "zero"], ["z"])]
    nodes.append(Node("Add", ["m", "z"], ["y"]))
    return make_model(nodes, [value("x", ["n", 4])], [value("y", ["n", 4])], [constant("zero", 0)])


def normalized_by_the_batch() -> onnx.ModelProto:
    """Batch normalization as in training."""
    made = ["y", "running_mean", "running_variance"]
    node = Node("BatchNormalization", ["x", "s", "b", "m", "v"], made, training_mode=1)
    weights = [constant(name, [1, 2, 3]) for name in "sbmv"]
    return make_model([node], [value("x", ["n", 3, 4])], [value("y", ["n", 3, 4])], weights)


def gray_image() -> onnx.ModelProto:
    """An image without a batch: channels, height and width are fixed."""
    node = Node("ReduceMean", ["x"], ["y"], axes=[0], keepdims=0)
    return make_model([node], [value("x", [3, 8, 8])], [value("y", [8, 8])])


def summed_over_the_first_axis(*shape: Any) -> onnx.ModelProto:
    node = Node("CumSum", ["x", "axis"], ["y"])
    return make_model([node], [value("x", shape)], [value("y", shape)], [constant("axis", 0, "i4")])


def folded_at_four() -> onnx.ModelProto:
    """A batch that is written into the graph: no other is taken."""
    nodes = [Node("Reshape", ["x", "shape"], ["h"]), Node("Softmax", ["h"], ["y"])]
    weights = [constant("shape", [4, 6], "i8")]
    return make_model(nodes, [value("x", ["n", 2, 3])], [value("y", ["n", 6])], weights)


def no_inputs() -> onnx.ModelProto:
    node = Node("MatMul", ["w", "w"], ["y"])
    return make_model([node], [], [value("y", [8, 8])], [weight("w", 8, 8)])


def gathered() -> onnx.ModelProto:
    node = Node("GatherND", ["x", "at"], ["y"], batch_dims=1)
    inputs = [value("x", ["n", 5, 8]), value("at", ["n", 3, 1], INT64)]
    return make_model([node], inputs, [value("y", ["n", 3, 8])])


def mask_that_is_no_mask() -> onnx.ModelProto:
    node = Node("Gather", ["table", "masked_positions"], ["y"])
    inputs = [value("masked_positions", ["n", 4], INT64)]
    return make_model([node], inputs, [value("y", ["n", 4, 16])], [weight("table", 1000, 16)])


def names_of_words() -> onnx.ModelProto:
    node = Node(
        "LabelEncoder", ["word"], ["id"], domain="ai.onnx.ml",
        keys_strings=["a", "b"], values_int64s=[1, 2], default_int64=0,
    )  # fmt: skip
    inputs, outputs = [value("word", ["n", 2], TensorProto.STRING)], [value("id", ["n", 2], INT64)]
    model = make_model([node], inputs, outputs)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    return model


def decoder_with_past() -> onnx.ModelProto:
    """A decoder in small: at its first step the past has no length at all."""
    heads, width, past, total = 4, 16, "past_sequence_length", "past_sequence_length + sequence_length"
    cache = ["batch_size", heads, past, width]
    nodes = [
        Node("Gather", ["table", "input_ids"], ["e"], axis=0),
        Node("Reshape", ["e", "split"], ["q0"]),
        Node("Transpose", ["q0"], ["q"], perm=[0, 2, 1, 3]),
        Node("Concat", ["past.key", "q"], ["present.key"], axis=2),
        Node("Concat", ["past.value", "q"], ["present.value"], axis=2),
        Node("Transpose", ["present.key"], ["kt"], perm=[0, 1, 3, 2]),
        Node("MatMul", ["q", "kt"], ["s"]),
        Node("Cast", ["attention_mask"], ["m"], to=FLOAT),
        Node("Unsqueeze", ["m", "axes"], ["m4"]),
        Node("Add", ["s", "m4"], ["sm"]),
        Node("Softmax", ["sm"], ["p"], axis=-1),
        Node("MatMul", ["p", "present.value"], ["logits"]),
    ]
    inputs = [
        value("input_ids", ["batch_size", "sequence_length"], INT64),
        value("attention_mask", ["batch_size", total], INT64),
        value("past.key", cache),
        value("past.value", cache),
    ]
    outputs = [
        value("logits", ["batch_size", heads, "sequence_length", width]),
        *(value(f"present.{name}", ["batch_size", heads, total, width]) for name in ("key", "value")),
    ]
    weights = [
        weight("table", 100, heads * width),
        constant("split", [0, 0, heads, width], "i8"),
        constant("axes", [1, 2], "i8"),
    ]
    return make_model(nodes, inputs, outputs, weights)


def weights_are_inputs() -> onnx.ModelProto:
    """As exporters wrote up to IR version 3."""
    nodes = [Node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), Node("Relu", ["c"], ["y"])]
    inputs = [value("x", ["n", 3, 8, 8]), value("w", [8, 3, 3, 3])]
    outputs, weights = [value("y", ["n", 8, 8, 8])], [weight("w", 8, 3, 3, 3)]
    return make_model(nodes, inputs, outputs, weights, opset=9, ir_version=3)


MODELS: dict[str, tuple[onnx.ModelProto, dict[str, Any]]] = {
    "weight_behind_cast": (weight_behind_cast(), {"axes": {"precision": ["fp32", "int8_dynamic"]}}),
    "quantized_bias": (quantized_bias(), {}),
    "doubles": (scaled(TensorProto.DOUBLE, "f8"), {}),
    "halves": (scaled(TensorProto.FLOAT16, "f2"), {}),
    "two_symbols": (
        relu("?", 3, "?", "?"),
        {"shapes": {"x[2]": 8, "x[3]": 6}, "axes": {"batch": 4}},
    ),
    "minus_one": (relu(-1, 3, -1, -1), {"shapes": {"x[2]": 8, "x[3]": 6}, "axes": {"batch": 4}}),
    "unnamed": (relu(None, 3, None, output=None), {"shapes": {"x[2]": 5}, "axes": {"batch": 4}}),
    "time_major": (transposed("time", "batch"), {"shapes": {"time": 7}, "axes": {"batch": 4}}),
    "over_the_batch": (over_the_batch(), {"axes": {"batch": 4}}),
    "mean_of_the_batch": (mean_of_the_batch(), {"axes": {"batch": 4}}),
    "normalized_by_the_batch": (normalized_by_the_batch(), {"axes": {"batch": 4}}),
    "summed_over_time": (summed_over_the_first_axis(4, 5), {"axes": {"batch": 4}}),
    "gray_image": (gray_image(), {"axes": {"batch": 3}}),
    "folded_at_four": (folded_at_four(), {"axes": {"batch": 4}}),
    "fixed_batch_4": (relu(4, 4), {"axes": {"batch": 4}}),
    "random_inside": (random_inside(), {"axes": {"batch": 4}}),
    "random_but_named": (random_inside(), {"batch_dim": "n", "axes": {"batch": 4}}),
    "alike": (relu("n", 4), {"inputs": {"x": {"fill": 1}}, "axes": {"batch": 4}}),
    "no_inputs": (no_inputs(), {}),
    "gathered": (gathered(), {}),
    "mask_that_is_no_mask": (mask_that_is_no_mask(), {}),
    "decoder_with_past": (
        decoder_with_past(),
        {"shapes": {"past_sequence_length": 0, "sequence_length": 3}, "axes": {"batch": 2}},
    ),
    "stale_shape": (relu("n", 4, output=["n", 5]), {}),
    "weights_are_inputs": (
        weights_are_inputs(),
        {"axes": {"precision": ["fp32", "fp16", "int8_dynamic", "int8_static"]}},
    ),
    "names_of_words": (names_of_words(), {"data": "words.npz", "axes": {"io": "run"}}),
    "nan_rows": (relu("n", 4), {"data": "nan_rows.npz"}),
}


def bench_of(
    folder: Path, models: dict[str, Any], opened: Any = open_bench
) -> tuple[Bench, tuple[Case, ...]]:
    """Write the models, and open a bench of a suite of them; a model is the file and the keys beside it."""
    document: dict[str, Any] = {}
    for name, (model, keys) in models.items():
        onnx.save(model, folder / f"{name}.onnx")
        document[name] = {"source": {"onnx": f"{name}.onnx"}, **keys}
    sampling = {"calls": 3, "warmup_calls": 1, "warmup_seconds": 0}
    passes = {"memory": False, "proof": False, "drift_samples": 16}
    made = plan_document({"models": document, "sampling": sampling, "measure": passes}, folder, "cases")
    return opened(made.suite, folder / "cache", folder / "work", environment(made)), made.cases


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Every model, measured once: case -> record."""
    folder = tmp_path_factory.mktemp("cases")
    np.savez(folder / "words.npz", word=np.array([["a", "b"], ["b", "a"], ["a", "a"], ["c", "b"]]))
    np.savez(folder / "nan_rows.npz", x=np.full((40, 4), np.nan, np.float32))
    bench, cases = bench_of(folder, MODELS)
    return {case.key: bench.measure(case) for case in cases}


def metric(record: Record, name: str) -> float | None:
    return record.metrics[name].value


def test_every_one_of_them_is_measured(measured: dict[str, Record]) -> None:
    assert {case: record.reason for case, record in measured.items() if record.status != "ok"} == {}


def test_a_weight_that_is_stored_in_halves_and_cast_is_fp32_and_becomes_int8(
    measured: dict[str, Record],
) -> None:
    assert measured["weight_behind_cast"].artifact["precision"] == "fp32"
    assert measured["weight_behind_cast/precision=int8_dynamic"].artifact["precision"] == "int8"


def test_a_source_that_is_int8_is_judged_by_its_own_unoptimized_session(measured: dict[str, Record]) -> None:
    optimized = measured["quantized_bias"].metrics["accuracy/sqnr_db"]
    assert optimized.kind.startswith(OWN)
    assert optimized.absence is Absence.IDENTICAL or (optimized.value or 0) > 20


@pytest.mark.parametrize("case", ["doubles", "halves"])
def test_a_source_of_another_float_has_a_labelled_reference(measured: dict[str, Record], case: str) -> None:
    distance = measured[case].metrics["accuracy/sqnr_db"]
    assert distance.kind.startswith(OWN)
    assert distance.absence is Absence.IDENTICAL or (distance.value or 0) > 40


@pytest.mark.parametrize(
    ("case", "shape"),
    [
        ("two_symbols/batch=4", [4, 3, 8, 6]),
        ("minus_one/batch=4", [4, 3, 8, 6]),
        ("unnamed/batch=4", [4, 3, 5]),
        ("time_major/batch=4", [7, 4, 8]),
    ],
)
def test_the_batch_drives_the_axis_of_samples_alone(
    measured: dict[str, Record], case: str, shape: list[int]
) -> None:
    record = measured[case]
    assert record.session["input_shapes"] == {"x": shape}
    assert metric(record, "throughput/samples_per_s")
    assert not any(note.startswith("the batch axis mixes samples") for note in record.notes)


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("over_the_batch/batch=4", "the batch axis mixes samples: y of rows alone and together: SQNR"),
        ("mean_of_the_batch/batch=4", "the batch axis mixes samples: y of rows alone and together: values"),
        ("normalized_by_the_batch/batch=4", "the batch axis is not checked: y: it varies by itself; calls"),
        ("gray_image/batch=3", "the batch axis mixes samples: no output has an axis of its size (3)"),
        (
            "summed_over_time/batch=4",
            "the batch axis mixes samples: y of a row among copies of itself and among",
        ),
        ("random_inside/batch=4", "the batch axis is not checked: y: it varies by itself; calls a second"),
        ("alike/batch=4", "the batch axis is not checked: every row of the batch holds the same values"),
    ],
)
def test_an_axis_that_is_not_known_to_hold_samples_gives_calls_a_second(
    measured: dict[str, Record], case: str, note: str
) -> None:
    record = measured[case]
    assert metric(record, "throughput/samples_per_s") is None
    assert metric(record, "throughput/calls_per_s")
    assert [item[: len(note)] for item in record.notes if item.startswith("the batch axis")] == [note]


@pytest.mark.parametrize(
    ("case", "notes"),
    [
        ("fixed_batch_4/batch=4", []),
        ("folded_at_four/batch=4", []),
        (
            "random_but_named/batch=4",
            ["the batch axis is not checked: y: it varies by itself; samples a second, as batch_dim says"],
        ),
    ],
)
def test_a_batch_that_cannot_be_taken_apart_is_checked_by_copies_of_a_row(
    measured: dict[str, Record], case: str, notes: list[str]
) -> None:
    record = measured[case]
    assert metric(record, "throughput/samples_per_s")
    assert [note for note in record.notes if note.startswith("the batch axis")] == notes


def test_what_indexes_is_drawn_over_all_of_its_range(measured: dict[str, Record]) -> None:
    inputs = {item["name"]: item for item in measured["gathered"].artifact["inputs"]}
    assert (inputs["at"]["low"], inputs["at"]["high"]) == (0, 5)
    (positions,) = measured["mask_that_is_no_mask"].artifact["inputs"]
    assert (positions["low"], positions["high"], positions["fill"]) == (0, 1000, None)


def test_a_model_without_inputs_has_a_script_that_repeats_it(
    measured: dict[str, Record], tmp_path: Path
) -> None:
    (tmp_path / "repro.py").write_text(render_repro(measured["no_inputs"]))
    done = subprocess.run([sys.executable, "repro.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 calls of no_inputs" in done.stdout


def test_inputs_that_are_nan_are_said(measured: dict[str, Record]) -> None:
    assert any(note.startswith("inputs are NaN: ") for note in measured["nan_rows"].notes)


def test_the_first_step_of_a_decoder_is_measured_with_a_past_of_no_length(
    measured: dict[str, Record],
) -> None:
    shapes = measured["decoder_with_past/batch=2"].session["input_shapes"]
    assert shapes["past.key"] == [2, 4, 0, 16]
    assert (shapes["input_ids"], shapes["attention_mask"]) == ([2, 3], [2, 3])


def test_a_file_whose_shapes_are_stale_is_measured_and_the_checkers_complaint_is_a_note(
    measured: dict[str, Record],
) -> None:
    (note,) = (note for note in measured["stale_shape"].notes if note.startswith("onnx.checker complains"))
    assert "(4) vs (5)" in note


@pytest.mark.parametrize(
    ("precision", "read_back"), [("fp16", "fp16"), ("int8_dynamic", "int8"), ("int8_static", "int8")]
)
def test_weights_that_are_inputs_too_are_taken_out_before_a_conversion(
    measured: dict[str, Record], precision: str, read_back: str
) -> None:
    record = measured[f"weights_are_inputs/precision={precision}"]
    assert record.artifact["precision"] == read_back
    assert [item["name"] for item in record.artifact["inputs"]] == ["x"]
    assert f"before {precision}: weights were taken out of the inputs" in record.notes


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    """Outputs of pairs of models, or of precisions, compared: pair -> decision."""
    models = {
        "same": (embedding(0), {}),
        "shifted": (embedding(10), {}),
        "slightly": (embedding(1e-7), {}),
        "depth": (depth(), {"axes": {"precision": ["fp32", "int8_static"]}}),
        "random": (random_inside(), {}),
        "classes": (classifier(), {}),
        "other_classes": (classifier(3.0), {}),
    }
    bench, cases = bench_of(tmp_path_factory.mktemp("arms"), models, open_arms)
    found = {case.key: bench.evaluate(case) for case in cases}
    pairs = {
        "shifted": ("same", "shifted"),
        "slightly": ("same", "slightly"),
        "depth": ("depth", "depth/precision=int8_static"),
        "random": ("random", "random"),
        "begins to vary": ("same", "random"),
        "classes": ("classes", "other_classes"),
    }
    return {name: outputs_change(found[base], found[head])[0] for name, (base, head) in pairs.items()}


@pytest.mark.parametrize(
    ("pair", "verdict", "reason"),
    [
        ("shifted", Change.REGRESSION, "SQNR -"),
        ("slightly", Change.EQUIVALENT, "SQNR 1"),
        ("depth", Change.EQUIVALENT, "SQNR 7"),
        ("random", Change.INCONCLUSIVE, "outputs vary by themselves by up to "),
        ("begins to vary", Change.REGRESSION, "outputs vary by themselves by up to "),
    ],
)
def test_outputs_are_judged_by_distance_where_no_classes_are_known(
    changes: dict[str, Decision], pair: str, verdict: Change, reason: str
) -> None:
    assert changes[pair].verdict is verdict
    assert changes[pair].reason.startswith(reason)
    assert "agree" not in changes[pair].reason


def test_classes_count_where_a_softmax_makes_them_known(changes: dict[str, Decision]) -> None:
    assert changes["classes"].verdict is Change.REGRESSION
    assert "of the answers agree" in changes["classes"].reason
