"""What lint finds is shown where models are planned and measured, and read once a model."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from models import relu

from harness.core.case import DataRef, Model, Source, freeze
from harness.inspect.job import KIND, lint_notes


def model(path: Path, name: str = "m") -> Model:
    return Model(name, Source("onnx", freeze({"path": str(path)})))


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    made = relu()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(made, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_finding_is_a_line_with_its_cost(fixed: Path, tmp_path: Path) -> None:
    found = lint_notes([model(fixed), model(fixed, "again")], tmp_path / "cache")
    line = "breaks: input 'x' has a fixed batch of 4: no other batch can be measured"
    assert found == {"m": (line,), "again": (line,)}


def test_a_model_is_read_once_and_again_when_it_changes(fixed: Path, tmp_path: Path) -> None:
    cache, entries = tmp_path / "cache", tmp_path / "cache" / KIND
    first = lint_notes([model(fixed)], cache)
    (entry,) = entries.iterdir()
    written = (entry / "entry.json").read_bytes()
    assert lint_notes([model(fixed)], cache) == first
    assert [each / "entry.json" for each in entries.iterdir()] == [entry / "entry.json"]
    assert (entry / "entry.json").read_bytes() == written
    onnx.save(relu(), fixed)
    assert lint_notes([model(fixed)], cache) == {}, "another file under the same name"


def test_what_is_no_file_or_no_model_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\xff")
    others = [
        Model("z", Source("zoo", ()), data=DataRef("catalogue", "digits")),
        model(tmp_path / "none.onnx"),
    ]
    assert lint_notes([*others, model(tmp_path / "bad.onnx")], tmp_path / "cache") == {}


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(fixed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert list(lint_notes([model(fixed)], tmp_path / "file" / "cache")) == ["m"]
