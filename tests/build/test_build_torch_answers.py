"""A torch module answers the rows that the file made of it is evaluated on."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import save_model, value
from onnx import helper

from harness.build.origin import ANSWERS

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytestmark = pytest.mark.torch

from harness.build.sources.torch_answers import keep  # noqa: E402 - where torch is
from harness.build.sources.torch_export import Example  # noqa: E402

ASKED: dict[str, Any] = {"shapes": {}, "batch_dim": None, "inputs": {}, "data": None}


class Doubled(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Twice the input, and a constant that has no batch."""

    def forward(self, x: Any) -> Any:
        return {"y": 2 * x, "z": torch.ones(3)}


def doubled(folder: Path, module: Any = None, outputs: tuple[str, ...] = ("y", "z")) -> dict[str, Any]:
    """Keep how a module answers, beside a file that stands for what was exported of it."""
    nodes = [helper.make_node("Add", ["x", "x"], ["y"]), helper.make_node("Shape", ["x"], ["z"])]
    values = [value("y", ["batch", 4]), value("z", [2], 7)]
    path = save_model(folder / "m.onnx", nodes, [value("x", ["batch", 4])], values[: len(outputs)])
    example = Example(module or Doubled(), {"x": torch.zeros(2, 4)}, None, {"x": {0: "batch"}})
    return keep(example, path, ASKED, folder)


def test_the_rows_are_those_that_a_worker_draws(tmp_path: Path) -> None:
    kept = doubled(tmp_path)
    assert kept == {"rows": "random", "seed": 0, "shapes": {}, "file": ANSWERS, "counts": ""}
    with np.load(tmp_path / ANSWERS) as arrays:
        assert arrays.files == ["y"]  # z has no batch
        answers = arrays["y"]
    rng = np.random.default_rng([0, zlib.crc32(b"x")])
    assert answers.shape == (32, 4)
    assert np.array_equal(answers, 2 * rng.standard_normal((32, 4), np.float32))


def test_rows_of_data_are_answered_in_their_order(tmp_path: Path) -> None:
    rows = np.arange(20, dtype=np.float32).reshape(5, 4)
    np.savez(tmp_path / "rows.npz", x=rows, y=np.zeros(5))
    asked = {**ASKED, "path": str(tmp_path / "rows.npz")}
    example = Example(Doubled(), {"x": torch.zeros(2, 4)}, None, {"x": {0: "batch"}})
    doubled(tmp_path)
    kept = keep(example, tmp_path / "m.onnx", asked, tmp_path)
    assert kept["rows"] == "data" and "seed" not in kept
    with np.load(tmp_path / ANSWERS) as arrays:
        assert np.array_equal(arrays["y"], 2 * rows)


def test_a_module_that_raises_or_gives_other_tensors_leaves_the_file_and_says_why(tmp_path: Path) -> None:
    class Raising(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            raise RuntimeError("not\nthese")

    class Mixing(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return (torch.where(x.sum() > 0, x, -x),)

    mixed = doubled(tmp_path, Mixing(), outputs=("y",))
    assert "it answers a row otherwise alone than beside others (y)" in mixed["unavailable"]
    assert doubled(tmp_path, Raising())["unavailable"].endswith("RuntimeError: not")
    assert "it gives 2 tensors, the file 1" in doubled(tmp_path, outputs=("y",))["unavailable"]
