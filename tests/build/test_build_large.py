"""Models above protobuf's 2 GB: written with external data, by every step that writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from models import images, net

from harness.build import files
from harness.build.check import check
from harness.build.precisions import Precision
from harness.build.reading import read_onnx
from harness.build.worker import discard
from harness.core.plugins import PRECISIONS


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in a folder of its own, on a machine where 1,000 bytes are large."""
    monkeypatch.setattr(files, "LARGE_BYTES", 1000)
    folder = tmp_path / "base"
    folder.mkdir()
    model = net()
    gemm = model.graph.node[-1]  # as a product and a sum: 4 bits are for products alone
    product = onnx.helper.make_node("MatMul", gemm.input[:2], ["product"], name="product")
    added = onnx.helper.make_node("Add", ["product", gemm.input[2]], gemm.output, name="add")
    del model.graph.node[-1]
    model.graph.node.extend([product, added])
    files.save(model, folder / files.MODEL)
    return folder / files.MODEL


def infer(path: Path) -> np.ndarray:
    import onnxruntime as ort

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": images(4)})[0])


def test_a_large_model_is_saved_beside_its_data(base: Path) -> None:
    assert sorted(path.name for path in base.parent.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert files.external_files(files.parse(base)) == ["model.onnx.data"]
    assert base.stat().st_size < 1000


def test_a_small_model_is_one_file(base: Path, tmp_path: Path) -> None:
    model = onnx.load(base)
    del model.graph.initializer[:]
    files.save(model, tmp_path / "small.onnx")
    assert files.external_files(files.parse(tmp_path / "small.onnx")) == []


@pytest.mark.parametrize("name", list(PRECISIONS))
def test_a_large_model_is_converted(base: Path, tmp_path: Path, name: str) -> None:
    precision: Precision = PRECISIONS.resolve(name)
    target = tmp_path / "target" / files.MODEL
    target.parent.mkdir()
    feeds = [{"x": image[None]} for image in images(8)]
    precision.convert(base, target, precision.complete(name, {}), feeds)
    discard(target.parent, target)
    check(target)
    kept = {path.name for path in target.parent.iterdir()}
    assert kept == {files.MODEL, *files.external_files(files.parse(target))}
    assert len(kept) == 2
    assert read_onnx(target).precision == precision.reads_back
    error = np.abs(infer(target) - infer(base)).max() / np.abs(infer(base)).max()
    assert error < (0.2 if "int4" in name else 0.05)
