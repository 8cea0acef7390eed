"""The suites that people start from, and every axis, for real: real models, real ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from models import make_model, value
from onnx import helper

from harness.core.case import AXES

ROOT = Path(__file__).parents[1]
QUICK = ("--set", "sampling.seconds=0.02", "--set", "sampling.warmup_seconds=0")
Records = Callable[..., list[dict[str, Any]]]

DIGITS = {"source": {"onnx": str(ROOT / "suites/models/digits_cnn.onnx")}, "data": "digits"}
TRANSFORMER = {"source": {"torch": f"{ROOT}/suites/models/digits_transformer.py:model"}, "data": "digits"}


def of_status(records: list[dict[str, Any]], status: str) -> list[dict[str, Any]]:
    """The records that ended so."""
    return [record for record in records if record["status"] == status]


@pytest.mark.slow
def test_the_quickstart_is_measured_in_full(records: Records) -> None:
    found = records("run", ROOT / "suites/quickstart.yaml", *QUICK)
    assert len(of_status(found, "ok")) == 24
    assert len(of_status(found, "skipped")) == 6
    int8 = [record for record in of_status(found, "ok") if record["axes"]["precision"] == "int8_static"]
    for record in int8:
        assert record["artifact"]["precision"] == "int8"
        assert any("Linear" in name for name in record["artifact"]["operators"])
        if record["axes"]["model"] == "digits_cnn":
            assert record["metrics"]["accuracy/top1"]["value"] > 0.98
            assert record["metrics"]["accuracy/top1_delta"]["low"] is not None
        else:
            assert "random weights" in record["notes"]
            assert record["metrics"]["accuracy/top1"]["value"] is None


AXIS_SUITES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "opset": (DIGITS, [17, 21]),
    "precision": (
        DIGITS,
        ["fp16", {"pc": {"method": "static", "per_channel": True, "calibration": "entropy"}}],
    ),
    "format": (DIGITS, ["onnx", "ort"]),
    "optimizer": (DIGITS, ["none", "ort"]),
    "provider": (DIGITS, ["cpu", "cuda"]),
    "graph_opt": (DIGITS, [0, "basic", "extended", 99]),
    "execution_mode": (DIGITS, ["sequential", "parallel"]),
    "intra_threads": (DIGITS, [1, 2]),
    "inter_threads": (DIGITS, [1, 2]),
    "config": (DIGITS, ["default", {"calm": {"session.intra_op.allow_spinning": "0"}}]),
    "batch": (DIGITS, [1, 3]),
    "io": (DIGITS, ["iobinding", "run"]),
}


def run_axis(
    axis: str, values: list[Any], model: dict[str, Any], folder: Path, records: Records, *flags: str
) -> Any:
    """Measure `model` over one axis."""
    path = folder / f"{axis}.yaml"
    path.write_text(yaml.safe_dump({"models": {"m": model}, "axes": {axis: values}}))
    return records("run", path, *QUICK, *flags)


@pytest.mark.parametrize("axis", AXIS_SUITES)
def test_an_axis_is_in_effect_where_the_case_is_ok(axis: str, tmp_path: Path, records: Records) -> None:
    model, values = AXIS_SUITES[axis]
    found = run_axis(axis, values, model, tmp_path, records, "--set", "measure.accuracy=false")
    assert len(found) == len(values)
    for record in found:
        session = record["effective"].get("session", {})
        if axis == "provider" and record["axes"]["provider"] == "cuda":
            assert record["status"] == "unsupported"
            assert "CUDAExecutionProvider" in record["reason"]
            continue
        assert record["status"] == "ok", record["reason"]
        match axis:
            case "opset":
                assert record["artifact"]["opset"] == record["axes"]["opset"]
            case "precision":
                expected = {"fp16": "fp16", "pc": "int8"}
                assert record["artifact"]["precision"] == expected[record["axes"]["precision"]]
            case "optimizer":
                nodes = record["artifact"]["provenance"].get("optimizer", {}).get("nodes")
                assert (nodes is None) == (record["axes"]["optimizer"] == "none")
            case "format":
                marked = Path(record["artifact"]["path"]).read_bytes()[4:8] == b"ORTM"
                assert marked == (record["axes"]["format"] == "ort")
            case "provider":
                assert session["providers"] == ["CPUExecutionProvider"]
            case "graph_opt" | "execution_mode" | "inter_threads":
                assert session["options"][axis] == record["axes"][axis]
            case "intra_threads":
                assert session["options"]["intra_threads"] == record["axes"]["intra_threads"]
                added = session["threads"]["after"] - session["threads"]["before"]
                assert added == record["axes"]["intra_threads"] - 1
            case "config":
                asked = record["asked"]["session"]["config"]["options"]
                assert session["options"]["config"] == asked
            case "batch":
                (shape,) = session["input_shapes"].values()
                assert shape[0] == record["axes"]["batch"]
            case "io":
                called = {"iobinding": "run_with_iobinding", "run": "run"}
                assert session["call"] == called[record["axes"]["io"]]
            case _:
                pytest.fail(f"nothing is asserted of {axis}")


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize(("exporter", "opset"), [("dynamo", 18), ("torchscript", 13)])
def test_each_exporter_gives_what_was_trained_at_the_opset_asked_for(
    tmp_path: Path, records: Records, exporter: str, opset: int
) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    model = {**TRANSFORMER, "axes": {"opset": opset}}
    (record,) = run_axis("exporter", [exporter], model, tmp_path, records)
    assert (record["status"], record["reason"]) == ("ok", "")
    assert (record["artifact"]["opset"], record["axes"]["exporter"]) == (opset, exporter)
    assert record["artifact"]["provenance"]["exporter"] == exporter
    assert record["metrics"]["accuracy/top1"]["value"] > 0.97


def test_named_shapes_bind_the_symbolic_dimensions(tmp_path: Path, records: Records) -> None:
    node = helper.make_node("Relu", ["tokens"], ["y"])
    row = ["batch", "sequence"]
    onnx.save(make_model([node], [value("tokens", row)], [value("y", row)]), tmp_path / "tokens.onnx")
    shapes = [{"short": {"sequence": 4}}, {"long": {"sequence": 16}}]
    model = {"source": {"onnx": "tokens.onnx"}}
    short, long = run_axis("shapes", shapes, model, tmp_path, records)
    assert short["effective"]["session"]["input_shapes"]["tokens"] == [1, 4]
    assert long["effective"]["session"]["input_shapes"]["tokens"] == [1, 16]


def test_every_axis_is_run_for_real_somewhere() -> None:
    here = re.findall(r'run_axis\("(\w+)"', Path(__file__).read_text())
    providers = (ROOT / "tests/test_providers.py").read_text()
    swept = re.findall(r'"--(\w+)", OPENVINO|axes\.(\w+)={OLDER}', providers)
    fitted = re.findall(r'"axes"\] = {"(\w+)"', (ROOT / "tests/build/test_build_sklearn.py").read_text())
    assert set(AXES) == {*AXIS_SUITES, *here, *map("".join, swept), *fitted}
