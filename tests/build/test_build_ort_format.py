"""ONNX Runtime's own format: optimized when converted, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from make import make_artifact
from models import DIGITS_CNN, images, run

from harness.build import build, ort_format
from harness.core.artifact import Built
from harness.core.errors import Unsupported

pytestmark = pytest.mark.xdist_group("ort_format")  # they share a cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_the_format_holds_the_same_model_optimized(cache: Path) -> None:
    given, built = (build(make_artifact(DIGITS_CNN, format=name), cache) for name in ("onnx", "ort"))
    assert Path(built.path).name == "model.ort"
    assert sorted(path.name for path in Path(built.path).parent.iterdir()) == ["entry.json", "model.ort"]
    assert (built.opset, built.precision, built.inputs) == (17, "fp32", given.inputs)
    assert given.operators["Relu"] == 4 and given.operators["Conv"] == 3
    assert built.operators["FusedConv"] == 3
    assert built.notes == (ort_format.NOTE,)
    assert built.provenance["format"]["optimization_level"] == "all"
    required = built.provenance["format"]["required_operators"]
    assert any(line.startswith("com.microsoft;1;FusedConv") for line in required)
    assert any("Gemm" in line and "float" in line for line in required)
    assert np.allclose(run(built, x=images(5)), run(given, x=images(5)), atol=1e-5)


def test_quantization_is_found_in_the_format(cache: Path) -> None:
    built = build(make_artifact(DIGITS_CNN, precision="int8_static", format="ort"), cache)
    assert built.precision == "int8"
    assert built.operators["QLinearConv"] == 3


def test_what_is_converted_back_to_fp32_is_not_called_fp16(cache: Path) -> None:
    with pytest.raises(Unsupported, match="asked for fp16; the ort file holds fp32"):
        build(make_artifact(DIGITS_CNN, precision="fp16", format="ort"), cache)


def executed(built: Built, level: ort.GraphOptimizationLevel, folder: Path) -> list[str]:
    """The operators that a session really ran."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    session = ort.InferenceSession(built.path, options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": images(1)})
    events = json.loads(Path(session.end_profiling()).read_text())
    return [event["args"]["op_name"] for event in events if event["name"].endswith("_kernel_time")]


def test_graph_opt_changes_nothing_as_the_note_says(cache: Path, tmp_path: Path) -> None:
    built = build(make_artifact(DIGITS_CNN, format="ort"), cache)
    ran = [
        executed(built, level, tmp_path)
        for level in (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    ]
    assert ran[0] == ran[1]
    assert "FusedConv" in ran[0]
