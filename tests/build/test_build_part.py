"""A part of a model as a model of its own: fed with what its tensors hold in the whole one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make import make_artifact
from models import images, net, run

from harness.build import build, fp32_reference, own_data
from harness.core.artifact import Built
from harness.core.case import DataRef, freeze
from harness.core.errors import Failed

pytestmark = pytest.mark.xdist_group("part")  # they share a model

LABELS = np.arange(10) % 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import onnx

    found = tmp_path_factory.mktemp("part")
    onnx.save(net(), found / "net.onnx")
    np.savez(found / "d.npz", x=images(10), y=LABELS)
    return found


def make(folder: Path, data: bool = True, **cut: list[str]) -> tuple[Built, Built]:
    """The whole model, and a part of it."""
    ref = DataRef("npz", str(folder / "d.npz")) if data else None
    whole = make_artifact(folder / "net.onnx", data=ref)
    part = make_artifact(folder / "net.onnx", data=ref, model={"cut": freeze(cut)})
    assert fp32_reference(part, build(part, folder / "cache")) == part  # it is compared with itself in FP32
    return build(whole, folder / "cache"), build(part, folder / "cache")


def test_a_part_computes_on_recorded_tensors_what_the_whole_model_does(folder: Path) -> None:
    whole, part = make(folder, inputs=["r"])
    assert (part.operators, part.inputs[0].name, part.opset) == ({"Flatten": 1, "Gemm": 1}, "r", 17)
    data = own_data(part)
    assert data is not None and (data.name, data.samples, data.labelled) == ("tensors of d.npz", 8, True)
    with np.load(data.evaluation) as recorded, np.load(folder / "d.npz") as given:
        answers = run(whole, x=given["x"])
        rows = [int(np.flatnonzero((answers == row).all(1))[0]) for row in run(part, r=recorded["r"])]
        assert recorded["y"].tolist() == given["y"][rows].tolist()
    with np.load(data.calibration) as recorded:
        assert recorded["r"].shape == (2, 4, 8, 8)
    assert part.provenance["cut"]["of"] == whole.sha256
    assert {path.name for path in Path(part.path).parent.iterdir()} == {"model.onnx", "facts", "entry.json"}


def test_labels_do_not_go_with_a_tensor_from_within(folder: Path) -> None:
    _, part = make(folder, outputs=["c"])
    data = own_data(part)
    assert part.outputs == ("c",)
    assert data is not None and not data.labelled
    with np.load(data.evaluation) as recorded:
        assert recorded.files == ["x"]


def test_without_data_nothing_is_recorded(folder: Path) -> None:
    _, part = make(folder, data=False, inputs=["r"])
    assert own_data(part) is None


def test_a_tensor_that_is_no_row_a_sample_cannot_be_fed(tmp_path: Path) -> None:
    import onnx

    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[batch, 4] x) => (float[4, batch] y)'
        "{ t = Transpose<perm=[1, 0]>(x) y = Relu(t) }"
    )
    onnx.save(model, tmp_path / "t.onnx")
    np.savez(tmp_path / "d.npz", x=np.ones((4, 4), np.float32))
    ref = DataRef("npz", str(tmp_path / "d.npz"))
    artifact = make_artifact(tmp_path / "t.onnx", data=ref, model={"cut": freeze({"inputs": ["t"]})})
    with pytest.raises(Failed, match=r"'t' has shape \(4, 1\) for 1 sample of d.npz: its first axis is not"):
        build(artifact, tmp_path / "cache")
