"""The models that come along: small, trained, and what their scripts say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from make import make_artifact
from models import DIGITS_CNN, ROOT, run

from harness.build import build, load_data
from harness.core.artifact import Built
from harness.core.case import DataRef

DIGITS = DataRef("catalogue", "digits")


def top1(built: Built, cache: Path) -> float:
    with np.load(load_data(DIGITS, cache).evaluation) as data:
        return float((run(built, x=data["x"]).argmax(1) == data["y"]).mean())


def test_the_digits_cnn_is_small_and_right(tmp_path: Path) -> None:
    built = build(make_artifact(DIGITS_CNN), tmp_path)
    assert built.size_bytes <= 500_000
    assert (built.opset, built.inputs[0].shape, built.outputs) == (17, ("batch", 1, 8, 8), ("scores",))
    assert top1(built, tmp_path) == pytest.approx(593 / 597)
    assert not [item for item in onnx.load(DIGITS_CNN).graph.initializer if item.external_data]


@pytest.mark.torch
def test_the_digits_transformer_is_small_and_right(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    source = ROOT / "suites" / "models" / "digits_transformer.py"
    built = build(
        make_artifact({"target": f"{source}:model"}, "torch", exporter="torchscript", opset=17), tmp_path
    )
    assert source.with_suffix(".npz").stat().st_size <= 300_000
    assert top1(built, tmp_path) == pytest.approx(591 / 597)
